"""What share of emnify's limits one, two and three servers use together, each request sent by a real server.

Run with `uv run python benchmarks/replicas.py [--seconds 40] [--json]`; it starts a PostgreSQL of its own from the
machine's packages. The servers are processes of their own that share one record, and through it emnify's limits; the
sandbox holds these, and what reached it is what counts. Callers ask each server for pages of a list, faster than emnify
gives them (10 a second, 5 at once): first within a fresh window of 2,000 in 300 s; then, in windows of 200 in 30 s, all
they can, of which lists get four fifths at one server.
"""

import argparse
import math
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from itertools import count
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import anyio
import httpx
from pydantic import SecretStr

from benchmarks.calls import Call
from benchmarks.common import Row, bearer, environment, present
from benchmarks.load import started
from benchmarks.many_people import SERVER
from sim_mcp.changes.record.postgres.upgrade import upgrade
from sim_mcp.sandbox import Sandbox, SandboxSettings, running
from tests.replicas.database import postgresql

SIMS, CALLERS = 3000, 8
RATE, BURST = 10, 5
PUBLISHED, PUBLISHED_S = 2000, 300.0
WARM_UP_S = 3.0


class Seen(NamedTuple):
    """What reached emnify within a while."""

    sent: int
    refused: int
    allowed: int
    """The most that the limits allow in that time."""

    @property
    def share(self) -> float:
        """Return the share of the limits that was used."""
        return self.sent / self.allowed


async def ask(servers: int, window_s: float, seconds: float) -> Seen:
    """Let callers ask so many servers for so long, and return what reached emnify."""
    async with AsyncExitStack() as stack:
        database = stack.enter_context(postgresql()).new("shared")
        upgrade(SecretStr(database))
        world = await stack.enter_async_context(running(SandboxSettings(sims=SIMS, limits=True, window_s=window_s)))
        doors = []
        for _ in range(servers):
            state = stack.enter_context(TemporaryDirectory())
            variables = environment(world, SIM_MCP_STATE_DIR=state, SIM_MCP_DATABASE_URL=database)
            command = [SERVER, str(window_s), "serve", "--http", "--port", "0", "--stateless"]
            server = await stack.enter_async_context(started(command, variables))
            doors.append((server.url, bearer(variables)))
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=120))
        pages = count()

        async def keep_asking(url: str, headers: dict[str, str]) -> None:
            while True:
                # A page that was read a moment ago would be answered without asking emnify.
                call = Call(url, "list_sims", {"page": next(pages) % (SIMS // 25) + 1, "per_page": 25})
                await http.post(url, content=call.body(), headers=call.headers() | headers)

        async with anyio.create_task_group() as callers:
            for url, headers in doors:
                for _ in range(CALLERS):
                    callers.start_soon(keep_asking, url, headers)
            await anyio.sleep(WARM_UP_S + seconds)
            callers.cancel_scope.cancel()
        return await _seen(world, window_s, seconds)


async def _seen(world: Sandbox, window_s: float, seconds: float) -> Seen:
    async with httpx.AsyncClient(base_url=world.base_url, trust_env=False) as http:
        requests: list[dict[str, Any]] = (await http.get("/sandbox/requests")).json()
    lists = [each for each in requests if each["path"] == "/api/v1/sim"]
    begins = datetime.fromisoformat(lists[0]["time"]) + timedelta(seconds=WARM_UP_S)
    ends = begins + timedelta(seconds=seconds)
    within = [each for each in lists if begins <= datetime.fromisoformat(each["time"]) < ends]
    refused = sum(each["status"] == httpx.codes.TOO_MANY_REQUESTS for each in requests)
    whole, rest = divmod(seconds, window_s)
    most = PUBLISHED * window_s / PUBLISHED_S
    allowed = whole * min(most, window_s * RATE) + min(most, rest * RATE)
    return Seen(len(within), refused, math.floor(allowed))


async def measure(replicas: list[int], seconds: float, windows: int) -> list[Row]:
    """Return a row for each number of servers."""
    rows = []
    for servers in replicas:
        seen = await ask(servers, PUBLISHED_S, seconds)
        rows.append(_row(servers, f"{RATE} a second for {seconds:g} s", seen))
    for servers in replicas if windows else ():
        seen = await ask(servers, 30.0, 30.0 * windows)
        rows.append(_row(servers, f"200 in 30 s, {windows} times", seen))
    return rows


def _row(servers: int, limit: str, seen: Seen) -> Row:
    what = f"{servers} {'server' if servers == 1 else 'servers'}, {limit}"
    return Row(what, f"{seen.sent} sent, 429s: {seen.refused}", f"{seen.allowed} allowed", f"{seen.share:.3f} x")


def main() -> None:
    """Read the options and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one and two servers, 10 s, and no windows")
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--windows", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    async def run() -> list[Row]:
        if options.quick:
            return await measure([1, 2], 10.0, 0)
        return await measure([1, 2, 3], options.seconds, options.windows)

    present("Servers that share emnify's limits", anyio.run(run), as_json=options.json)


if __name__ == "__main__":
    main()
