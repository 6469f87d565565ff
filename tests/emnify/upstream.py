"""An upstream that answers exactly as told, over real HTTP, and remembers the bytes it was sent."""

import asyncio
import json
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt

KEY = "a key of thirty-two bytes or more"


def token(number: int = 1, *, iat: float = 1_700_000_000, lifetime: float = 14_400, **claims: Any) -> str:
    """An auth token of such a lifetime; numbers keep them apart."""
    return jwt.encode({"iat": iat, "exp": iat + lifetime, "n": number, "esc.org": 13886} | claims, KEY, "HS256")


@dataclass
class Reply:
    """One answer: or half of one, or none."""

    status: int = 200
    json: Any = None
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    missing: int = 0
    """Bytes that the Content-Length announces beyond those that come."""
    drop: bool = False
    """Close the connection instead."""
    after: asyncio.Event | None = None
    """Answer only then."""

    def bytes(self) -> bytes:
        body = self.body if self.body is not None else b"" if self.json is None else json.dumps(self.json).encode()
        lines = [f"HTTP/1.1 {self.status} ", f"Content-Length: {len(body) + self.missing}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass(frozen=True)
class Seen:
    """One request, as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None

    @property
    def line(self) -> str:
        return f"{self.method} {self.target}"


@dataclass
class Upstream:
    """Answer calls and sign-ins each from its own script; the last reply of a script repeats."""

    base_url: str = ""
    calls: list[Seen] = field(default_factory=list)
    sign_ins: list[Seen] = field(default_factory=list)
    replies: deque[Reply] = field(default_factory=deque)
    sign_in_replies: deque[Reply] = field(default_factory=deque)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    conversations: set[asyncio.Task[Any]] = field(default_factory=set)
    called: asyncio.Event = field(default_factory=asyncio.Event)

    def script(self, *replies: Reply) -> None:
        self.replies = deque(replies)

    def script_sign_in(self, *replies: Reply) -> None:
        self.sign_in_replies = deque(replies)

    @property
    def lines(self) -> list[str]:
        return [seen.line for seen in self.calls]

    def _reply(self, seen: Seen) -> Reply:
        signing_in = seen.target == "/api/v1/authenticate"
        (self.sign_ins if signing_in else self.calls).append(seen)
        self.arrived.set()
        if not signing_in:
            self.called.set()
        script = self.sign_in_replies if signing_in else self.replies
        if not script:
            return Reply(json={"auth_token": token(len(self.sign_ins))}) if signing_in else Reply(json=[])
        return script.popleft() if len(script) > 1 else script[0]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.conversations.add(task)
        try:
            while (seen := await _read(reader)) is not None:
                reply = self._reply(seen)
                if reply.after is not None:
                    await reply.after.wait()
                if not reply.drop:
                    writer.write(reply.bytes())
                    await writer.drain()
                if reply.drop or reply.missing:
                    return
        except (ConnectionError, asyncio.CancelledError):
            return
        finally:
            self.conversations.discard(task)
            writer.close()

    async def end(self) -> None:
        """End every conversation, also those that wait for what will never happen."""
        open_still = list(self.conversations)
        for each in open_still:
            each.cancel()
        await asyncio.gather(*open_still, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Seen | None:
    """Return a request, or None where the client went away, be it in the middle of one."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip().split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return Seen(method, target, headers, await reader.readexactly(int(headers.get("content-length", "0"))))
    except asyncio.IncompleteReadError:
        return None


@asynccontextmanager
async def upstream_running(
    tls: ssl.SSLContext | None = None, upstream: Upstream | None = None
) -> AsyncIterator[Upstream]:
    upstream = upstream or Upstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, ssl=tls)
    scheme, port = "http" if tls is None else "https", server.sockets[0].getsockname()[1]
    upstream.base_url = f"{scheme}://127.0.0.1:{port}"
    try:
        yield upstream
    finally:
        server.close()
        await upstream.end()
