"""A change is carried out, gone on with and read again with the token of who asked for it, and with no other."""

import anyio
import pytest

from sim_mcp.changes.record.journal import Journal
from sim_mcp.changes.record.quota import Quota
from tests.changes.test_approval import suspend
from tests.server.approvals.people import ALL, FOUR_EYES
from tests.server.signin.issuing import Issuer
from tests.server.upstreams.desk import desk_of
from tests.support import Fleet, structured, text_of


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_a_colleague_without_a_token_approves_and_the_requesters_token_carries_it_out(
    fleet: Fleet, issuer: Issuer, era: str
) -> None:
    async with (
        desk_of(fleet, issuer, policy=FOUR_EYES) as desk,
        desk.client("alice", era=era) as alice,
        desk.public.browser("bob", ALL) as bob,
    ):
        await desk.signed_in("alice")
        waiting = structured(await alice.call_tool("set_sim_status", suspend(fleet, "healthy")))
        assert waiting["plan"] in (await bob.open(desk.public.url)).text
        assert "Approved" in (await bob.press(await bob.open(waiting["approve_at"]), "approve")).text
        assert await fleet.writes() == []
        assert structured(await alice.call_tool("continue_change", {}))["counts"] == {"changed": 1}
    assert len(await fleet.writes()) == 1


async def test_after_a_restart_a_plan_is_shown_although_its_requester_did_not_ask_since(
    fleet: Fleet, issuer: Issuer
) -> None:
    async with desk_of(fleet, issuer, policy=FOUR_EYES) as desk, desk.client("alice") as alice:
        await desk.signed_in("alice")
        plan = structured(await alice.call_tool("set_sim_status", suspend(fleet, "healthy")))["plan"]
    async with desk_of(fleet, issuer, policy=FOUR_EYES) as desk, desk.public.browser("bob", ALL) as bob:
        assert plan in (await bob.open(desk.public.url)).text


async def test_a_change_whose_requester_removed_their_token_waits_and_goes_on_with_another_of_theirs(
    fleet: Fleet, issuer: Issuer
) -> None:
    async with (
        desk_of(fleet, issuer) as desk,
        desk.client("alice") as alice,
        desk.public.browser("alice") as own,
    ):
        await desk.signed_in("alice")
        waiting = structured(await alice.call_tool("set_sim_status", suspend(fleet, "healthy")))
        await own.press(await own.open(waiting["approve_at"]), "approve")
        await desk.send(own, {"action": "remove"})
        refused = text_of(await alice.call_tool("continue_change", {"plan": waiting["plan"]}))
        assert f"Enter one at {desk.page()}" in refused
        assert await fleet.writes() == []
        await desk.signed_in("alice")
        told = structured(await alice.call_tool("continue_change", {"plan": waiting["plan"]}))
        assert told["counts"] == {"changed": 1}


async def test_a_token_that_is_removed_in_the_middle_of_a_change_sends_nothing_more(
    fleet: Fleet, issuer: Issuer
) -> None:
    listed = (await fleet.api("GET", "/sim?per_page=500&q=status:1", role="enterprise")).json()
    sims = [sim["iccid"] for sim in listed[:20]]
    trusting = 'default = "allow"'
    async with (
        desk_of(fleet, issuer, policy=trusting) as desk,
        desk.client("alice") as alice,
        desk.public.browser("alice") as own,
    ):
        await desk.signed_in("alice")
        await fleet.faults("latency=0.5@PATCH")
        told = []

        async def ask() -> None:
            told.append(await alice.call_tool("set_sim_status", {"sims": sims, "status": "suspended"}))

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            with anyio.fail_after(30):
                while not await fleet.writes():  # noqa: ASYNC110  # the sandbox tells nobody.
                    await anyio.sleep(0.05)
            await desk.send(own, {"action": "remove"})
        written = len(await fleet.writes())
        assert 0 < written < len(sims)
        counts = structured(told[0])["counts"]
        assert counts["failed"] >= len(sims) - written
        assert "was removed, or replaced, meanwhile" in text_of(told[0])


async def test_a_change_whose_requesters_token_emnify_refuses_ends_in_those_words_and_sends_nothing(
    fleet: Fleet, issuer: Issuer
) -> None:
    async with (
        desk_of(fleet, issuer) as desk,
        desk.client("alice") as alice,
        desk.public.browser("alice") as own,
    ):
        await desk.signed_in("alice")
        waiting = structured(await alice.call_tool("set_sim_status", suspend(fleet, "healthy")))
        await own.press(await own.open(waiting["approve_at"]), "approve")
        await desk.kept("alice", fleet.world.tokens["revoked"])
        told = structured(await alice.call_tool("continue_change", {"plan": waiting["plan"]}))
        assert told["counts"] == {"failed": 1}
        assert "does not accept" in text_of(await alice.call_tool("continue_change", {"plan": waiting["plan"]}))
    assert await fleet.writes() == []


async def test_what_one_caller_left_in_doubt_is_not_read_with_the_token_of_another(
    fleet: Fleet, issuer: Issuer
) -> None:
    async with (
        desk_of(fleet, issuer) as desk,
        desk.client("alice", ALL) as alice,
        desk.client("bob", ALL) as bob,
        desk.public.browser("alice", ALL) as own,
    ):
        await desk.signed_in("alice")
        await desk.signed_in("bob")
        waiting = structured(await alice.call_tool("set_sim_status", suspend(fleet, "healthy")))
        await own.press(await own.open(waiting["approve_at"]), "approve")
        # As a server leaves it that is killed in the moment of sending.
        assert Journal(fleet.place, workspace="field").intend(waiting["plan"], 0, "PATCH", quotas=[Quota(500)]) == "now"
        await bob.call_tool("list_sim_statuses", {})
        before = len(await fleet.requests())
        seen = structured(await bob.call_tool("list_changes", {}))
        assert [change["plan"] for change in seen["changes"]] == [waiting["plan"]]
        assert len(await fleet.requests()) == before
        assert await fleet.writes() == []
        told = structured(await alice.call_tool("list_changes", {}))
        assert len(await fleet.requests()) > before
        assert told["total"] == 1
