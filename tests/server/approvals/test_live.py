"""Open pages are told that something was asked for or decided, a few for each person, until they are signed out."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
import httpx
import pytest

from sim_mcp.server.approvals.live import AT_ONCE
from tests.server.approvals.people import Browser, Desk, desk_of
from tests.server.signin.issuing import Issuer
from tests.support import Fleet

SOON_S = 30


@pytest.fixture(autouse=True)
def _no_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told, is told because something happened."""
    monkeypatch.setattr("sim_mcp.server.approvals.live.HEARTBEAT_S", 3600)


class Told:
    """What a page is told."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.aiter_lines()

    async def look(self) -> None:
        """Wait until it is told to look."""
        with anyio.fail_after(SOON_S):
            while await anext(self._lines) != "data: look":
                pass

    async def ended(self) -> bool:
        with anyio.fail_after(SOON_S):
            return [line async for line in self._lines if line] == []


@asynccontextmanager
async def told(desk: Desk, browser: Browser) -> AsyncIterator[Told]:
    async with browser.http.stream("GET", f"{desk.url}/live") as answer:
        yield Told(answer)


async def test_a_page_is_told_of_a_plan_and_of_a_decision(fleet: Fleet, issuer: Issuer) -> None:
    async with desk_of(fleet, issuer) as desk, desk.browser("alice") as browser, desk.client("alice") as client:
        await browser.open(desk.url)
        async with told(desk, browser) as page:
            assert page.answer.headers["content-type"].startswith("text/event-stream")
            assert page.answer.headers["x-accel-buffering"] == "no"
            assert page.answer.headers["cache-control"] == "no-store"
            await page.look()
            waiting = await desk.suspending(client)
            await page.look()
            await browser.press(await browser.open(waiting["approve_at"]), "approve")
            await page.look()


async def test_a_person_has_a_few_streams_and_the_rest_of_their_pages_ask_by_themselves(
    fleet: Fleet, issuer: Issuer
) -> None:
    async with desk_of(fleet, issuer) as desk, desk.browser("alice") as browser, desk.browser("bob") as other:
        for each in (browser, other):
            await each.open(desk.url)
        async with AsyncExitStack() as stack:
            pages = [await stack.enter_async_context(told(desk, browser)) for _ in range(AT_ONCE)]
            for page in pages:
                await page.look()
            assert (await browser.http.get(f"{desk.url}/live")).status_code == 429
            assert (await browser.http.get(f"{desk.url}/waiting")).status_code == 200
            async with told(desk, other) as page:
                await page.look()
        with anyio.fail_after(SOON_S):
            while True:
                async with told(desk, browser) as page:
                    if page.answer.status_code == 200:
                        break


async def test_who_is_signed_out_is_told_nothing_more(fleet: Fleet, issuer: Issuer) -> None:
    async with desk_of(fleet, issuer) as desk, desk.browser("alice") as browser, desk.client("alice") as client:
        assert (await browser.http.get(f"{desk.url}/live")).status_code == 401
        await browser.open(desk.url)
        async with told(desk, browser) as page:
            await page.look()
            await browser.send(f"{desk.settings.public_url}/signin/out", {"out": "1"})
            await desk.suspending(client)
            assert await page.ended()
