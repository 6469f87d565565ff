"""A support desk's morning, shown with a real client, a real server process and real HTTP to a sandbox."""

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
class Morning:
    """Hold what the steps share: where to print, the fleet, and what did not hold."""

    console: Console
    upstream: httpx.AsyncClient
    stories: dict[str, dict[str, Any]]
    failed: list[str] = field(default_factory=list)

    def ask(self, question: str) -> None:
        """Show what a person asks."""
        self.console.print(Rule(style="dim"))
        self.console.print(Text(f"“{question}”", style="bold"))

    def check(self, held: bool, promise: str) -> None:
        """Show whether a promise held, and remember if it did not."""
        mark, style = ("✓", "green") if held else ("✗", "bold red")
        self.console.print(Text(f"{mark} {promise}", style=style))
        if not held:
            self.failed.append(promise)

    async def writes(self) -> int:
        """Count the changes that have reached the sandbox."""
        requests = (await self.upstream.get("/sandbox/requests")).json()
        return sum(request["method"] in {"PATCH", "DELETE", "PUT"} for request in requests)


async def run(console: Console) -> bool:
    """Walk through the morning; return whether everything held."""
    with TemporaryDirectory() as state_dir:
        return await _walk(console, state_dir)


async def _walk(console: Console, state_dir: str) -> bool:
    async with running(SandboxSettings(sims=500)) as world, _straight_to(world.base_url) as upstream:
        found = (await upstream.get("/sandbox/stories")).json()
        morning = Morning(console, upstream, {story["key"]: story for story in found})
        console.print(
            Panel(
                f"An emnify of our own with 500 SIMs listens at {world.base_url}.\n"
                "The server runs as its own process, the client speaks MCP to it over stdio.",
                title="sim-mcp demo",
            )
        )
        async with _client(world, state_dir, forms=False) as client:
            morning.check(len((await client.list_tools()).tools) >= 12, f"connected, MCP {client.protocol_version}")  # noqa: PLR2004  # the twelve tools promised.
            await _reading(morning, client)
            await _nobody_asked(morning, client)
        async with _client(world, state_dir, forms=True) as client:
            await _agreed(morning, client)
            await _batch(morning, client)
    console.print(Rule(style="dim"))
    verdict = "Everything held." if not morning.failed else f"Did not hold: {'; '.join(morning.failed)}"
    console.print(Text(verdict, style="bold red" if morning.failed else "bold green"))
    return not morning.failed


def _straight_to(base_url: str) -> httpx.AsyncClient:
    """Return a client for this machine, with which its proxies and certificates have no business."""
    return httpx.AsyncClient(base_url=base_url, trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


async def _reading(morning: Morning, client: Client) -> None:
    card = _off_the_card(morning.stories["roaming_spike"]["iccid_with_luhn"])
    morning.ask(f"A customer reads {card} off his card. Which SIM is it?")
    sim = await _call(morning, client, "get_sim", sim=card)
    print_answer(sim, morning.console)
    morning.check(sim.get("iccid") == card.replace(" ", ""), "found by the digits on the card")

    morning.ask("Why was it so expensive? What did it use?")
    used = await _call(morning, client, "get_sim_daily_usage", sim=card)
    morning.console.print(chart(used.get("days", []), morning.console))
    morning.check(bool(used.get("days")), "usage by day, in MB and money")
    told = await _call(morning, client, "diagnose_sim", sim=card)
    print_answer(told, morning.console)
    morning.check("Turkey" in str(told), "the cause with its evidence: data used in another country than usual")

    morning.ask("How many SIMs do we have, and which are suspended?")
    counted = await _call(morning, client, "summarize_sims", group_by=["status"])
    print_answer(counted, morning.console)
    counts = [row["sims"] for row in counted.get("groups", [])]
    morning.check(bool(counts) and sum(counts) == counted.get("total"), "counts that add up to the whole fleet")
    listed = await _call(morning, client, "list_sims", status="suspended", per_page=5)
    morning.console.print(f"{len(listed.get('sims', []))} of {listed.get('total')}")
    morning.console.print(records(listed.get("sims", []), morning.console))
    statuses = {row["status"] for row in listed.get("sims", [])}
    morning.check(statuses == {"Suspended"} and bool(listed.get("next")), "only suspended ones, and the next call")


async def _nobody_asked(morning: Morning, client: Client) -> None:
    morning.ask("Suspend the one that went silent. (This client cannot show a form.)")
    before = await morning.writes()
    sim = morning.stories["went_silent"]["iccid"]
    result = await client.call_tool("set_sim_status", {"sims": [sim], "status": "suspended"})
    morning.console.print(Text(_text(result), style="yellow"))
    waits = (result.structured_content or {}).get("state") == "waiting for approval"
    morning.check(waits and await morning.writes() == before, "it waits for a person; nothing was sent to emnify")


async def _agreed(morning: Morning, client: Client) -> None:
    morning.ask("Suspend the one that went silent. (This client can show a form.)")
    before = await morning.writes()
    sim = morning.stories["went_silent"]["iccid"]
    report = await _call(morning, client, "set_sim_status", sims=[sim], status="suspended")
    morning.console.print(records(report.get("sims", []), morning.console))
    rows = report.get("sims", [])
    held = [row["outcome"] for row in rows] == ["changed"] and [row["after"] for row in rows] == ["Suspended"]
    morning.check(held and await morning.writes() == before + 1, "a person agreed; written once; read back")


async def _batch(morning: Morning, client: Client) -> None:
    bic = morning.stories["batch_registrable"]["bic"]
    morning.ask(f"A box arrived with the code {bic}. Take it in.")
    checked = await _call(morning, client, "validate_sim_batch", bic=bic)
    print_answer(checked, morning.console)
    morning.check(bool(checked.get("sims")), "the batch can be registered")
    done = await _call(morning, client, "register_sim_batch", bic=bic, status="issued")
    print_answer(done, morning.console)
    held = done.get("counts") == {"changed": 1} and f"{checked.get('sims')} SIMs registered" in done["sims"][0]["note"]
    morning.check(held, "registered and read back")


async def _call(morning: Morning, client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    shown = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    morning.console.print(Text(f"→ {tool}({shown})", style="dim"))
    result = await client.call_tool(tool, arguments)
    if result.is_error:
        morning.console.print(Text(_text(result), style="red"))
    return result.structured_content or {}


@asynccontextmanager
async def _client(world: Sandbox, state_dir: str, *, forms: bool) -> AsyncIterator[Client]:
    """Start the server as a process and connect to it, as a client that can show forms or cannot."""
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
    del context  # who asks is the server this demonstration started.
    Output(lines_may_be_long=False).print(
        Panel(Text(params.message), title="The form", subtitle="answered: yes", border_style="cyan")
    )
    return ElicitResult(action="accept", content={"agree": True})


def _text(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


def _off_the_card(iccid: str) -> str:
    return " ".join(iccid[start : start + 4] for start in range(0, len(iccid), 4))
