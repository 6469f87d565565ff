"""How much may be changed in a time, by whom and where: counted from the record, and what happens beyond."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from sim_mcp.changes.policy.agreement import BY_FORM, BY_PAGE, BY_POLICY
from sim_mcp.changes.policy.limit import Limit
from sim_mcp.changes.policy.limits import Limits
from sim_mcp.changes.record.entries import Caller, StoredPlan
from sim_mcp.changes.record.journal import Journal
from sim_mcp.changes.record.place import Place
from sim_mcp.changes.record.quota import Quota
from sim_mcp.settings import Settings
from tests.changes.policy.test_agreement import NOON, Clock
from tests.changes.policy.test_approver import ALICE, ISSUER, ROBOT
from tests.changes.policy.test_rules import DELETES, SUSPENDS
from tests.changes.test_approval import claude_desktop, press
from tests.changes.test_record import plan_of
from tests.changes.test_service import active, suspended
from tests.server.approvals.people import desk_of
from tests.server.signin.issuing import issuing
from tests.support import Fleet, structured, text_of

BOB = Caller("bob@example.com", "a client", ISSUER, "bob", frozenset({"sims:write"}))


def sent(journal: Journal, caller: Caller, sims: int, **changes: Any) -> None:
    """Record that somebody's change of so many SIMs was sent."""
    stored = journal.keep(plan_of(sims).model_copy(update=changes), caller)
    journal.decide(stored.id, approved=True, how=BY_PAGE)
    for item in range(sims):
        assert journal.intend(stored.id, item, "x", quotas=[]) == "now"


@pytest.mark.parametrize(
    ("limit", "counted"),
    [
        ({"per": "principal"}, 3),
        ({"per": "workspace"}, 8),
        ({"per": "workspace", "scope": "sims:read"}, 3),
        ({"per": "workspace", "principal": "bob"}, 4),
        ({"per": "principal", "principal": "bob"}, 0),
        ({"per": "workspace", "tool": "delete_sims"}, 8),
        ({"per": "workspace", "tool": "set_sim_status"}, 0),
        ({"per": "workspace", "workspace": "7"}, 1),
    ],
)
def test_what_was_sent_counts_by_who_asked_for_what_and_where(
    place: Place, limit: dict[str, Any], counted: int
) -> None:
    journal = Journal(place)
    sent(journal, ALICE, 2)
    # The same person through another client is the same person.
    sent(journal, replace(ALICE, client="another client"), 1)
    sent(journal, BOB, 4)
    sent(journal, ROBOT, 1, workspace='"Acme" (id 7)')
    sent(Journal(place, workspace="elsewhere"), ALICE, 5, workspace_name="elsewhere")
    assert journal.sent(Limit(sims=9, **limit).quota(ALICE, 1)) == counted


def test_a_limit_looks_back_as_far_as_it_says(place: Place) -> None:
    clock = Clock()
    journal = Journal(place, now=clock)
    sent(journal, ALICE, 2)
    clock.time += timedelta(hours=5, minutes=59)
    in_six_hours, in_one = Limit(sims=2, per="principal", hours=6), Limit(sims=2, per="principal")
    assert journal.sent(in_six_hours.quota(ALICE, 1)) == 2
    assert journal.sent(in_one.quota(ALICE, 1)) == 0
    plan = journal.keep(plan_of(3), ALICE)
    assert journal.intend(plan.id, 0, "x", quotas=[in_six_hours.quota(ALICE, 1)]) == "over the limit"
    found = journal.first_used_up([in_one.quota(ALICE, 1), in_six_hours.quota(ALICE, 2)], 1)
    assert found is not None
    quota, again = found
    assert quota.words == "2 SIMs in 6 hours (limit 2 of SIM_MCP_POLICY, per principal)"
    assert again is not None
    assert again - NOON - timedelta(hours=6) < timedelta(minutes=1)
    clock.time += timedelta(minutes=2)
    assert journal.intend(plan.id, 0, "x", quotas=[in_six_hours.quota(ALICE, 1)]) == "now"


def limits_of(tmp_path: Path, text: str) -> Limits:
    file = tmp_path / "policy.toml"
    file.write_text(text)
    return Limits(Settings(policy=file, application_token=SecretStr("x")))


def test_a_yes_that_nobody_gave_reaches_as_far_as_the_limit_and_a_persons_beyond(tmp_path: Path) -> None:
    limits = limits_of(
        tmp_path,
        'default = "allow"\n[[limit]]\nsims = 2\nper = "principal"\nover = "ask"\n'
        '[[limit]]\nsims = 3\nper = "workspace"\nover = "page"\n[[limit]]\nsims = 9\nper = "workspace"\n'
        '[[limit]]\nsims = 1\nper = "workspace"\nprincipal = "carol"\n',
    )
    expires = datetime.now(UTC) + timedelta(minutes=15)

    def binds(how: str) -> list[int]:
        return [quota.sims for quota in limits.binding(StoredPlan("p", SUSPENDS, ALICE, expires, "approved", how))]

    hour = Settings().max_sims_per_hour
    assert binds(BY_POLICY) == [hour, 9, 2, 3]
    assert binds(f"{BY_FORM}: alice") == [hour, 9, 3]
    assert binds(f"{BY_PAGE}: bob") == [hour, 9]


async def test_beyond_what_may_be_changed_without_asking_a_person_is_asked(fleet: Fleet) -> None:
    policy = fleet.state_dir / "policy.toml"
    policy.write_text('default = "allow"\n[[limit]]\nsims = 2\nper = "principal"\nover = "ask"\n')
    sims = await active(fleet, 3)
    async with claude_desktop(fleet, policy=policy) as client:
        done = structured(await client.call_tool("set_sim_status", suspended(sims[:1])))
        assert (done["state"], done["agreed"]) == ("done", BY_POLICY)
        waiting = structured(await client.call_tool("set_sim_status", suspended(sims[1:])))
        assert waiting["counts"] == {}
        # To ask again is no way around it.
        again = structured(await client.call_tool("continue_change", {"plan": waiting["plan"]}))
        assert again["approve_at"]
        assert len(await fleet.writes()) == 1
        await press(waiting["approve_at"], "approve")
        told = structured(await client.call_tool("continue_change", {"plan": waiting["plan"]}))
        assert (told["state"], told["agreed"], told["counts"]) == ("done", BY_PAGE, {"changed": 2})
    assert len(await fleet.writes()) == 3


async def test_what_is_left_beyond_the_limit_waits_for_a_yes(fleet: Fleet) -> None:
    """Two changes that each fit, and together do not: what was not sent of the second is asked about."""
    policy = fleet.state_dir / "policy.toml"
    policy.write_text('default = "allow"\n[[limit]]\nsims = 3\nper = "workspace"\nover = "ask"\n')
    sims = await active(fleet, 4)
    async with claude_desktop(fleet, policy=policy) as client:
        first = structured(await client.call_tool("set_sim_status", suspended(sims[:2])))
        assert first["state"] == "done"
        # As a server has it that decided in the same moment.
        journal = Journal(fleet.place)
        stored = journal.plan(first["plan"])
        assert stored is not None
        items = [item.model_copy(update={"sim_id": 10**9}) for item in stored.plan.items]
        other = journal.keep(stored.plan.model_copy(update={"items": tuple(items)}), stored.caller)
        journal.decide(other.id, approved=True, how=BY_POLICY)
        journal.intend(other.id, 0, "x", quotas=[])
        told = structured(await client.call_tool("continue_change", {"plan": other.id}))
        assert told["approve_at"]
        assert f"It follows plan {other.id}, of which 1 SIM had not been sent" in told["note"]
    assert len(await fleet.writes()) == 2


@pytest.mark.parametrize(
    ("limit", "why"),
    [
        (
            'sims = 2\nper = "workspace"\nhours = 24',
            "1 SIM was changed within the last 24 hours; 2 more would exceed 2",
        ),
        ('sims = 1\nper = "change"', "2 SIMs are more than one change may touch (1, limit 1 of SIM_MCP_POLICY)"),
    ],
)
async def test_what_nobody_may_go_beyond_is_refused_with_the_limit(fleet: Fleet, limit: str, why: str) -> None:
    policy = fleet.state_dir / "policy.toml"
    policy.write_text(f'default = "allow"\n[[limit]]\n{limit}\n')
    sims = await active(fleet, 3)
    async with claude_desktop(fleet, policy=policy) as client:
        assert structured(await client.call_tool("set_sim_status", suspended(sims[:1])))["state"] == "done"
        refused = await client.call_tool("set_sim_status", suspended(sims[1:]))
        assert refused.is_error
        assert why in text_of(refused)
        assert "limit 1 of SIM_MCP_POLICY" in text_of(refused)
    assert len(await fleet.writes()) == 1


async def test_one_persons_limit_is_not_anothers(fleet: Fleet) -> None:
    text = 'default = "allow"\n[[limit]]\nsims = 1\nper = "principal"\n[[limit]]\nsims = 2\nper = "workspace"\n'
    sims = await active(fleet, 3)
    async with (
        issuing() as issuer,
        desk_of(fleet, issuer, text) as desk,
        desk.client("alice") as alice,
        desk.client("bob") as bob,
        desk.client("carol") as carol,
    ):
        for client, sim in ((alice, sims[0]), (bob, sims[1])):
            assert structured(await client.call_tool("set_sim_status", suspended([sim])))["state"] == "done"
        again = await alice.call_tool("set_sim_status", suspended(sims[2:]))
        assert "limit 1 of SIM_MCP_POLICY, per principal" in text_of(again)
        together = await carol.call_tool("set_sim_status", suspended(sims[2:]))
        assert "limit 2 of SIM_MCP_POLICY, per workspace" in text_of(together)
    assert len(await fleet.writes()) == 2


async def test_a_limit_for_one_change_may_have_it_asked_about(fleet: Fleet) -> None:
    policy = fleet.state_dir / "policy.toml"
    policy.write_text('default = "allow"\n[[limit]]\nsims = 1\nper = "change"\nover = "ask"\n')
    sims = await active(fleet, 3)
    async with claude_desktop(fleet, policy=policy) as client:
        assert structured(await client.call_tool("set_sim_status", suspended(sims[:1])))["state"] == "done"
        assert structured(await client.call_tool("set_sim_status", suspended(sims[1:])))["approve_at"]
    assert len(await fleet.writes()) == 1


def test_a_limit_is_about_what_it_says() -> None:
    limit = Limit(sims=1, per="workspace", tool="delete_sims", principal=f"{ISSUER} alice")
    assert limit.is_about(DELETES, ALICE)
    assert not limit.is_about(DELETES, BOB)
    assert not limit.is_about(SUSPENDS, ALICE)
    assert Quota(500).words == "500 SIMs an hour (SIM_MCP_MAX_SIMS_PER_HOUR)"
