"""An upstream that pages a list by position, and whose list changes when a test says so."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.emnify.upstream import Reply, Seen, Upstream, token


@dataclass
class Paged(Upstream):
    """Answer GET /api/v1/sim from a list, a few at a time."""

    sims: dict[int, dict[str, Any]] = field(default_factory=dict)
    per_page: int = 3
    before: dict[int, Callable[[], object]] = field(default_factory=dict)
    """What happens before a request of that number (from 1) is answered."""
    instead: dict[int, Reply] = field(default_factory=dict)
    """What is answered to a request of that number instead of a page."""
    held: asyncio.Event | None = None
    """Answer pages only then."""
    tells_totals: bool = True

    def _reply(self, seen: Seen) -> Reply:
        if seen.target == "/api/v1/authenticate":
            return super()._reply(seen)
        self.calls.append(seen)
        self.called.set()
        number = len(self.calls)
        happens = self.before.get(number, lambda: None)()
        if isinstance(happens, Awaitable):
            self._happening(happens)
        if number in self.instead:
            return self.instead[number]
        ids = sorted(self.sims)
        pages = max(1, -(-len(ids) // self.per_page))
        # Asked past the end, emnify sends the last page again.
        page = min(int(parse_qs(urlsplit(seen.target).query)["page"][0]), pages)
        rows = [self.sims[sim_id] for sim_id in ids[(page - 1) * self.per_page : page * self.per_page]]
        told = {
            "X-Total-Count": str(len(ids)),
            "X-Total-Pages": str(pages),
            "X-Current-Page": str(page),
            "X-Count-Per-Page": str(self.per_page),
        }
        return Reply(json=json.loads(json.dumps(rows)), headers=told if self.tells_totals else {}, after=self.held)

    def _happening(self, happens: Awaitable[object]) -> None:
        """Hold every answer back until that is over."""
        self.held = over = asyncio.Event()

        async def see() -> None:
            await happens
            over.set()

        task = asyncio.create_task(see())
        self.conversations.add(task)
        task.add_done_callback(self.conversations.discard)

    @property
    def pages_asked(self) -> list[int]:
        return [int(parse_qs(urlsplit(seen.target).query)["page"][0]) for seen in self.calls]

    def refuse_tokens(self) -> None:
        """Take the token back: what was issued is void, and no new one is given."""
        self.script_sign_in(Reply(status=401))


@asynccontextmanager
async def paged(count: int, **shape: Any) -> AsyncIterator[Paged]:
    """Serve so many SIMs with ids 10, 20, 30 and so on."""
    upstream = Paged(sims={number * 10: sim(number * 10) for number in range(1, count + 1)}, **shape)
    upstream.script_sign_in(Reply(json={"auth_token": token()}))
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    upstream.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield upstream
    finally:
        server.close()
        await upstream.end()


def sim(number: int, status: int = 1) -> dict[str, Any]:
    return {"id": number, "iccid": f"8988303{number:012}", "status": {"id": status, "description": "x"}}
