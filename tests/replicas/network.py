"""A network between a server and its database that can be cut: what is sent meanwhile arrives once it is mended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from psycopg import conninfo


class Network:
    """A way to a port of this machine."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._whole = asyncio.Event()
        self._whole.set()
        self.port = 0

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._whole.wait()
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        async with asyncio.TaskGroup() as ways:
            ways.create_task(self._carry(reader, far_writer))
            ways.create_task(self._carry(far_reader, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                await self._whole.wait()
                writer.write(data)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def network_to(url: str) -> AsyncIterator[tuple[Network, str]]:
    """Yield a network and the address of the database through it."""
    parts = conninfo.conninfo_to_dict(url)
    network = Network(int(parts["port"] or 0))
    server = await asyncio.start_server(network.connect, "127.0.0.1", 0)
    network.port = server.sockets[0].getsockname()[1]
    try:
        yield network, url.replace(f":{parts['port']}/", f":{network.port}/")
    finally:
        network.mend()
        server.close()
