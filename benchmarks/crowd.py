"""A crowd: 200 clients at once, half of each protocol era, through HAProxy to servers with one record.

Run with `uv run --group benchmarks python benchmarks/crowd.py [--quick] [--clients 200] [--seconds 300]`; it starts
three servers, a PostgreSQL, HAProxy by `deploy/haproxy.cfg` and a sandbox with the published limits. Each client is
somebody else, and asks one thing after another with a while to think; a few change a SIM of their own to and fro, and
look at it at once. Every answer is compared with the sandbox, and the memory of each server is told over time.
"""

import argparse
import ssl
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx
from pydantic import SecretStr

from benchmarks.calls import Call, parse_answer
from benchmarks.common import Row, present, times
from benchmarks.truth import Truth, truth_of
from sim_mcp.changes.record.postgres.upgrade import upgrade
from sim_mcp.sandbox import SandboxSettings
from tests.replicas.database import postgresql
from tests.rounds.site import Site, site_of
from tests.support import fleet_of

CLIENTS, SECONDS, SERVERS = 200, 300.0, 3
THINKS_S = 10.0
FLEET, ASKED_ABOUT, TWO_CHANGE_IN = 300, 40, 100
"""SIMs; how many of them are asked about by all; and of how many clients two change a SIM of their own."""
LOOKS_EVERY_S = 5.0
ERAS = ("modern", "legacy")


@dataclass
class Tally:
    """Hold what a run came to."""

    waits_s: list[float] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    """How often each tool answered, by era."""
    known: int = 0
    wrong: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    memory_mib: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Of each server, over time."""

    def quantile_s(self, hundredths: int) -> float:
        """Return how long so many of a hundred answers took at most, in seconds."""
        return statistics.quantiles(self.waits_s, n=100, method="inclusive")[hundredths - 1]

    @property
    def growth(self) -> float:
        """Return the most that a server holds in the last fifth, over what it held in the second: it was warm then."""
        return max(
            statistics.median(held[-max(1, len(held) // 5) :])
            / statistics.median(held[len(held) // 5 : max(1, 2 * len(held) // 5)] or held)
            for held in self.memory_mib.values()
        )


@dataclass
class Person:
    """One client with a token of its own."""

    http: httpx.AsyncClient
    url: str
    era: str
    token: str
    tally: Tally

    async def ask(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
        """Make one call; return its structured content, or None where there was no answer."""
        call = Call(self.url, tool, arguments)
        modern = self.era == "modern"
        headers = (call.headers() if modern else call.legacy_headers()) | {"Authorization": f"Bearer {self.token}"}
        began = time.perf_counter()
        try:
            answer = await self.http.post(
                self.url, content=call.body() if modern else call.legacy_body(), headers=headers
            )
            found = parse_answer(answer.text)
        except (httpx.HTTPError, AssertionError, ValueError) as error:
            self.tally.errors.append(f"{tool}, {self.era}: {error!r}"[:500])
            return None
        self.tally.waits_s.append(time.perf_counter() - began)
        self.tally.kinds[f"{tool} {self.era}"] += 1
        self.tally.known += "known_as_of" in found
        return found


async def keep_asking(person: Person, number: int, truth: Truth, until: float, thinks_s: float) -> None:
    """Ask about one thing after another, and compare."""
    await anyio.sleep(thinks_s * number / CLIENTS)
    own = truth.iccids[number % len(truth.iccids)]
    for turn in count(number):
        if time.monotonic() > until:
            return
        tool, arguments = truth.question(turn, own)
        if (answer := await person.ask(tool, arguments)) is not None:
            try:
                truth.check(tool, own, answer)
            except AssertionError as error:
                person.tally.wrong.append(f"{tool}, {person.era}: {error}"[:500])
        await anyio.sleep(thinks_s)


async def keep_changing(person: Person, iccid: str, truth: Truth, until: float, thinks_s: float) -> None:
    """Change a SIM to and fro, and look at it at once: on whichever server that is, it has to be what it was made."""
    wanted = "suspended"
    while time.monotonic() < until:
        await person.ask("get_sim", {"sim": iccid})
        changed_at = truth.now()
        done = await person.ask("set_sim_status", {"sims": [iccid], "status": wanted})
        while done is not None and done["state"] != "done":  # it says when it goes on, for the limits are spent.
            await anyio.sleep(thinks_s)
            done = await person.ask("continue_change", {"plan": done["plan"]})
        seen = await person.ask("get_sim", {"sim": iccid})
        if done is not None and seen is not None:
            try:
                assert done["counts"] == {"changed": 1}, done
                truth.check_changed(iccid, wanted, changed_at, seen)
            except AssertionError as error:
                person.tally.wrong.append(f"set_sim_status, {person.era}: {error}"[:500])
            wanted = "activated" if wanted == "suspended" else "suspended"
        await anyio.sleep(2 * thinks_s)


async def watch_memory(site: Site, tally: Tally) -> None:
    """Note what each server holds, until cancelled."""
    while True:
        for each in site.replicas:
            tally.memory_mib[each.port].append(held_mib(each.pids[-1]))
        await anyio.sleep(LOOKS_EVERY_S)


def held_mib(pid: int) -> float:
    """Return the memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@asynccontextmanager
async def a_site(servers: int) -> AsyncIterator[tuple[Site, Truth]]:
    """Start it all, and read the truth."""
    async with AsyncExitStack() as stack:
        database = stack.enter_context(postgresql())
        place = SecretStr(database.new("crowd"))
        await anyio.to_thread.run_sync(upgrade, place)
        fleet = await stack.enter_async_context(fleet_of(SandboxSettings(sims=FLEET, limits=True)))
        fleet.database_url = place
        truth = await stack.enter_async_context(truth_of(fleet, ASKED_ABOUT))
        settings = {
            "SIM_MCP_CONFIRM": "host",
            "SIM_MCP_MAX_SIMS_PER_HOUR": "100000",
            "SIM_MCP_LOG_LEVEL": "WARNING",
        }
        yield await stack.enter_async_context(site_of(fleet, servers, **settings)), truth


async def run(clients: int, seconds: float, servers: int, thinks_s: float = THINKS_S) -> Tally:
    """Have so many clients ask for so many seconds; return what came of it."""
    tally = Tally()
    async with a_site(servers) as (site, truth):
        trusted = ssl.create_default_context(cafile=str(site.home / "ca.pem"))
        limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
        async with httpx.AsyncClient(verify=trusted, trust_env=False, timeout=60, limits=limits) as http:
            url = f"{site.address}/mcp"
            people = [
                Person(http, url, ERAS[number % 2], site.token(f"person-{number}"), tally) for number in range(clients)
            ]
            until = time.monotonic() + seconds
            async with anyio.create_task_group() as watching:
                watching.start_soon(watch_memory, site, tally)
                async with anyio.create_task_group() as asking:
                    for number, person in enumerate(people):
                        if number % TWO_CHANGE_IN in (0, 1):
                            # One of each era.
                            own = truth.changing[number // TWO_CHANGE_IN * 2 + number % TWO_CHANGE_IN]
                            asking.start_soon(keep_changing, person, own, truth, until, thinks_s)
                        else:
                            asking.start_soon(keep_asking, person, number, truth, until, thinks_s)
                watching.cancel_scope.cancel()
        tally.wrong += await truth.check_afterwards()
    return tally


def rows_of(clients: int, seconds: float, servers: int, tally: Tally) -> list[Row]:
    """Return what was found as rows."""
    what = f"{clients} clients for {seconds:g} s on {servers} servers"
    eras = Counter[str]()
    for kind, answers in tally.kinds.items():
        eras[kind.split()[1]] += answers
    answered = len(tally.waits_s)
    told = f"{answered:,} answered ({eras['modern']:,} modern, {eras['legacy']:,} legacy), {tally.known:,} of them from"
    failed = f"{len(tally.wrong)} wrong, {len(tally.errors)} errors"
    memory = "; ".join(" → ".join(f"{mib:.0f}" for mib in fifths(held)) for held in tally.memory_mib.values())
    return [
        Row(f"{what}: wrong answers and errors", f"{told} what is known; {failed}", "all answers", wrong_share(tally)),
        Row(f"{what}: median answer", "", "100 ms", times(tally.quantile_s(50) / 0.1)),
        Row(f"{what}: 99 of 100 answers", "", "1 s", times(tally.quantile_s(99))),
        Row(f"{what}: memory of each server", f"{memory} MiB", "once it was warm", times(tally.growth)),
    ]


def wrong_share(tally: Tally) -> str:
    """Return what part of the answers was wrong or none."""
    return times((len(tally.wrong) + len(tally.errors)) / max(1, len(tally.waits_s)))


def fifths(held: list[float]) -> list[float]:
    """Return what was held at the start and after each fifth of the time."""
    return [held[min(len(held) - 1, len(held) * part // 5)] for part in range(6)]


def main() -> None:
    """Read the options and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="40 clients for 30 s")
    parser.add_argument("--clients", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--servers", type=int, default=SERVERS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    clients = options.clients or (40 if options.quick else CLIENTS)
    seconds = options.seconds or (30.0 if options.quick else SECONDS)
    tally = anyio.run(run, clients, seconds, options.servers)
    if not options.json:
        for trouble in (*tally.wrong[:10], *tally.errors[:10]):
            print(trouble)
    present("A crowd", rows_of(clients, seconds, options.servers, tally), as_json=options.json)


if __name__ == "__main__":
    main()
