"""What serving costs: requests a second over HTTP, CPU for each, and the time to start, against the bare SDK.

Run with `uv run python benchmarks/serving.py [--quick]`. All servers are processes of their own and are measured in
turn, a batch of each in every round; a ratio is of one round. The bare server's tool says as much as ours answers, and
has nothing to find out; where ours asks emnify, the bare one does too, and says the beginning of what it hears. It
runs as the SDK is installed, on h11, and once more on the parser that ours uses.
"""

import argparse
import math
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import anyio
from mcp import Client, StdioServerParameters

from benchmarks.calls import Call
from benchmarks.common import Row, bearer, environment, present, spread
from benchmarks.load import Contender, Measured, Server, started
from sim_mcp.sandbox import SandboxSettings, running

BARE, LIMITED = (str(Path(__file__).with_name(name)) for name in ("bare_server.py", "limited_server.py"))
OURS = ("-m", "sim_mcp", "serve", "--http", "--port", "0")
WITHOUT_LIMITS = (LIMITED, "0", "serve", "--http", "--port", "0")
BATCH, ROUNDS, STARTS, QUICK = 200, 15, 9, 3
SIMS, MANY_SIMS, A_PAGE = 500, 10_000, 25
"""So many pages that none is asked for again as long as an answer is reused."""
KNOWN: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("list_sim_statuses", {}, "kept for an hour"),
    ("summarize_sims", {"group_by": ["status", "customer"]}, "counted in SQLite"),
    ("get_sim", {"sim": "89883030000060000004"}, "eight answers of emnify, reused for two seconds"),
)
"""Readings that ask emnify nothing, or hardly anything."""


class Pair(NamedTuple):
    """What is compared: ours, and the bare server that says as much."""

    what: str
    here: str
    ours: Contender
    bare: Contender
    compared: str


async def against_bare(pair: Pair, rounds: int) -> list[Row]:
    """Compare how many requests a second each answers, and what CPU each takes for one."""
    found: list[tuple[Measured, Measured]] = []
    for contender in (pair.ours, pair.bare):
        await contender.measure(BATCH // 4)
    for number in range(rounds):
        # Who goes first has what is left of the other's work beside it.
        order = (pair.ours, pair.bare) if number % 2 else (pair.bare, pair.ours)
        measured = {contender: await contender.measure(BATCH) for contender in order}
        found.append((measured[pair.ours], measured[pair.bare]))
    rates = [ours.per_second / bare.per_second for ours, bare in found]
    cpu = [ours.cpu_s / bare.cpu_s for ours, bare in found]
    return [
        Row(f"{pair.what}: requests a second (more is better)", pair.here, pair.compared, spread(rates)),
        Row(f"{pair.what}: CPU for each", "", "", spread(cpu)),
    ]


class Bench:
    """The servers that are compared, and the calls they get."""

    def __init__(self, stack: AsyncExitStack, variables: dict[str, str]) -> None:
        self._stack = stack
        self._variables = variables

    async def start(self, command: Sequence[str]) -> Server:
        """Start a server."""
        return await self._stack.enter_async_context(started(command, self._variables))

    def contender(self, servers: Sequence[Server], calls: Sequence[tuple[str, dict[str, Any]]]) -> Contender:
        """Return servers with the calls they get; also the bare ones get a key, so that all read the same headers."""
        made = [Call(servers[0].url, tool, arguments) for tool, arguments in calls]
        return Contender(servers, made, [bearer(self._variables)] * len(servers))

    async def bare(self, servers: Sequence[Server], like: Contender, paths: Sequence[str] = ()) -> Contender:
        """Return bare servers that answer as much as ours."""
        empty = self.contender(servers[:1], [("say", {"characters": 0})])
        # The text stands in an answer twice: as text, and as structure.
        characters = max(0, math.ceil((await like.answer_bytes() - await empty.answer_bytes()) / 2))
        asked = [("fetch", {"path": path, "characters": characters}) for path in paths]
        return self.contender(servers, asked or [("say", {"characters": characters})])


async def rates(rounds: int, variables: dict[str, str]) -> list[Row]:
    """Compare one server, two servers, and one that has to ask emnify."""
    async with AsyncExitStack() as stack:
        bench, rows = Bench(stack, variables), list[Row]()
        one, bare = await bench.start(OURS), await bench.start((BARE, "--http", "h11"))
        for tool, arguments, why in KNOWN:
            ours = bench.contender([one], [(tool, arguments)])
            pair = Pair(f"`{tool}`", why, ours, await bench.bare([bare], ours), "a bare SDK server, as much text")
            rows += await against_bare(pair, rounds)
        tool, arguments, why = KNOWN[0]
        ours = bench.contender([one], [(tool, arguments)])
        fast = await bench.start((BARE, "--http", "httptools"))
        rows += await against_bare(
            Pair(f"`{tool}`", why, ours, await bench.bare([fast], ours), "a bare SDK server on httptools"), rounds
        )
        two, bares = [one, await bench.start(OURS)], [bare, await bench.start((BARE, "--http", "h11"))]
        ours = bench.contender(two, [(tool, arguments)])
        rows += await against_bare(
            Pair(f"`{tool}`, two servers", why, ours, await bench.bare(bares, ours), "two bare SDK servers"), rounds
        )
        return rows


async def rates_asking(rounds: int, variables: dict[str, str]) -> list[Row]:
    """Compare servers that have to ask emnify, which keeps no limits here."""
    async with AsyncExitStack() as stack:
        bench, pages = Bench(stack, variables), range(1, MANY_SIMS // A_PAGE + 1)
        one, bare = await bench.start(WITHOUT_LIMITS), await bench.start((BARE, "--http", "h11"))
        ours = bench.contender([one], [("list_sims", {"page": page}) for page in pages])
        paths = [f"/api/v1/sim?page={page}&per_page={A_PAGE}&sort=id" for page in pages]
        asking = await bench.bare([bare], ours, paths)
        compared = "a bare SDK server with httpx, asking the same"
        return await against_bare(Pair("`list_sims`", "one request to emnify each", ours, asking, compared), rounds)


async def start_s(arguments: Sequence[str], variables: dict[str, str]) -> float:
    """Return the seconds from starting a process to its first answer."""
    began = time.perf_counter()
    async with Client(StdioServerParameters(command=sys.executable, args=list(arguments), env=variables)):
        return time.perf_counter() - began


async def starts(pairs: int, variables: dict[str, str]) -> Row:
    """Compare how long each takes to start."""
    found = []
    for _ in range(pairs + 1):
        ours, bare = await start_s(["-m", "sim_mcp"], variables), await start_s([BARE], variables)
        found.append(ours / bare)
    # The first pair reads everything from disk.
    return Row("Start to first answer, stdio", "", "a bare SDK server", spread(found[1:]))


async def measure(*, rounds: int, pairs: int) -> list[Row]:
    """Measure both."""
    with TemporaryDirectory() as state:
        async with running(SandboxSettings(sims=SIMS)) as world:
            variables = environment(world, SIM_MCP_STATE_DIR=state)
            found = await rates(rounds, variables)
            async with running(SandboxSettings(sims=MANY_SIMS)) as larger:
                found += await rates_asking(rounds, environment(larger, SIM_MCP_STATE_DIR=state))
            return [*found, await starts(pairs, variables)]


def main() -> None:
    """Read the options and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} rounds of each")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    async def run() -> list[Row]:
        quick = options.quick
        return await measure(rounds=QUICK if quick else ROUNDS, pairs=QUICK if quick else STARTS)

    present("Against a bare SDK server", anyio.run(run), as_json=options.json)


if __name__ == "__main__":
    main()
