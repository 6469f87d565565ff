"""People sign in at the public address, and decide on what is theirs to decide on."""

import logging
from typing import Any

import anyio
import pytest

from sim_mcp.changes.record.audit import audit
from tests.changes.test_approval import suspend
from tests.processes.test_serving import agree
from tests.server.approvals.people import ALL, ANY_HOLDER, CHANGES, FOUR_EYES, desk_of
from tests.server.signin.issuing import Issuer
from tests.support import Fleet, structured, text_of


async def test_who_asked_signs_in_approves_and_is_named(
    fleet: Fleet, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sim_mcp")
    async with desk_of(fleet, issuer) as desk, desk.client("alice") as client, desk.browser("alice") as browser:
        waiting = await desk.suspending(client)
        assert waiting["approve_at"] == f"{desk.url}/{waiting['plan']}"
        page = await browser.open(waiting["approve_at"])
        assert (page.status_code, str(page.url)) == (200, waiting["approve_at"])
        assert "Suspend 1 SIM" in page.text
        assert await fleet.writes() == []
        after = await browser.press(page, "approve")
        assert "Approved" in after.text
        told = structured(await client.call_tool("continue_change", {"plan": waiting["plan"]}))
        assert (told["counts"], told["agreed"]) == (
            {"changed": 1},
            "a person, on the approval page: alice@example.com",
        )
    assert {row.agreed for row in audit(fleet.state_dir)} == {told["agreed"]}
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("sim_mcp")]
    assert any("approved by a person, on the approval page: alice@example.com" in line for line in lines)
    assert not any("eyJ" in line for line in lines)
    assert len(await fleet.writes()) == 1


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_where_another_has_to_agree_neither_a_form_nor_who_asked_is_enough(
    fleet: Fleet, issuer: Issuer, era: str
) -> None:
    async with (
        desk_of(fleet, issuer, FOUR_EYES) as desk,
        desk.client("alice", ALL, era, elicitation_callback=agree) as client,
        desk.browser("alice", ALL) as own,
        desk.browser("bob") as other,
    ):
        waiting = await desk.suspending(client)
        assert "send the link to a colleague" in waiting["note"]
        page = await own.open(waiting["approve_at"])
        assert "Somebody else has to approve this" in page.text
        assert 'value="approve"' not in page.text
        refused = await own.press(page, "approve")
        assert (refused.status_code, "somebody else" in refused.text) == (403, True)
        assert structured(await client.call_tool("continue_change", {}))["state"] == "waiting for approval"
        assert await fleet.writes() == []
        await other.press(await other.open(waiting["approve_at"]), "approve")
        told = structured(await client.call_tool("continue_change", {}))
        assert told["agreed"] == "a person, on the approval page: bob@example.com"
    assert len(await fleet.writes()) == 1


async def test_who_may_not_make_such_a_change_is_no_second_pair_of_eyes(fleet: Fleet, issuer: Issuer) -> None:
    async with (
        desk_of(fleet, issuer, FOUR_EYES) as desk,
        desk.client("alice") as client,
        desk.browser("bob", "sims:read") as reader,
    ):
        waiting = await desk.suspending(client)
        assert (await reader.open(waiting["approve_at"])).status_code == 404
        assert waiting["plan"] not in (await reader.open(desk.url)).text


async def test_nobody_sees_or_decides_on_a_plan_that_is_not_theirs(fleet: Fleet, issuer: Issuer) -> None:
    async with (
        desk_of(fleet, issuer) as desk,
        desk.client("alice") as client,
        desk.client("bob") as others,
        desk.browser("bob") as browser,
        desk.browser("carol", ALL) as holder,
    ):
        waiting = await desk.suspending(client)
        plan, url = waiting["plan"], waiting["approve_at"]
        assert (await browser.open(url)).status_code == 404
        assert (await browser.open(f"{url}/result")).status_code == 404
        assert plan not in (await browser.open(desk.url)).text
        # Not with the form of a plan of theirs either.
        mine = await desk.suspending(others, "roaming_spike")
        form = (await browser.open(mine["approve_at"])).text.partition('name="form" value="')[2].partition('"')[0]
        assert form
        for decision in ("approve", "reject"):
            sent = await browser.send(f"{url}/decision", {"form": form, "decision": decision})
            assert sent.status_code == 404
        # Who may approve sees it; by this policy the yes is the requester's.
        seen = await holder.open(url)
        assert "Somebody else has to approve this" in seen.text
        assert "alice@example.com" in seen.text
        assert 'name="decision"' not in seen.text
        assert structured(await client.call_tool("continue_change", {"plan": plan}))["state"] == "waiting for approval"
    assert await fleet.writes() == []


async def test_who_holds_the_scope_approves_where_the_policy_says_so(fleet: Fleet, issuer: Issuer) -> None:
    async with (
        desk_of(fleet, issuer, ANY_HOLDER) as desk,
        desk.client("alice", elicitation_callback=agree) as client,
        desk.browser("alice") as own,
        desk.browser("bob", CHANGES) as colleague,
        desk.browser("carol", "sims:approve") as holder,
    ):
        waiting = await desk.suspending(client)
        assert (await own.press(await own.open(waiting["approve_at"]), "approve")).status_code == 403
        assert (await colleague.open(waiting["approve_at"])).status_code == 404
        assert "Approved" in (await holder.press(await holder.open(waiting["approve_at"]), "approve")).text
        assert structured(await client.call_tool("continue_change", {}))["counts"] == {"changed": 1}


async def test_who_asked_may_take_back_what_another_has_to_approve(fleet: Fleet, issuer: Issuer) -> None:
    async with (
        desk_of(fleet, issuer, FOUR_EYES) as desk,
        desk.client("alice") as client,
        desk.browser("alice") as own,
    ):
        waiting = await desk.suspending(client)
        await own.press(await own.open(waiting["approve_at"]), "reject")
        refused = await client.call_tool("continue_change", {"plan": waiting["plan"]})
        assert "was rejected on the approval page: alice@example.com" in text_of(refused)


async def test_what_waits_is_listed_for_who_decides_newest_first_and_leaves_once_decided(
    fleet: Fleet, issuer: Issuer
) -> None:
    async with (
        desk_of(fleet, issuer, FOUR_EYES) as desk,
        desk.client("alice") as client,
        desk.browser("bob") as other,
        desk.browser("alice") as own,
    ):
        assert "Nothing waits" in (await other.open(desk.url)).text
        first = (await desk.suspending(client))["plan"]
        second = (await desk.suspending(client, "roaming_spike"))["plan"]
        seen = (await other.open(f"{desk.url}/waiting")).text
        assert 0 < seen.index(f"/approvals/{second}") < seen.index(f"/approvals/{first}")
        assert seen.count("Waits for you") == 2
        assert (await own.open(desk.url)).text.count("Waits for somebody else") == 2
        await other.press(await other.open(f"{desk.url}/{second}"), "reject")
        left = (await other.open(f"{desk.url}/waiting")).text
        assert f"/approvals/{first}" in left
        assert second not in left


async def test_a_press_ends_the_wait_of_the_call(fleet: Fleet, issuer: Issuer) -> None:
    async with (
        desk_of(fleet, issuer, approval_wait_s=600) as desk,
        desk.client("alice") as client,
        desk.browser("alice") as browser,
    ):
        link = anyio.Event()
        seen: list[str] = []

        async def hear(progress: float, total: float | None, message: str | None) -> None:
            del progress, total
            if message is not None and message.startswith("waiting for approval at "):
                seen.append(message.removeprefix("waiting for approval at "))
                link.set()

        async def ask() -> None:
            answer = await client.call_tool("set_sim_status", suspend(fleet, "healthy"), progress_callback=hear)
            told.append(structured(answer))

        told: list[dict[str, Any]] = []
        with anyio.fail_after(40):
            async with anyio.create_task_group() as group:
                group.start_soon(ask)
                await link.wait()
                await browser.press(await browser.open(seen[0]), "approve")
    assert told[0]["counts"] == {"changed": 1}


async def test_a_deletion_is_confirmed_by_what_it_asks_to_type(fleet: Fleet, issuer: Issuer) -> None:
    sim = fleet.scenarios["no_device"]
    async with (
        desk_of(fleet, issuer, FOUR_EYES) as desk,
        desk.client("alice") as client,
        desk.browser("bob") as other,
    ):
        waiting = structured(await client.call_tool("delete_sims", {"sims": [sim["iccid"]]}))
        page = await other.open(waiting["approve_at"])
        wrong = await other.press(page, "approve", "no idea")
        assert (wrong.status_code, "does not match" in wrong.text) == (422, True)
        await other.press(page, "approve", sim["iccid_with_luhn"][-4:])
        assert structured(await client.call_tool("continue_change", {}))["counts"] == {"changed": 1}
    assert [request["method"] for request in await fleet.writes()] == ["DELETE"]
