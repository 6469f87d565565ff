"""How fast servers answer: requests a second and CPU per call, by a client that costs as little as it can.

A client library takes longer for a call than the servers do, and would be what is measured. The CPU is that of the
server's process, by the clock that Linux keeps for each.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import cycle
from typing import NamedTuple
from urllib.parse import urlsplit

import anyio
from anyio.streams.text import TextReceiveStream

from benchmarks.calls import Call, check_answered

AT_ONCE = 8


class Server(NamedTuple):
    """A server that runs: where it answers, and its process."""

    url: str
    pid: int

    def cpu_s(self) -> float:
        """Return the CPU seconds of its process so far."""
        return time.clock_gettime((~self.pid << 3) | 2)


class Measured(NamedTuple):
    """What a batch of calls came to."""

    per_second: float
    cpu_s: float
    """For one call, of all servers together."""


@asynccontextmanager
async def started(command: Sequence[str], variables: Mapping[str, str]) -> AsyncIterator[Server]:
    """Run a Python program that serves over HTTP and says where on stderr."""
    async with await anyio.open_process([sys.executable, *command], env=variables) as process:
        assert process.stderr is not None
        try:
            async for text in TextReceiveStream(process.stderr):
                if "http://" in text:
                    yield Server(text[text.index("http://") :].split()[0], process.pid)
                    break
        finally:
            process.terminate()


class Contender:
    """One or several servers that answer the same calls, in turn."""

    def __init__(self, servers: Sequence[Server], calls: Sequence[Call], headers: Sequence[Mapping[str, str]]) -> None:
        self._servers = servers
        self._requests = [
            cycle([_request(server.url, call, more) for call in calls])
            for server, more in zip(servers, headers, strict=True)
        ]

    async def measure(self, batch: int) -> Measured:
        """Make so many calls, eight at a time, and return how fast they were answered."""
        connections = [await self._connect(number) for number in range(AT_ONCE)]
        left = iter(range(batch))
        cpu_s, began = self._cpu_s(), time.perf_counter()
        answers = await asyncio.gather(*(self._keep_asking(*each, left) for each in connections))
        took_s, cpu_s = time.perf_counter() - began, self._cpu_s() - cpu_s
        for _, writer, _ in connections:
            writer.close()
        # Of a short batch, some connections get none.
        for answer in filter(None, answers):
            check_answered(answer)
        return Measured(batch / took_s, cpu_s / batch)

    async def answer_bytes(self) -> int:
        """Return how long an answer is."""
        reader, writer, number = await self._connect(0)
        answer = await self._keep_asking(reader, writer, number, iter(range(1)))
        writer.close()
        check_answered(answer)
        return len(answer)

    def _cpu_s(self) -> float:
        return sum(server.cpu_s() for server in self._servers)

    async def _connect(self, number: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, int]:
        number %= len(self._servers)
        address = urlsplit(self._servers[number].url)
        return (*await asyncio.open_connection(address.hostname, address.port), number)

    async def _keep_asking(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int, left: Iterator[int]
    ) -> str:
        """Return the last answer; each is looked at no closer than for its status."""
        body = b""
        for _ in left:  # all connections take from the same.
            writer.write(next(self._requests[number]))
            status, body = await _read(reader)
            assert status == b"200", (status, body)
        return body.decode()


def _request(url: str, call: Call, more: Mapping[str, str]) -> bytes:
    body = call.body().encode()
    named = {**call.headers(), **more, "Host": urlsplit(url).netloc, "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"POST /mcp HTTP/1.1\r\n{head}\r\n".encode() + body


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    status, folded = head.split(b" ", 2)[1], head.lower()
    _, named, length = folded.partition(b"content-length:")
    if named:
        return status, await reader.readexactly(int(length.split(b"\r\n", 1)[0]))
    body = bytearray()
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return status, bytes(body)
