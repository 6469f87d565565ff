"""Connections that come to nothing are closed in time, at the server and at the approval page; answers are not cut."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

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


MADE: list[int] = []


async def _endless(_: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(1000):
            MADE.append(number)
            yield b"x" * 100_000

    return StreamingResponse(pieces())


async def _headers(request: Request) -> Response:
    await request.body()
    return Response(", ".join(request.headers))


GONE = anyio.Event()


async def _until_gone(request: Request) -> Response:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    GONE.set()
    return Response()


APP = Starlette(
    routes=[
        Route("/slow", _slow),
        Route("/stream", _stream),
        Route("/read", _read, methods=["POST"]),
        Route("/endless", _endless),
        Route("/headers", _headers, methods=["POST"]),
        Route("/until-gone", _until_gone),
    ],
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


async def test_an_answer_is_sent_in_one_piece_unless_it_comes_in_several(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = asyncio.selector_events._SelectorSocketTransport  # type: ignore[attr-defined]  # asyncio hides it.
    really, sent = transport.write, list[bytes]()

    def write(self: asyncio.Transport, data: bytes) -> None:
        sent.append(bytes(data))
        really(self, data)

    monkeypatch.setattr(transport, "write", write)
    async with hasty_server() as port, await anyio.connect_tcp("127.0.0.1", port) as connection:
        await connection.send(b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
        await heard(connection)
        assert [piece.endswith(b"\r\n\r\n3") for piece in sent if piece.startswith(b"HTTP/1.1 200")] == [True]
        assert len(sent) == 2  # the other is the request.
    async with hasty_server() as port, await anyio.connect_tcp("127.0.0.1", port) as connection:
        await connection.send(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        await heard(connection)
        assert [piece.count(b"piece") for piece in sent[3:]] == [1, 1, 1, 0]


async def test_who_does_not_read_stops_what_is_made_for_them() -> None:
    MADE.clear()
    async with hasty_server() as port, await anyio.connect_tcp("127.0.0.1", port) as connection:
        await connection.send(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
        await anyio.sleep(WITHIN_S)
        assert 0 < len(MADE) < 500  # what the buffers of the machine hold, a few MB.


async def test_a_body_the_application_has_not_read_yet_is_no_half_request() -> None:
    size = 300_000  # more than is read ahead.
    async with hasty_server() as port, await anyio.connect_tcp("127.0.0.1", port) as connection:
        await connection.send(
            f"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode() + b"x" * size
        )
        assert (await heard(connection)).endswith(str(size).encode())


ENDLESS = {
    "one header": b"GET /slow HTTP/1.1\r\nX-Much: ",
    "the address": b"GET /slow?",
    "what follows the body": b"POST /read HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Much: ",
}


@pytest.mark.parametrize("endless", ENDLESS)
async def test_headers_that_do_not_end_are_not_kept(endless: str) -> None:
    async with hasty_server() as port, await anyio.connect_tcp("127.0.0.1", port) as connection:
        await connection.send(ENDLESS[endless])
        with suppress(anyio.BrokenResourceError):
            for _ in range(64):
                await connection.send(b"x" * Hasty.max_head_bytes)
        with suppress(anyio.BrokenResourceError):
            assert b"400 Bad Request" in await connection.receive()


async def test_what_follows_the_body_adds_no_headers() -> None:
    async with hasty_server() as port, await anyio.connect_tcp("127.0.0.1", port) as connection:
        await connection.send(
            b"POST /headers HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2\r\nab\r\n0\r\nAuthorization: Bearer late\r\n\r\n"
        )
        assert (await heard(connection)).endswith(b"host, transfer-encoding")


async def test_requests_sent_ahead_are_answered_in_order_but_not_any_number() -> None:
    async with hasty_server() as port, await anyio.connect_tcp("127.0.0.1", port) as connection:
        await connection.send(
            b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\nPOST /headers HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"
        )
        answered = await heard(connection)
        assert answered.index(b"slow") < answered.index(b"host, content-length")
    async with hasty_server() as port, await anyio.connect_tcp("127.0.0.1", port) as connection:
        await connection.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" * 1000)
        answered = await heard(connection)
    assert b"400 Bad Request" in answered
    assert b"slow" not in answered


async def test_who_hangs_up_is_missed_also_with_a_request_sent_ahead() -> None:
    async with hasty_server() as port:
        async with await anyio.connect_tcp("127.0.0.1", port) as connection:
            await connection.send(b"GET /until-gone HTTP/1.1\r\nHost: x\r\n\r\nGET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        with anyio.fail_after(60):
            await GONE.wait()


async def test_who_offers_another_protocol_is_answered_in_this_one() -> None:
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n"
    head = b"POST /read HTTP/1.1\r\nHost: x\r\n" + offer + b"Content-Length: 3\r\n\r\n"
    async with hasty_server() as port, await anyio.connect_tcp("127.0.0.1", port) as connection:
        for pieces in ([head + b"abc"], [head, b"abc"]):
            for piece in pieces:
                await connection.send(piece)
                await anyio.sleep(0.1)
            answered = b""
            with anyio.fail_after(60):
                while not answered.endswith(b"\r\n\r\n3"):
                    answered += await connection.receive()


async def test_who_takes_it_for_a_proxy_is_refused() -> None:
    async with hasty_server() as port, await anyio.connect_tcp("127.0.0.1", port) as connection:
        await connection.send(b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n")
        assert (await heard(connection)).startswith(b"HTTP/1.1 400")


UNCLEAR = {
    "two lengths": b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    "a length and chunks": b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": b"Content-Length : 3\r\n\r\nabc",
    "lines that end in a newline alone": b"Content-Length: 3\nX: y\n\nabc",
    "a folded header": b"X: y\r\n z\r\nContent-Length: 3\r\n\r\nabc",
    "chunks of no size": b"Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("unclear", UNCLEAR)
async def test_what_a_proxy_could_read_otherwise_is_refused(unclear: str) -> None:
    async with hasty_server() as port, await anyio.connect_tcp("127.0.0.1", port) as connection:
        await connection.send(b"POST /headers HTTP/1.1\r\nHost: x\r\n" + UNCLEAR[unclear])
        assert (await heard(connection)).startswith(b"HTTP/1.1 400")


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
