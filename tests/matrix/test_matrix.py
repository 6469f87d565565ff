"""The destructive matrix over real transports: what arrives at emnify is exactly what consent allows.

Both protocol eras, stdio and HTTP with and without sessions and the key as processes of their own, each kind of
client, each way it may answer a form, each policy, each tool that writes. `tests/changes/test_consent.py` holds the
same in memory, and with the words; here every cell counts writes.
"""

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Literal, get_args

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.session import ClientRequestContext, ElicitationFnT
from mcp.types import (
    ElicitRequestFormParams,
    ElicitRequestParams,
    ElicitResult,
)

from sim_mcp.sandbox import SandboxSettings
from tests.processes.test_commands import invoked
from tests.processes.test_serving import environment, served
from tests.support import Fleet, UrlOnlyClient, fleet_of, with_key

Era = Literal["auto", "legacy"]
Wire = Literal["stdio", "http", "stateless http", "http without a key", "stateless http without a key"]
WIRES: tuple[Wire, ...] = get_args(Wire)
Policy = Literal["ask", "host", "block", "page off"]
POLICIES: dict[Policy, dict[str, str]] = {
    "ask": {},
    "host": {"SIM_MCP_CONFIRM": "host"},
    "block": {"SIM_MCP_CONFIRM": "block"},
    "page off": {"SIM_MCP_APPROVAL_PAGE": "0"},
}
TOOLS = ("set_sim_status", "assign_sims", "delete_sims", "register_sim_batch")
FORM_ANSWERS = ("agrees", "declines", "cancels", "never answers", "answers in a millisecond")
A_MOMENT_S = 0.02


class Person:
    """Answer forms, each call as the cell wants it."""

    def __init__(self) -> None:
        self.does = "declines"
        self.types = ""
        self.shown = anyio.Event()

    def about_to(self, do: str, typing: str) -> None:
        self.does, self.types, self.shown = do, typing, anyio.Event()

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        del context
        assert isinstance(params, ElicitRequestFormParams)
        self.shown.set()
        if self.does == "answers in a millisecond":
            # As hosts do that say yes to everything and know nothing of the form.
            return ElicitResult(action="accept", content={})
        if self.does == "never answers":
            await anyio.sleep_forever()
        await anyio.sleep(A_MOMENT_S)
        if self.does != "agrees":
            return ElicitResult(action="decline" if self.does == "declines" else "cancel")
        typed = "typed" in params.requested_schema["properties"]
        return ElicitResult(action="accept", content={"typed": self.types} if typed else {"agree": True})


class Supply:
    """SIMs and batches nobody has touched yet, so that no cell depends on another."""

    def __init__(self, fleet: Fleet, sims: list[dict[str, Any]]) -> None:
        self._in_device = (sim for sim in sims if sim["status"]["id"] == 1 and "endpoint" in sim)
        self._free = (sim for sim in sims if "endpoint" not in sim)
        self._batches = (fleet.scenarios[key]["bic"] for key in ("batch_registrable", "batch_second"))

    def arguments(self, tool: str) -> tuple[dict[str, Any], str] | None:
        """What to call a tool with, and what a person types to confirm; None where there is nothing left to use."""
        if tool == "register_sim_batch":
            bic = next(self._batches, None)
            return None if bic is None else ({"bic": bic}, "")
        sim = next(self._free if tool == "delete_sims" else self._in_device)
        more = {"set_sim_status": {"status": "suspended"}, "assign_sims": {"customer": "none"}}.get(tool, {})
        return {"sims": [sim["iccid"]], **more}, sim["iccid_with_luhn"][-4:]


@asynccontextmanager
async def server(fleet: Fleet, wire: Wire, policy: Policy) -> AsyncIterator[Callable[[], Any]]:
    """Yield what makes something that a client connects to."""
    chosen = {**POLICIES[policy], "EMNIFY_APPLICATION_TOKEN": fleet.world.tokens["issuer"], "SIM_MCP_FORM_WAIT": "0.3"}
    env = environment(fleet, **chosen)
    if wire == "stdio":
        yield lambda: StdioServerParameters(command=sys.executable, args=["-m", "sim_mcp"], env=env)
        return
    options = ["--stateless"] if "stateless" in wire else []
    if "without a key" in wire:
        async with served([*options, "--no-key"], env) as address:
            yield lambda: address
    else:
        async with served(options, env) as address:
            yield lambda: with_key(address, env)


def expected(era: Era, wire: Wire, policy: Policy, answer: str, tool: str) -> int:
    if policy == "block":
        return 0
    # The host is trusted with everything but deletions: a person is asked about those.
    if policy == "host" and tool != "delete_sims":
        return 1
    can_be_asked = "without a key" not in wire and (era == "auto" or wire != "stateless http")
    return 1 if answer == "agrees" and can_be_asked else 0


def cells(supply: Supply, answers: tuple[str, ...]) -> Iterator[tuple[str, str, dict[str, Any], str]]:
    for tool in TOOLS:
        for answer in answers:
            given = supply.arguments(tool)
            if given is not None:
                yield tool, answer, *given


async def call(client: Client, person: Person, answer: str, tool: str, arguments: dict[str, Any]) -> str:
    """Call a tool; a form that is never answered is given up by the client, unless the server is faster."""
    told = "given up"
    async with anyio.create_task_group() as group:

        async def ask() -> None:
            nonlocal told
            result = await client.call_tool(tool, arguments)
            told = result.model_dump_json()
            group.cancel_scope.cancel()

        group.start_soon(ask)
        if answer == "never answers" and client.protocol_version >= "2026":
            await person.shown.wait()
            group.cancel_scope.cancel()
    return told


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_what_is_written_is_what_consent_allows(era: Era, wire: Wire, policy: Policy) -> None:
    if policy == "host" and "without a key" in wire:
        env = environment(None, **POLICIES[policy])
        assert invoked("serve", "--http", "--port", "0", "--no-key", env=env).exit_code == 2
        return
    seen = 0
    async with fleet_of(SandboxSettings(sims=400)) as fleet, server(fleet, wire, policy) as target:
        listed = (await fleet.api("GET", "/sim", params={"per_page": 1000})).json()
        told_of = {scenario["sim_id"] for scenario in fleet.scenarios.values()}
        supply = Supply(fleet, [sim for sim in listed if sim["id"] not in told_of])
        for kind, answers in (("form", FORM_ANSWERS), ("no form", ("no form",)), ("url only", ("url only",))):
            async with AsyncExitStack() as stack:
                person = Person()
                answering: ElicitationFnT | None = person if kind == "form" else None
                make = UrlOnlyClient if kind == "url only" else Client
                client = await stack.enter_async_context(make(target(), mode=era, elicitation_callback=answering))
                for tool, answer, arguments, typing in cells(supply, answers):
                    before = len(await fleet.writes())
                    person.about_to(answer, typing)
                    told = await call(client, person, answer, tool, arguments)
                    written = len(await fleet.writes()) - before
                    assert written == expected(era, wire, policy, answer, tool), (kind, tool, answer, told)
                    seen += 1
    assert seen >= 22
