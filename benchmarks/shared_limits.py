"""What servers share emnify's limits by: PostgreSQL, which keeps their record anyway, against Redis beside it.

Run with `uv run --group benchmarks python benchmarks/shared_limits.py [--seconds 60] [--json]`; it starts a PostgreSQL
and a Redis of its own from the machine's packages. Three processes of eight workers ask for slots as servers do that
are busy, and what they send is judged at the moment of sending, against emnify's rule (10 a second, 5 at once) and a
window (200 in 30 s, the shape of its 2,000 in 300 s). Then slots are taken as fast as the store gives them.
"""

import argparse
import multiprocessing
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import anyio
import redis.asyncio
from psycopg import connect
from pydantic import SecretStr

from benchmarks.common import Row, present
from sim_mcp.changes.record.postgres.upgrade import upgrade
from sim_mcp.emnify.limits.postgres_limits import PostgresLimits
from sim_mcp.emnify.limits.shared_limits import Gate, LimitStore, Slot
from tests.replicas.database import postgresql
from tests.support import free_port

SERVERS, WORKERS = 3, 8
RATE, BURST, WINDOW, WINDOW_S = 10, 5, 200, 30
AS_EMNIFY = [Gate("list", 1 / (RATE * 0.99)), Gate("address", 0.0, WINDOW, WINDOW_S)]
UNLIMITED = [Gate("fast", 0.0, 1_000_000, WINDOW_S), Gate("paused")]
FOR_S = 5.0

# KEYS: a log of slots, newest first, for each gate. ARGV: the longest wait, then interval, requests, window of each.
SCRIPT = """
local t = redis.call('TIME'); local now = t[1] + t[2] / 1000000; local at = now
for i = 1, #KEYS do
  local interval, n, w = tonumber(ARGV[3*i-1]), tonumber(ARGV[3*i]), tonumber(ARGV[3*i+1])
  local last = redis.call('LINDEX', KEYS[i], 0)
  if last and interval > 0 and tonumber(last) + interval > at then at = tonumber(last) + interval end
  local first = n > 0 and redis.call('LINDEX', KEYS[i], n-1)
  if first and tonumber(first) + w > at then at = tonumber(first) + w end
end
if at - now > tonumber(ARGV[1]) then return {0, tostring(at - now)} end
for i = 1, #KEYS do
  redis.call('LPUSH', KEYS[i], string.format('%.6f', at))
  redis.call('LTRIM', KEYS[i], 0, math.max(1, tonumber(ARGV[3*i])) - 1)
end
return {1, tostring(at - now)}
"""


class RedisLimits:
    """Reserve slots by a script of Redis."""

    def __init__(self, port: int) -> None:
        self._redis = redis.asyncio.Redis(port=port)
        self._script = self._redis.register_script(SCRIPT)

    async def reserve(self, gates: Sequence[Gate], longest_s: float) -> Slot:
        """Take the next slot that all gates allow, in one atomic step."""
        numbers = [number for gate in gates for number in gate[1:]]
        granted, wait_s = await self._script(keys=[gate.scope for gate in gates], args=[longest_s, *numbers])
        return Slot(bool(granted), float(wait_s), SERVERS)

    async def pause(self, scope: str, seconds: float) -> None:
        """Do without."""

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


def opened(store: str, address: str) -> Any:
    """Return a store by its name."""
    return PostgresLimits(SecretStr(address)) if store == "postgresql" else RedisLimits(int(address))


def serve(store: str, address: str, seconds: float, told: Any) -> None:
    """Be a server that is busy; tell when each request was sent, then how long each of many slots took to get."""
    told.put(anyio.run(_serve, store, address, seconds))


async def _serve(store_name: str, address: str, seconds: float) -> tuple[list[float], list[float]]:
    store: LimitStore = opened(store_name, address)
    sent: list[float] = []
    took: list[float] = []
    until = time.time() + seconds

    async def send() -> None:
        while (slot := await store.reserve(AS_EMNIFY, max(0.0, until - time.time()))).granted:
            await anyio.sleep(slot.wait_s)
            sent.append(time.time())
            await anyio.sleep(0.05)

    async def take() -> None:
        end = time.perf_counter() + FOR_S
        while (began := time.perf_counter()) < end:
            await store.reserve(UNLIMITED, 1.0)
            took.append(time.perf_counter() - began)

    for work in (send, take):
        async with anyio.create_task_group() as group:
            for _ in range(WORKERS):
                group.start_soon(work)
    await store.aclose()  # type: ignore[attr-defined]  # both have it.
    return sent, took


def measure(store: str, address: str, seconds: float) -> list[Row]:
    """Have three servers ask one store, and judge what they sent."""
    told: Any = multiprocessing.Queue()
    servers = [multiprocessing.Process(target=serve, args=(store, address, seconds, told)) for _ in range(SERVERS)]
    for server in servers:
        server.start()
    answers = [told.get() for _ in servers]
    for server in servers:
        server.join()
    sent, took = sorted(at for part, _ in answers for at in part), sorted(s for _, part in answers for s in part)
    windows, rest = divmod(sent[-1] - sent[0], WINDOW_S)
    allowed = windows * WINDOW + min(float(WINDOW), rest * RATE + 1)
    worst = [max(most_within(sent, window), 0) for window in (1.0, float(WINDOW_S))]
    here = f"{refused(sent)} refused by a bucket of {BURST}; at most {worst[0]} in 1 s, {worst[1]} in {WINDOW_S} s"
    rate, slow = len(took) / FOR_S, took[int(len(took) * 0.99)] * 1000
    return [
        Row(
            f"{store}, {SERVERS} servers: requests sent", here, "what the limits allow", f"{len(sent) / allowed:.3f} x"
        ),
        Row(
            f"{store}: slots a second",
            f"99 of 100 within {slow:.1f} ms",
            "the fastest limit, 100",
            f"{rate / 100:.0f} x",
        ),
    ]


def most_within(sent: Sequence[float], seconds: float) -> int:
    """Return the most requests in any stretch of so many seconds."""
    first = most = 0
    for place, at in enumerate(sent):
        while sent[first] <= at - seconds:
            first += 1
        most = max(most, place - first + 1)
    return most


def refused(sent: Sequence[float]) -> int:
    """Count what a token bucket as emnify's would refuse."""
    tokens, before, count = float(BURST), sent[0], 0
    for at in sent:
        tokens, before = min(float(BURST), tokens + (at - before) * RATE), at
        if tokens < 1:
            count += 1
        else:
            tokens -= 1
    return count


@contextmanager
def redis_server() -> Iterator[str]:
    """Run a Redis until the block ends; yield its port."""
    with tempfile.TemporaryDirectory() as home:
        port = str(free_port())
        command = ["redis-server", "--port", port, "--save", "", "--dir", home]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:  # noqa: S603  # our own.
            try:
                yield port
            finally:
                process.terminate()


def main() -> None:
    """Measure both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    multiprocessing.set_start_method("spawn")
    rows: list[Row] = []
    with postgresql() as server:
        with closing(connect(server.url("postgres"), autocommit=True)) as db:
            db.execute("ALTER SYSTEM SET fsync = on")  # as a database is run that keeps a record.
            db.execute("SELECT pg_reload_conf()")
        url = server.new("limits")
        upgrade(SecretStr(url))
        rows += measure("postgresql", url, options.seconds)
    with redis_server() as port:
        time.sleep(1)
        rows += measure("redis", port, options.seconds)
    present("Sharing emnify's limits", rows, as_json=options.json)


if __name__ == "__main__":
    main()
