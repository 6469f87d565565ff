"""Two servers behind one address: who signed in on one is known on the other, and a press there ends the wait here."""

from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest
from pydantic import SecretStr

from sim_mcp.changes.approval_page.public_offer import PublicOffer
from sim_mcp.changes.record.entries import StoredPlan
from tests.changes.test_approval import suspend
from tests.processes.test_commands import run
from tests.processes.test_serving import environment
from tests.replicas.database import heard_by_somebody
from tests.server.approvals.people import FOUR_EYES, Browser, desk_of
from tests.server.approvals.test_live import told as telling
from tests.server.signin.issuing import client_with, issuing, served
from tests.support import Fleet, structured


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_press_on_another_server_ends_the_wait_of_this_one(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without being told, this server would look again only after the test has given up.
    monkeypatch.setattr("sim_mcp.changes.approval_page.public_offer.TELL_EVERY_S", 600)
    told: list[dict[str, Any]] = []
    waiting = anyio.Event()

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        del progress, total
        if message is not None and message.startswith("waiting for approval"):
            waiting.set()

    async with (
        issuing() as issuer,
        desk_of(fleet, issuer, FOUR_EYES) as pages,
        served(pages.settings.model_copy(update={"approval_wait_s": 600})) as elsewhere,
    ):
        token = issuer.token(sub="alice", scope="sims:write", aud=pages.settings.resource)

        async def ask() -> None:
            async with client_with(elsewhere, token) as client:
                answer = await client.call_tool("set_sim_status", suspend(fleet, "healthy"), progress_callback=hear)
                told.append(structured(answer))

        async with pages.browser("bob") as browser, anyio.create_task_group() as group:
            group.start_soon(ask)
            with anyio.fail_after(40):
                await waiting.wait()
                assert fleet.database_url is not None
                await heard_by_somebody(fleet.database_url)
                seen = await browser.open(pages.url)
                plan = seen.text.partition('<a href="/approvals/')[2][:8]
                await browser.press(await browser.open(f"{pages.url}/{plan}"), "approve")
                while not told:  # noqa: ASYNC110  # the call ends when it ends.
                    await anyio.sleep(0.01)
    assert told[0]["agreed"] == "a person, on the approval page: bob@example.com"
    assert len(await fleet.writes()) == 1


async def test_who_goes_on_at_another_server_than_gave_the_link_waits_for_the_press_there(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, Any]] = []
    waited_for: list[str] = []
    as_it_is = PublicOffer.wait

    async def wait(self: PublicOffer, stored: StoredPlan, *more: Any) -> None:
        waited_for.append(stored.id)
        await as_it_is(self, stored, *more)

    async with (
        issuing() as issuer,
        desk_of(fleet, issuer, FOUR_EYES) as pages,
        served(pages.settings.model_copy(update={"approval_wait_s": 600})) as elsewhere,
    ):
        token = issuer.token(sub="alice", scope="sims:write", aud=pages.settings.resource)
        async with client_with(pages.address, token) as client:
            waiting = structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy")))
        monkeypatch.setattr(PublicOffer, "wait", wait)

        async def go_on() -> None:
            # It listens to no progress, so that it is told of nothing before the end.
            async with client_with(elsewhere, token) as client:
                told.append(structured(await client.call_tool("continue_change", {"plan": waiting["plan"]})))

        async with pages.browser("bob") as browser, anyio.create_task_group() as group:
            page = await browser.open(waiting["approve_at"])
            group.start_soon(go_on)
            with anyio.fail_after(40):
                while waited_for != [waiting["plan"]]:  # noqa: ASYNC110  # the server tells nobody.
                    await anyio.sleep(0.01)
            await browser.press(page, "approve")
    assert told[0]["counts"] == {"changed": 1}
    assert len(await fleet.writes()) == 1


@pytest.mark.parametrize("by", ["signing out", "the operator", "everybody"])
async def test_who_is_signed_out_on_one_server_is_on_none(fleet: Fleet, by: str) -> None:
    async with (
        issuing() as issuer,
        desk_of(fleet, issuer, session_key=SecretStr("k" * 32)) as pages,
        served(pages.settings) as elsewhere,
        pages.browser("alice") as alice,
        pages.browser("bob") as bob,
    ):
        for browser in (alice, bob):
            await browser.open(pages.url)
        there = f"{elsewhere.removesuffix('/mcp')}/approvals"
        host = {"Host": str(httpx.URL(pages.url).netloc, "ascii")}
        cookie = alice.http.cookies["sim-mcp-session"]

        async def known(browser: Browser) -> list[bool]:
            here = (await browser.http.get(pages.url)).status_code == 200
            return [here, (await browser.http.get(there, headers=host)).status_code == 200]

        assert [await known(alice), await known(bob)] == [[True, True], [True, True]]
        if by == "signing out":
            await alice.send(f"{pages.settings.public_url}/signin/out", {"out": "1"})
            alice.http.cookies.set("sim-mcp-session", cookie, domain="127.0.0.1", path="/")
        else:
            assert fleet.database_url is not None
            env = environment(None, SIM_MCP_DATABASE_URL=fleet.database_url.get_secret_value())
            words = ["--subject", "alice"] if by == "the operator" else ["--all"]
            done = await anyio.to_thread.run_sync(lambda: run("sessions", "revoke", *words, env=env))
            assert "ended: alice@example.com" in done.stdout
        assert await known(alice) == [False, False]
        assert await known(bob) == ([False, False] if by == "everybody" else [True, True])


async def test_a_page_of_one_server_is_told_of_what_is_asked_for_on_another(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim_mcp.server.approvals.live.HEARTBEAT_S", 3600)
    async with (
        issuing() as issuer,
        desk_of(fleet, issuer, FOUR_EYES) as pages,
        served(pages.settings) as elsewhere,
        pages.browser("bob") as browser,
        client_with(elsewhere, issuer.token(sub="alice", scope="sims:write", aud=pages.settings.resource)) as client,
    ):
        await browser.open(pages.url)
        assert fleet.database_url is not None
        await heard_by_somebody(fleet.database_url)
        async with telling(pages, browser) as page:
            await page.look()
            structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy")))
            await page.look()
