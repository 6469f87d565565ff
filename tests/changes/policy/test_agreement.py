"""What lapses, lapses: by the record's time, by the machine's, and by the policy and limits of the day."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from sim_mcp.changes.outcome import Outcome
from sim_mcp.changes.record.entries import State
from sim_mcp.changes.record.journal import AGREEMENT_LASTS, IDLE_PLANS_KEPT, Journal
from sim_mcp.changes.record.place import Place
from sim_mcp.changes.record.quota import Quota
from sim_mcp.sandbox import SandboxSettings
from sim_mcp.sandbox.settings import Unknowns
from sim_mcp.server.app import build_server
from sim_mcp.settings import Confirm
from tests.changes.test_approval import claude_desktop, press, suspend
from tests.changes.test_record import CALLER, plan_of
from tests.support import Fleet, fleet_of, structured, text_of

NOON = datetime(2026, 3, 15, 12, 0, tzinfo=UTC)
FOUR = ("healthy", "went_silent", "euicc", "wrong_apn")


class Clock:
    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time


def state_of(journal: Journal, plan_id: str) -> State:
    found = journal.plan(plan_id)
    assert found is not None
    return found.state


def test_only_what_was_sent_is_begun(place: Place) -> None:
    """A plan with a SIM that was so already used to be taken for begun, and never lapsed."""
    clock = Clock()
    journal = Journal(place, now=clock)
    plan = journal.keep(plan_of(3), CALLER)
    journal.decide(plan.id, approved=True, how="page")
    journal.settle(plan.id, {0: Outcome("already", "a", "a", "already so")})
    clock.time += timedelta(minutes=15)
    assert state_of(journal, plan.id) == "expired"


def test_what_is_left_of_a_change_wants_a_new_yes_after_a_day(place: Place) -> None:
    clock = Clock()
    journal = Journal(place, now=clock)
    plan = journal.keep(plan_of(3), CALLER)
    journal.decide(plan.id, approved=True, how="page")
    journal.intend(plan.id, 0, "x", quotas=[Quota(9)])
    clock.time += AGREEMENT_LASTS - timedelta(seconds=1)
    assert state_of(journal, plan.id) == "approved"
    clock.time += timedelta(seconds=1)
    assert state_of(journal, plan.id) == "lapsed"


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("back", [timedelta(minutes=5), timedelta(hours=1), timedelta(days=365)])
def test_a_clock_that_goes_back_revives_nothing(place: Place, back: timedelta, restarted: bool) -> None:
    clock = Clock()
    journal = Journal(place, now=clock)
    expired = journal.keep(plan_of(1), CALLER)
    clock.time += timedelta(minutes=16)
    journal.keep(plan_of(2), CALLER)
    clock.time -= back
    journal = Journal(place, now=clock) if restarted else journal
    assert state_of(journal, expired.id) == "expired"
    assert not journal.decide(expired.id, approved=True, how="page")


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("back", [timedelta(minutes=5), timedelta(hours=1), timedelta(days=365)])
def test_a_clock_that_goes_back_gains_nobody_time(place: Place, back: timedelta, restarted: bool) -> None:
    """Minutes that pass after the clock went back count as they would have without."""
    clock = Clock()
    journal = Journal(place, now=clock)
    waiting, approved = journal.keep(plan_of(1), CALLER), journal.keep(plan_of(2), CALLER)
    journal.decide(approved.id, approved=True, how="page")
    clock.time -= back
    journal = Journal(place, now=clock) if restarted else journal
    assert state_of(journal, waiting.id) == "expired"
    assert state_of(journal, approved.id) == "expired"
    # Who asks anew is asked anew, and has no longer than anybody.
    anew = journal.keep(plan_of(1), CALLER)
    assert anew.id != waiting.id
    clock.time += timedelta(minutes=14)
    assert state_of(journal, anew.id) == "waiting"
    clock.time += timedelta(minutes=1)
    assert state_of(Journal(place, now=clock), anew.id) == "expired"


def test_time_that_passes_while_the_clock_stands_still_counts(place: Place) -> None:
    elapsed = [0.0]
    journal = Journal(place, now=Clock(), elapsed_s=lambda: elapsed[0])
    plan = journal.keep(plan_of(), CALLER)
    elapsed[0] = timedelta(minutes=15).total_seconds()
    assert state_of(journal, plan.id) == "expired"


def test_the_hour_of_the_limit_is_no_shorter_for_a_clock_that_went_back(place: Place) -> None:
    clock = Clock()
    journal = Journal(place, now=clock)
    plan = journal.keep(plan_of(3), CALLER)
    assert journal.intend(plan.id, 0, "x", quotas=[Quota(1)]) == "now"
    clock.time -= timedelta(days=1)
    assert journal.intend(plan.id, 1, "x", quotas=[Quota(1)]) == "over the limit"
    assert Journal(place, now=clock).intend(plan.id, 1, "x", quotas=[Quota(1)]) == "over the limit"
    clock.time = NOON + timedelta(hours=1, seconds=1)
    assert journal.intend(plan.id, 1, "x", quotas=[Quota(1)]) == "now"


def test_plans_nobody_agreed_to_are_thinned_out_and_that_they_were_made_stays(place: Place) -> None:
    clock = Clock()
    journal = Journal(place, now=clock)
    idle, rejected, agreed = (journal.keep(plan_of(number), CALLER).id for number in (3, 4, 5))
    journal.decide(rejected, approved=False, how="page")
    journal.decide(agreed, approved=True, how="page")
    clock.time += IDLE_PLANS_KEPT + timedelta(days=1)
    journal.keep(plan_of(1), CALLER)
    kept = {plan_id: journal.plan(plan_id) for plan_id in (idle, rejected, agreed)}
    assert {plan_id: len(found.plan.items) for plan_id, found in kept.items() if found} == {
        idle: 0,
        rejected: 0,
        agreed: 5,
    }


@pytest.fixture
async def slow() -> AsyncIterator[Fleet]:
    """An emnify that makes a change wait longer than its call may: the rest of it is left."""
    async with fleet_of(SandboxSettings(sims=60, unknowns=Unknowns(retry_after=120))) as fleet:
        yield fleet


async def interrupted(fleet: Fleet, **chosen: Any) -> str:
    """Have four SIMs suspended, and the third met by emnify's limits: two are sent, one fails, one is left."""
    met = fleet.scenarios[FOUR[2]]
    await fleet.faults(f"throttle@PATCH /api/v1/sim/{met['sim_id']}")
    async with Client(build_server(fleet.settings(**{"confirm": Confirm.HOST, **chosen}), waits_s=3.0)) as client:
        told = structured(await client.call_tool("set_sim_status", suspend(fleet, *FOUR)))
    assert told["state"].startswith("not finished")
    await fleet.faults()
    return str(told["plan"])


async def test_a_person_is_asked_for_what_is_left_once_the_policy_asks_for_one(slow: Fleet) -> None:
    plan = await interrupted(slow)
    written = len(await slow.writes())
    async with claude_desktop(slow) as client:
        waiting = structured(await client.call_tool("continue_change", {"plan": plan}))
        assert waiting["state"] == "waiting for approval"
        assert waiting["plan"] != plan
        assert f"follows plan {plan}" in waiting["note"]
        assert "policy wants more now" in waiting["note"]
        assert len(await slow.writes()) == written
        await press(waiting["approve_at"], "approve")
        done = structured(await client.call_tool("continue_change", {}))
        assert done["counts"] == {"changed": 1}
        before = structured(await client.call_tool("continue_change", {"plan": plan}))
    assert before["counts"] == {"changed": 2, "failed": 1, "dropped": 1}
    assert len(await slow.writes()) == written + 1


async def test_what_the_policy_forbids_by_now_is_not_gone_on_with(slow: Fleet, tmp_path: Path) -> None:
    plan = await interrupted(slow)
    policy = tmp_path / "policy.toml"
    policy.write_text('[[rule]]\nstatus = "suspended"\ndecision = "never"\n')
    written = len(await slow.writes())
    async with Client(build_server(slow.settings(policy=policy))) as client:
        result = await client.call_tool("continue_change", {"plan": plan})
    assert result.is_error
    assert "forbids this now" in text_of(result)
    assert len(await slow.writes()) == written


async def test_what_is_larger_than_a_change_may_be_by_now_is_not_gone_on_with(slow: Fleet) -> None:
    plan = await interrupted(slow)
    written = len(await slow.writes())
    async with Client(build_server(slow.settings(confirm=Confirm.HOST, max_sims_per_change=3))) as client:
        result = await client.call_tool("continue_change", {"plan": plan})
    assert "SIM_MCP_MAX_SIMS_PER_CHANGE" in text_of(result)
    assert len(await slow.writes()) == written


async def test_a_plan_that_waits_is_decided_by_the_policy_of_the_day(fleet: Fleet, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    async with claude_desktop(fleet) as client:
        waiting = structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy")))
    policy.write_text('[[rule]]\nstatus = "suspended"\ndecision = "never"\n')
    async with claude_desktop(fleet, policy=policy) as client:
        assert "forbids this now" in text_of(await client.call_tool("continue_change", {"plan": waiting["plan"]}))
        assert await fleet.writes() == []
    policy.write_text('[[rule]]\nstatus = "suspended"\ndecision = "allow"\n')
    async with claude_desktop(fleet, policy=policy) as client:
        done = structured(await client.call_tool("continue_change", {"plan": waiting["plan"]}))
    assert done["agreed"] == "the operator's policy"
    assert len(await fleet.writes()) == 1


async def test_a_yes_of_yesterday_is_asked_for_again_and_what_was_sent_is_not_sent_again(
    slow: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = await interrupted(slow)
    written = len(await slow.writes())
    monkeypatch.setattr("sim_mcp.changes.record.journal.AGREEMENT_LASTS", timedelta(0))
    async with claude_desktop(slow, confirm=Confirm.HOST) as client:
        waiting = structured(await client.call_tool("continue_change", {"plan": plan}))
        assert waiting["state"] == "waiting for approval"
        assert f"follows plan {plan}, of which 1 SIM had not been sent, because its yes is older" in waiting["note"]
        assert len(await slow.writes()) == written
        await press(waiting["approve_at"], "approve")
        assert structured(await client.call_tool("continue_change", {"plan": waiting["plan"]}))["counts"] == {
            "changed": 1
        }
    assert len(await slow.writes()) == written + 1
