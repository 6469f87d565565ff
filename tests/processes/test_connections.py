"""Connections that come to nothing are closed in time, at the server and at the approval page; answers are not cut."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
import uvicorn
from anyio.abc import ByteStream
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from sim_mcp.http_server import RequestTimeoutProtocol, http_server
from tests.browser.plan_keeper import serve_page

WITHIN_S = 1.0
SLOW_S = 3 * WITHIN_S


class Hasty(RequestTimeoutProtocol):
    """As in earnest, only sooner."""

    request_timeout_s = WITHIN_S
    max_connections = 5


async def _slow(_: Request) -> Response:
    await anyio.sleep(SLOW_S)
    return Response("slow")


async def _stream(_: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"piece "
            await anyio.sleep(SLOW_S / 2)

    return StreamingResponse(pieces())


async def _read(request: Request) -> Response:
    await anyio.sleep(SLOW_S)  # what does not read yet is the application, not a client that is late.
    return Response(str(len(await request.body())))


APP = Starlette(
    routes=[Route("/slow", _slow), Route("/stream", _stream), Route("/read", _read, methods=["POST"])],
)


@asynccontextmanager
async def hasty_server() -> AsyncIterator[int]:
    config = uvicorn.Config(APP, http=Hasty, ws="none", lifespan="off", log_config=None, timeout_keep_alive=1)
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        async with anyio.create_task_group() as group:
            group.start_soon(server.serve, [listener])
            try:
                yield listener.getsockname()[1]
            finally:
                server.should_exit = True


async def heard(connection: ByteStream) -> bytes:
    """What arrives until the other side hangs up."""
    arrived = b""
    with anyio.fail_after(60):
        try:
            while True:
                arrived += await connection.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return arrived


HALVES = {
    "nothing": b"",
    "half a line": b"GET /sl",
    "half the headers": b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Le",
    "half the body": b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc",
    "half a chunk": b"POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
}


@pytest.mark.parametrize("half", HALVES)
async def test_who_sends_half_a_request_is_hung_up_on(half: str) -> None:
    async with hasty_server() as port, await anyio.connect_tcp("127.0.0.1", port) as connection:
        if HALVES[half]:
            await connection.send(HALVES[half])
        assert b"200" not in await heard(connection)


async def test_what_trickles_in_gains_no_time() -> None:
    async with hasty_server() as port, await anyio.connect_tcp("127.0.0.1", port) as connection:

        async def trickle() -> None:
            for letter in b"GET /slow HTTP/1.1\r\nHost: x\r\nX-Much: " + b"x" * 10_000:
                try:
                    await connection.send(bytes([letter]))
                except anyio.BrokenResourceError:
                    return
                await anyio.sleep(WITHIN_S / 10)

        async with anyio.create_task_group() as group:
            group.start_soon(trickle)
            assert await heard(connection) == b""
            group.cancel_scope.cancel()


async def test_a_second_request_that_stays_half_is_hung_up_on_too() -> None:
    async with hasty_server() as port, await anyio.connect_tcp("127.0.0.1", port) as connection:
        await connection.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        answered = b""
        with anyio.fail_after(60):
            while b"slow" not in answered:
                answered += await connection.receive()
        await connection.send(b"GET /slow HTTP/1.1\r\nHo")
        assert await heard(connection) == b""


@pytest.mark.parametrize("path", ["/slow", "/stream"])
async def test_an_answer_may_take_as_long_as_it_takes(path: str) -> None:
    async with hasty_server() as port, await anyio.connect_tcp("127.0.0.1", port) as connection:
        await connection.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        answered = await heard(connection)
    assert answered.count(b"piece") == 3 if path == "/stream" else answered.endswith(b"slow")


async def test_a_body_the_application_has_not_read_yet_is_no_half_request() -> None:
    size = 300_000  # more than is read ahead.
    async with hasty_server() as port, await anyio.connect_tcp("127.0.0.1", port) as connection:
        await connection.send(
            f"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode() + b"x" * size
        )
        assert (await heard(connection)).endswith(str(size).encode())


async def test_there_are_only_so_many_connections_and_who_is_in_stays() -> None:
    async with hasty_server() as port, await anyio.connect_tcp("127.0.0.1", port) as first:
        await first.send(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        others = [await anyio.connect_tcp("127.0.0.1", port) for _ in range(Hasty.max_connections - 1)]
        async with await anyio.connect_tcp("127.0.0.1", port) as one_too_many:
            assert b"503" in await heard(one_too_many)
        for other in others:
            await other.aclose()
        assert (await heard(first)).count(b"piece") == 3
        async with await anyio.connect_tcp("127.0.0.1", port) as later:
            await later.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200" in await heard(later)


async def test_both_our_servers_watch_their_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    assert http_server(APP, shutdown_timeout_s=1).config.http is RequestTimeoutProtocol
    monkeypatch.setattr(RequestTimeoutProtocol, "request_timeout_s", WITHIN_S)
    async with serve_page() as served:
        host, port = served.base_url.removeprefix("http://").split(":")
        async with await anyio.connect_tcp(host, int(port)) as connection:
            await connection.send(b"GET /approve/x HTTP/1.1\r\nHo")
            assert await heard(connection) == b""
