"""Many people, one budget: 40 clients that ask one server in a mix, against what their calls cost one by one.

Run with `uv run python benchmarks/many_people.py [--quick] [--before DIRECTORY]`. Each client asks about SIMs of its
own, one call after another with a second to think: one SIM by its ICCID, its usage, a list, counts, a search. The
windows of emnify's limits are a fifth as long as published and allow a fifth, and so do the clients' SIMs, so that two
minutes show what ten would; `--window 300` is the real thing. `--before` measures a checkout of an earlier version in
the same way, within the same run.
"""

import argparse
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count, cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import httpx

from benchmarks.calls import Call, check_answered
from benchmarks.common import Row, bearer, environment, present, serving, times
from sim_mcp.sandbox import Sandbox, SandboxSettings, running

SERVER = str(Path(__file__).with_name("limited_server.py"))
CLIENTS, THINKS_S = 40, 1.0
SIMS, OWN_SIMS, PUBLISHED_S = 500, 5, 300.0
ALONE_PAUSE_S = 2.5
"""Longer than an answer is reused."""


@dataclass
class Tally:
    """Hold what a run came to."""

    waits_s: list[float] = field(default_factory=list)
    refused: int = 0
    known: int = 0
    requests: int = 0
    throttled: int = 0

    @property
    def answered(self) -> int:
        """Return the number of calls that were answered."""
        return len(self.waits_s)

    @property
    def per_call(self) -> float:
        """Return the requests to emnify for each answered call."""
        return self.requests / max(1, self.answered)

    @property
    def median_s(self) -> float:
        """Return the median of the seconds an answer took."""
        return statistics.median(self.waits_s)


def calls_about(url: str, iccids: list[str]) -> Iterator[Call]:
    """Yield a client's calls without end."""
    own = cycle(iccids)
    while True:
        yield Call(url, "get_sim", {"sim": next(own)})
        yield Call(url, "get_sim_usage", {"sim": next(own)})
        yield Call(url, "list_sims", {"status": ["suspended"]})
        yield Call(url, "summarize_sims", {"group_by": ["status", "customer"]})
        yield Call(url, "find_sims", {"text": next(own)[-6:]})


async def ask(http: httpx.AsyncClient, call: Call, tally: Tally) -> None:
    """Make one call and count what came of it."""
    began = time.perf_counter()
    try:
        answer = await http.post(call.url, content=call.body(), headers=call.headers())
    except httpx.TransportError:
        # An idle connection may be hung up at the moment it is used; a client then opens another.
        answer = await http.post(call.url, content=call.body(), headers=call.headers())
    took_s = time.perf_counter() - began
    try:
        check_answered(answer.text)
    except AssertionError:
        tally.refused += 1
    else:
        tally.waits_s.append(took_s)
        tally.known += "known_as_of" in answer.text


async def iccids_of(world: Sandbox, number: int) -> list[str]:
    """Return the ICCIDs of SIMs, read behind the server's back."""
    async with httpx.AsyncClient(base_url=world.base_url, trust_env=False) as http:
        login = await http.post("/api/v1/authenticate", json={"application_token": world.tokens["enterprise"]})
        headers = {"Authorization": f"Bearer {login.json()['auth_token']}"}
        rows = (await http.get(f"/api/v1/sim?per_page={number}", headers=headers)).json()
    return [row["iccid_with_luhn"] for row in rows]


async def count_requests(world: Sandbox, tally: Tally, before: int) -> int:
    """Count what reached emnify since then, and how much of it was refused; return the number so far."""
    async with httpx.AsyncClient(base_url=world.base_url, trust_env=False) as http:
        seen: list[dict[str, Any]] = (await http.get("/sandbox/requests")).json()
    api = [each for each in seen if not each["path"].endswith("/authenticate")]
    tally.requests = len(api) - before
    tally.throttled = sum(each["status"] == httpx.codes.TOO_MANY_REQUESTS for each in api[before:])
    return len(api)


async def run(window_s: float, seconds: float, code: Path | None) -> tuple[Tally, Tally]:
    """Return what a few calls cost one by one, and what the clients' calls cost together."""
    async with AsyncExitStack() as stack:
        state = stack.enter_context(TemporaryDirectory())
        settings = SandboxSettings(sims=SIMS, limits=True, window_s=window_s)
        world = await stack.enter_async_context(running(settings))
        iccids = await iccids_of(world, SIMS)
        variables = environment(world, SIM_MCP_STATE_DIR=state)
        if code is not None:
            variables["PYTHONPATH"] = os.fspath(code)
        command = [SERVER, str(window_s), "serve", "--http", "--port", "0"]
        url = await stack.enter_async_context(serving(command, variables))
        limits = httpx.Limits(max_connections=CLIENTS)
        client = httpx.AsyncClient(trust_env=False, timeout=120, headers=bearer(variables), limits=limits)
        http = await stack.enter_async_context(client)
        before = await count_requests(world, Tally(), 0)
        alone, together = Tally(), Tally()
        for call, _ in zip(calls_about(url, iccids[-3:]), range(15), strict=False):
            await ask(http, call, alone)
            await anyio.sleep(ALONE_PAUSE_S)
        before = await count_requests(world, alone, before)
        own = max(1, round(OWN_SIMS * window_s / PUBLISHED_S))
        shares = [iccids[number * own : (number + 1) * own] for number in range(CLIENTS)]
        await ask_all(http, url, shares, seconds, together)
        await count_requests(world, together, before)
        return alone, together


async def ask_all(http: httpx.AsyncClient, url: str, shares: list[list[str]], seconds: float, tally: Tally) -> None:
    """Let every client ask for so long."""
    over_at = time.monotonic() + seconds

    async def keep_asking(number: int) -> None:
        await anyio.sleep(THINKS_S * number / CLIENTS)
        for turn, call in zip(count(), calls_about(url, shares[number]), strict=False):
            if turn < number % 5:
                continue  # so that not all ask the same kind of question at once.
            if time.monotonic() > over_at:
                return
            await ask(http, call, tally)
            await anyio.sleep(THINKS_S)

    async with anyio.create_task_group() as clients:
        for number in range(CLIENTS):
            clients.start_soon(keep_asking, number)


def rows_of(window_s: float, seconds: float, alone: Tally, together: Tally, before: Tally | None) -> list[Row]:
    """Return what was found as rows."""
    windows = seconds / window_s
    what = f"{CLIENTS} clients for {windows:g} windows of the limits"
    told = f"{together.answered:,} answered, {together.known:,} of them from what is known, {together.refused} refused"
    rows = [
        Row(
            f"{what}: requests for each answered call",
            f"{told}, 429s: {together.throttled}",
            "the same calls one by one (aim: 0.10 x)",
            times(together.per_call / alone.per_call),
        ),
        Row(f"{what}: median answer", "", "100 ms", times(together.median_s / 0.1)),
    ]
    if before is not None:
        told = f"before: {before.answered:,} answered, {before.refused:,} refused, 429s: {before.throttled}"
        rows += [
            Row(f"{what}: answered calls", told, "before", times(together.answered / max(1, before.answered))),
            Row(f"{what}: requests for each", "", "before", times(together.per_call / before.per_call)),
            Row(f"{what}: median answer", "", "before", times(together.median_s / before.median_s)),
        ]
    return rows


async def measure(window_s: float, seconds: float, earlier: Path | None) -> list[Row]:
    """Measure ours, and an earlier version if one is given."""
    before = None if earlier is None else (await run(window_s, seconds, earlier))[1]
    alone, together = await run(window_s, seconds, None)
    return rows_of(window_s, seconds, alone, together, before)


def _absolute(given: str) -> Path:
    return Path(given).resolve()


def main() -> None:
    """Read the options and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one window instead of two")
    parser.add_argument("--window", type=float, default=60.0, help="seconds; 300 are published")
    parser.add_argument("--seconds", type=float, help="how long the clients ask; two windows unless told otherwise")
    parser.add_argument(
        "--before",
        type=lambda given: Path(given).resolve(),
        metavar="DIRECTORY",
        help="a checkout of an earlier version",
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    seconds = options.seconds or options.window * (1 if options.quick else 2)

    async def find() -> list[Row]:
        return await measure(options.window, seconds, options.before)

    present("Many people, one budget", anyio.run(find), as_json=options.json)


if __name__ == "__main__":
    main()
