"""Proxies on this machine: one that tunnels by CONNECT, one that speaks SOCKS 5; each remembers where it led."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class ProxyServer:
    """Lead to where it is told, or turn away with a status of its own."""

    port: int = 0
    refuse_with: int | None = None
    led_to: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    conversations: set[asyncio.Task[Any]] = field(default_factory=set)

    async def hang_up(self) -> None:
        """End every conversation, and have the other side notice."""
        open_still = list(self.conversations)
        for each in open_still:
            each.cancel()
        await asyncio.gather(*open_still, return_exceptions=True)
        await asyncio.sleep(0.05)

    async def by_connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        self.heads.append(head)
        if self.refuse_with is not None:
            writer.write(f"HTTP/1.1 {self.refuse_with} <b>Whatever</b>\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            return
        host, _, port = head.split(" ")[1].rpartition(":")
        await self._lead(host, int(port), reader, writer, b"HTTP/1.1 200 OK\r\n\r\n")

    async def by_socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, methods = await reader.readexactly(2)
        offered = await reader.readexactly(methods)
        if self.refuse_with is not None:
            writer.write(bytes([5, 0xFF]))
            await writer.drain()
            return
        writer.write(bytes([5, 0]))
        assert 0 in offered
        _, _, _, kind = await reader.readexactly(4)
        if kind == 1:
            host = ".".join(map(str, await reader.readexactly(4)))
        else:
            (length,) = await reader.readexactly(1)
            host = (await reader.readexactly(length)).decode()
        port = int.from_bytes(await reader.readexactly(2), "big")
        await self._lead(host, port, reader, writer, bytes([5, 0, 0, 1, 127, 0, 0, 1, 0, 0]))

    async def as_something_else(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()

    async def _lead(
        self, host: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ready: bytes
    ) -> None:
        self.led_to.append(f"{host}:{port}")
        onward_reader, onward_writer = await asyncio.open_connection(host, port)
        writer.write(ready)
        try:
            await asyncio.gather(_pump(reader, onward_writer), _pump(onward_reader, writer))
        finally:
            onward_writer.close()


Way = Callable[[ProxyServer, asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@asynccontextmanager
async def proxy_running(way: Way, *, refuse_with: int | None = None) -> AsyncIterator[ProxyServer]:
    proxy = ProxyServer(refuse_with=refuse_with)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        proxy.conversations.add(task)
        try:
            await way(proxy, reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            proxy.conversations.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.hang_up()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
