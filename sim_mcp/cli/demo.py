"""The demonstration: a support desk's morning, with a real client, server process and HTTP to a sandbox."""

import os
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from mcp import Client, StdioServerParameters
from mcp.client.session import ClientRequestContext
from mcp.types import CallToolResult, ElicitRequestParams, ElicitResult, TextContent
from rich.console import Console
from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text

from sim_mcp.cli.streams import Output
from sim_mcp.cli.tables import chart, print_answer, records
from sim_mcp.sandbox import Sandbox, SandboxSettings, running


@dataclass
class Demo:
    """What the steps share: the console, the sandbox, its scenarios, and the failed checks."""

    console: Console
    upstream: httpx.AsyncClient
    scenarios: dict[str, dict[str, Any]]
    failed: list[str] = field(default_factory=list)

    def ask(self, question: str) -> None:
        """Print a person's question."""
        self.console.print(Rule(style="dim"))
        self.console.print(Text(f"“{question}”", style="bold"))

    def check(self, held: bool, promise: str) -> None:
        """Print whether a promise held, and record it if it did not."""
        mark, style = ("✓", "green") if held else ("✗", "bold red")
        self.console.print(Text(f"{mark} {promise}", style=style))
        if not held:
            self.failed.append(promise)

    async def writes(self) -> int:
        """Return the number of writes that the sandbox has received."""
        requests = (await self.upstream.get("/sandbox/requests")).json()
        return sum(request["method"] in {"PATCH", "DELETE", "PUT"} for request in requests)


async def run(console: Console) -> bool:
    """Run the demonstration; return whether every check held."""
    with TemporaryDirectory() as state_dir:
        return await _run(console, state_dir)


async def _run(console: Console, state_dir: str) -> bool:
    async with running(SandboxSettings(sims=500)) as world, _loopback_client(world.base_url) as upstream:
        found = (await upstream.get("/sandbox/scenarios")).json()
        demo = Demo(console, upstream, {each["key"]: each for each in found})
        console.print(
            Panel(
                f"An emnify of our own with 500 SIMs listens at {world.base_url}.\n"
                "The server runs as its own process, the client speaks MCP to it over stdio.",
                title="sim-mcp demo",
            )
        )
        async with _client(world, state_dir, forms=False) as client:
            demo.check(len((await client.list_tools()).tools) >= 12, f"connected, MCP {client.protocol_version}")  # noqa: PLR2004  # the twelve tools promised.
            await _reading(demo, client)
            await _without_forms(demo, client)
        async with _client(world, state_dir, forms=True) as client:
            await _with_forms(demo, client)
            await _batch(demo, client)
    console.print(Rule(style="dim"))
    verdict = "Everything held." if not demo.failed else f"Did not hold: {'; '.join(demo.failed)}"
    console.print(Text(verdict, style="bold red" if demo.failed else "bold green"))
    return not demo.failed


def _loopback_client(base_url: str) -> httpx.AsyncClient:
    """Return an HTTP client for this machine that ignores proxy and certificate settings."""
    return httpx.AsyncClient(base_url=base_url, trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


async def _reading(demo: Demo, client: Client) -> None:
    card = _in_groups(demo.scenarios["roaming_spike"]["iccid_with_luhn"])
    demo.ask(f"A customer reads {card} off his card. Which SIM is it?")
    sim = await _call(demo, client, "get_sim", sim=card)
    print_answer(sim, demo.console)
    demo.check(sim.get("iccid") == card.replace(" ", ""), "found by the digits on the card")

    demo.ask("Why was it so expensive? What did it use?")
    used = await _call(demo, client, "get_sim_daily_usage", sim=card)
    demo.console.print(chart(used.get("days", []), demo.console))
    demo.check(bool(used.get("days")), "usage by day, in MB and money")
    diagnosis = await _call(demo, client, "diagnose_sim", sim=card)
    print_answer(diagnosis, demo.console)
    demo.check(
        "Turkey" in str(diagnosis.get("findings")),
        "the cause with its evidence: data used in another country than usual",
    )

    demo.ask("How many SIMs do we have, and which are suspended?")
    counted = await _call(demo, client, "summarize_sims", group_by=["status"])
    print_answer(counted, demo.console)
    counts = [row["sims"] for row in counted.get("groups", [])]
    demo.check(bool(counts) and sum(counts) == counted.get("total"), "counts that add up to the whole fleet")
    listed = await _call(demo, client, "list_sims", status="suspended", per_page=5)
    demo.console.print(f"{len(listed.get('sims', []))} of {listed.get('total')}")
    demo.console.print(records(listed.get("sims", []), demo.console))
    statuses = {row["status"] for row in listed.get("sims", [])}
    demo.check(statuses == {"Suspended"} and bool(listed.get("next")), "only suspended ones, and the next call")


async def _without_forms(demo: Demo, client: Client) -> None:
    demo.ask("Suspend the one that went silent. (This client cannot show a form.)")
    before = await demo.writes()
    sim = demo.scenarios["went_silent"]["iccid"]
    result = await client.call_tool("set_sim_status", {"sims": [sim], "status": "suspended"})
    demo.console.print(Text(_text(result), style="yellow"))
    waits = (result.structured_content or {}).get("state") == "waiting for approval"
    demo.check(waits and await demo.writes() == before, "it waits for a person; nothing was sent to emnify")


async def _with_forms(demo: Demo, client: Client) -> None:
    demo.ask("Suspend the one that went silent. (This client can show a form.)")
    before = await demo.writes()
    sim = demo.scenarios["went_silent"]["iccid"]
    report = await _call(demo, client, "set_sim_status", sims=[sim], status="suspended")
    demo.console.print(records(report.get("sims", []), demo.console))
    rows = report.get("sims", [])
    held = [row["outcome"] for row in rows] == ["changed"] and [row["after"] for row in rows] == ["Suspended"]
    demo.check(held and await demo.writes() == before + 1, "a person agreed; written once; read back")


async def _batch(demo: Demo, client: Client) -> None:
    bic = demo.scenarios["batch_registrable"]["bic"]
    demo.ask(f"A box arrived with the code {bic}. Take it in.")
    checked = await _call(demo, client, "validate_sim_batch", bic=bic)
    print_answer(checked, demo.console)
    demo.check(bool(checked.get("sims")), "the batch can be registered")
    done = await _call(demo, client, "register_sim_batch", bic=bic, status="issued")
    print_answer(done, demo.console)
    held = (
        done.get("counts") == {"changed": checked.get("sims")}
        and f"{checked.get('sims')} SIMs registered" in done["sims"][0]["note"]
    )
    demo.check(held, "registered and read back")


async def _call(demo: Demo, client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    listed = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    demo.console.print(Text(f"→ {tool}({listed})", style="dim"))
    result = await client.call_tool(tool, arguments)
    if result.is_error:
        demo.console.print(Text(_text(result), style="red"))
    return result.structured_content or {}


@asynccontextmanager
async def _client(world: Sandbox, state_dir: str, *, forms: bool) -> AsyncIterator[Client]:
    """Start the server as a process and connect to it, as a client that can show forms or one that cannot."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("EMNIFY_", "SIM_MCP_"))}
    environment |= {
        "EMNIFY_BASE_URL": world.base_url,
        "EMNIFY_APPLICATION_TOKEN": world.tokens["enterprise"],
        "SIM_MCP_APPROVAL_WAIT": "0",
        "SIM_MCP_STATE_DIR": state_dir,
    }
    server = StdioServerParameters(command=sys.executable, args=["-m", "sim_mcp"], env=environment, cwd=state_dir)
    async with Client(server, elicitation_callback=_agree if forms else None) as client:
        yield client


async def _agree(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
    del context  # the SDK passes it.
    output = Output(lines_may_be_long=False)
    output.print(Panel(Text(params.message), title="The form", subtitle="answered: yes", border_style="cyan"))
    return ElicitResult(action="accept", content={"agree": True})


def _text(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


def _in_groups(iccid: str) -> str:
    return " ".join(iccid[start : start + 4] for start in range(0, len(iccid), 4))
