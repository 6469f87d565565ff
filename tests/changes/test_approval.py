"""A client that cannot show a form: the plan waits on a page, and only a person's click there carries it out."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import anyio
import httpx
import pytest
from mcp import Client
from mcp.types import CallToolResult, Implementation

from sim_mcp.changes.record.journal import Journal
from sim_mcp.server.app import build_server
from tests.support import Fleet, structured, text_of, unencrypted

Era = Literal["auto", "legacy"]
ERAS: tuple[Era, ...] = ("auto", "legacy")


@asynccontextmanager
async def claude_desktop(fleet: Fleet, *, era: Era = "auto", **chosen: Any) -> AsyncIterator[Client]:
    """A client without forms, as Claude Desktop is."""
    async with Client(build_server(fleet.settings(**chosen)), mode=era) as client:
        yield client


async def press(link: str, button: Literal["approve", "reject"], typed: str = "") -> httpx.Response:
    """Open the page and press a button, as a browser does for a person."""
    origin = f"http://{httpx.URL(link).host}:{httpx.URL(link).port}"
    async with unencrypted() as browser:
        page = await browser.get(link)
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
        action = re.search(r'<form[^>]*action="([^"]+)"', page.text)
        assert action, page.text
        return await browser.post(
            origin + action[1],
            data={**hidden, "decision": button, "typed": typed},
            headers={"Origin": origin, "Sec-Fetch-Site": "same-origin"},
        )


def suspend(fleet: Fleet, *stories: str) -> dict[str, Any]:
    return {"sims": [fleet.scenarios[story]["iccid"] for story in stories], "status": "suspended"}


@pytest.mark.parametrize("era", ERAS)
async def test_an_approved_plan_is_carried_out_by_continue_change(fleet: Fleet, era: Era) -> None:
    async with claude_desktop(fleet, era=era) as client:
        waiting = structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy")))
        assert waiting["state"] == "waiting for approval"
        assert waiting["next"] == f'continue_change(plan="{waiting["plan"]}")'
        assert await fleet.writes() == []
        assert (await press(waiting["approve_at"], "approve")).status_code < 400
        done = structured(await client.call_tool("continue_change", {"plan": waiting["plan"]}))
    assert done["counts"] == {"changed": 1}
    assert done["agreed"] == "a person, on the approval page"
    assert len(await fleet.writes()) == 1


async def test_a_call_that_waits_goes_on_at_once_when_approved_and_tells_progress(fleet: Fleet) -> None:
    links: list[str] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        del progress, total
        if message and "http://" in message:
            links.append(message[message.index("http://") :])

    # In memory only the older protocol tells the server that somebody listens.
    listening = claude_desktop(fleet, era="legacy", approval_wait_s=60)
    async with listening as client, anyio.create_task_group() as group:

        async def call() -> None:
            result = await client.call_tool("set_sim_status", suspend(fleet, "healthy"), progress_callback=on_progress)
            assert structured(result)["counts"] == {"changed": 1}
            group.cancel_scope.cancel()

        group.start_soon(call)
        with anyio.fail_after(30):
            while not links:  # noqa: ASYNC110  # what is awaited is a message from another process.
                await anyio.sleep(0.05)
        await press(links[0], "approve")


async def test_a_call_that_waits_ends_without_a_change_when_the_person_rejects(fleet: Fleet) -> None:
    links: list[str] = []
    results: list[CallToolResult] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        del progress, total
        if message and "http://" in message:
            links.append(message[message.index("http://") :])

    listening = claude_desktop(fleet, era="legacy", approval_wait_s=60)
    async with listening as client, anyio.create_task_group() as group:

        async def call() -> None:
            arguments = suspend(fleet, "healthy")
            results.append(await client.call_tool("set_sim_status", arguments, progress_callback=on_progress))

        group.start_soon(call)
        with anyio.fail_after(30):
            while not links:  # noqa: ASYNC110  # what is awaited is a message from another process.
                await anyio.sleep(0.05)
        await press(links[0], "reject")
    assert results[0].is_error
    assert "rejected on the approval page" in text_of(results[0])
    assert await fleet.writes() == []


@pytest.mark.parametrize("era", ERAS)
async def test_where_nobody_listens_the_link_comes_at_once_and_continue_change_waits(fleet: Fleet, era: Era) -> None:
    async with claude_desktop(fleet, era=era, approval_wait_s=600) as client, anyio.create_task_group() as group:
        with anyio.fail_after(60):
            waiting = structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy")))
        assert waiting["state"] == "waiting for approval"
        results: list[CallToolResult] = []

        async def go_on() -> None:
            results.append(await client.call_tool("continue_change", {"plan": waiting["plan"]}))

        group.start_soon(go_on)
        await anyio.sleep(0.5)
        assert results == []
        await press(waiting["approve_at"], "approve")
    assert structured(results[0])["counts"] == {"changed": 1}


async def test_a_link_that_nobody_was_given_yet_comes_at_once(fleet: Fleet) -> None:
    async with claude_desktop(fleet) as client:
        waiting = structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy")))
    # A server started since has a page at another address.
    async with claude_desktop(fleet, approval_wait_s=600) as client:
        with anyio.fail_after(60):
            again = structured(await client.call_tool("continue_change", {"plan": waiting["plan"]}))
        assert again["state"] == "waiting for approval"
        assert again["approve_at"] != waiting["approve_at"]
        assert (await press(again["approve_at"], "approve")).status_code < 400


async def test_the_page_tells_what_came_of_it_while_the_client_works(fleet: Fleet) -> None:
    async with claude_desktop(fleet) as client, unencrypted() as browser:
        waiting = structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy", "went_silent")))
        link = waiting["approve_at"]
        asked = (await browser.get(link)).text
        assert "Suspend 2 SIMs</button>" in asked
        assert re.search(
            r"<strong>SANDBOX</strong>.*workspace &#34;Alpenwerk Devices&#34; \(id \d+\)", asked, re.DOTALL
        )
        await press(link, "approve")
        assert "Waiting for mcp" in (await browser.get(f"{link}/result")).text
        await client.call_tool("continue_change", {"plan": waiting["plan"]})
        told = (await browser.get(f"{link}/result")).text
    assert "2 of 2 SIMs done" in told
    assert "read back: done" in told
    assert "data-over" in told


async def test_a_rejected_plan_stays_undone(fleet: Fleet) -> None:
    async with claude_desktop(fleet) as client:
        waiting = structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy")))
        assert (await press(waiting["approve_at"], "reject")).status_code == 303
        result = await client.call_tool("continue_change", {"plan": waiting["plan"]})
    assert result.is_error
    assert "rejected on the approval page" in text_of(result)
    assert "do not ask for the same again" in text_of(result)
    assert "new call" not in text_of(result)
    assert await fleet.writes() == []


async def test_a_deletion_wants_the_right_word_on_the_page(fleet: Fleet) -> None:
    story = fleet.scenarios["no_device"]
    async with claude_desktop(fleet) as client:
        waiting = structured(await client.call_tool("delete_sims", {"sims": [story["iccid"]]}))
        await press(waiting["approve_at"], "approve", typed="0000")
        still = structured(await client.call_tool("continue_change", {"plan": waiting["plan"]}))
        assert still["state"] == "waiting for approval"
        await press(still["approve_at"], "approve", typed=story["iccid_with_luhn"][-4:])
        done = structured(await client.call_tool("continue_change", {"plan": waiting["plan"]}))
    assert done["counts"] == {"changed": 1}
    assert len(await fleet.writes()) == 1


async def test_the_same_call_again_is_the_same_plan_until_it_is_decided(fleet: Fleet) -> None:
    async with claude_desktop(fleet) as client:
        first = structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy")))
        second = structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy")))
        assert first["plan"] == second["plan"]
        await press(first["approve_at"], "approve")
        await client.call_tool("continue_change", {"plan": first["plan"]})
        again = structured(await client.call_tool("continue_change", {"plan": first["plan"]}))
    assert again["counts"] == {"changed": 1}
    assert len(await fleet.writes()) == 1


@pytest.mark.parametrize("story", ["no plan", "deadbeef", "../../x", "' OR 1=1"])
async def test_a_guessed_plan_does_nothing(fleet: Fleet, story: str) -> None:
    async with claude_desktop(fleet) as client:
        await client.call_tool("set_sim_status", suspend(fleet, "healthy"))
        result = await client.call_tool("continue_change", {"plan": story})
    assert result.is_error
    assert await fleet.writes() == []


async def test_another_clients_plan_does_nothing_even_once_it_is_approved(fleet: Fleet) -> None:
    other = Client(build_server(fleet.settings()), client_info=Implementation(name="another agent", version="1"))
    async with claude_desktop(fleet) as client, other:
        waiting = structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy")))
        before = await other.call_tool("continue_change", {"plan": waiting["plan"]})
        await press(waiting["approve_at"], "approve")
        after = await other.call_tool("continue_change", {"plan": waiting["plan"]})
    for result in (before, after):
        assert result.is_error
        assert "no plan" in text_of(result)
        assert "/approve/" not in text_of(result)
    assert await fleet.writes() == []


@pytest.mark.parametrize("approved", [False, True])
async def test_a_plan_after_its_time_does_nothing(fleet: Fleet, approved: bool) -> None:
    """The plan is as the server keeps it, an hour old; if approved, then when it was fresh."""
    async with claude_desktop(fleet) as client:
        waiting = structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy")))
        fresh = Journal(fleet.place).plan(waiting["plan"])
        assert fresh is not None
        an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
        past = Journal(fleet.place, now=lambda: an_hour_ago)
        old = past.keep(fresh.plan.model_copy(update={"selection": "an hour ago"}), fresh.caller)
        if approved:
            assert past.decide(old.id, approved=True, how="a person, on the approval page")
        result = await client.call_tool("continue_change", {"plan": old.id})
    assert result.is_error
    assert "expired" in text_of(result)
    assert "Nothing changed" in text_of(result)
    assert await fleet.writes() == []


async def test_opening_the_link_or_posting_without_the_page_approves_nothing(fleet: Fleet) -> None:
    async with claude_desktop(fleet) as client, unencrypted() as http:
        waiting = structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy")))
        link = waiting["approve_at"]
        origin = f"http://{httpx.URL(link).host}:{httpx.URL(link).port}"
        for method, url in (("GET", link), ("HEAD", link), ("POST", link), ("POST", f"{link}/decision")):
            await http.request(method, url, data={"decision": "approve"} if method == "POST" else None)
        for headers in ({"Origin": "https://evil.example"}, {"Origin": origin}, {}):
            await http.post(f"{link}/decision", data={"decision": "approve"}, headers=headers)
        still = structured(await client.call_tool("continue_change", {"plan": waiting["plan"]}))
    assert still["state"] == "waiting for approval"
    assert await fleet.writes() == []


async def test_what_changed_after_approval_is_left_alone(fleet: Fleet) -> None:
    story = fleet.scenarios["healthy"]
    async with claude_desktop(fleet) as client:
        waiting = structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy", "went_silent")))
        await press(waiting["approve_at"], "approve")
        body = {"sim": {"id": None}}
        await fleet.api("PATCH", f"/endpoint/{story['device_id']}", role="enterprise", json=body)
        done = structured(await client.call_tool("continue_change", {"plan": waiting["plan"]}))
    assert done["counts"] == {"moved": 1, "changed": 1}
    assert not [write for write in await fleet.writes() if write["path"].endswith(f"/sim/{story['sim_id']}")]


async def test_carrying_out_twice_at_once_writes_once_and_each_call_tells_the_same(fleet: Fleet) -> None:
    """One run waits for another, so that none takes what is under way for what was interrupted."""
    told: list[dict[str, Any]] = []
    async with claude_desktop(fleet) as client:
        waiting = structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy", "went_silent")))
        await press(waiting["approve_at"], "approve")
        await fleet.faults("latency=0.2@PATCH")

        async def go_on() -> None:
            told.append(structured(await client.call_tool("continue_change", {"plan": waiting["plan"]})))

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(go_on)
    assert [report["counts"] for report in told] == [{"changed": 2}] * 5
    assert len(await fleet.writes()) == 2
