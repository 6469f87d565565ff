"""Whose yes a plan takes, by the policy: who asked, somebody else, or who may approve."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mcp import Client

from sim_mcp.changes.policy.agreement import BY_FORM, BY_PAGE, why_not_enough
from sim_mcp.changes.policy.approver import may_approve, may_reject, may_see
from sim_mcp.changes.policy.rules import Approver, PolicyError, read_policy
from sim_mcp.changes.record.entries import Caller, StoredPlan
from sim_mcp.principal import Principal
from sim_mcp.server.app import build_server
from sim_mcp.settings import Confirm
from tests.changes.policy.test_rules import DELETES, SUSPENDS, policy_of
from tests.changes.test_approval import suspend
from tests.processes.test_serving import agree
from tests.support import Fleet, text_of

ISSUER = "https://login.example.com"
ALICE = Caller("alice@example.com", "a client", ISSUER, "alice", frozenset({"sims:read", "sims:write"}))
ROBOT = Caller("night-shift", "a client", "keys of this server", "0f3a", frozenset({"sims:write"}))
APPROVERS: tuple[Approver, ...] = ("requester", "another", "sims:approve")


def somebody(name: str, *scopes: str) -> Principal:
    return Principal(ISSUER, name, f"{name}@example.com", frozenset(scopes))


def asked_by(caller: Caller, **changes: object) -> StoredPlan:
    stored = StoredPlan("p1", SUSPENDS, caller, datetime.now(UTC) + timedelta(minutes=15), "waiting", None)
    return replace(stored, **changes)  # type: ignore[arg-type]  # each test names real fields


@pytest.mark.parametrize(
    ("who", "approvers", "seen"),
    [
        (somebody("alice", "sims:write"), {"requester"}, True),
        (somebody("alice", "sims:write", "sims:approve"), {"requester", "sims:approve"}, True),
        (somebody("bob", "sims:write"), {"another"}, False),
        (somebody("bob", "sims:read", "sims:delete"), set(), False),
        (somebody("bob", "sims:approve"), {"another", "sims:approve"}, True),
        (Principal("", "alice", "alice", frozenset({"sims:approve"})), set(), False),
        (replace(somebody("bob", "sims:approve"), workspaces=frozenset({"another"})), set(), False),
    ],
)
def test_who_may_approve_and_see_what_alice_asked_for(who: Principal, approvers: set[str], seen: bool) -> None:
    stored = asked_by(ALICE)
    assert {each for each in APPROVERS if may_approve(who, stored, each)} == approvers
    for approver in APPROVERS:
        assert may_see(who, stored, approver) is (seen or approver in approvers)
        mine = who.signed_in and who.subject == "alice"
        assert may_reject(who, stored, approver) is (mine or approver in approvers)


def test_what_a_program_asked_for_is_approved_by_who_may_approve() -> None:
    stored = asked_by(ROBOT)
    assert may_approve(somebody("carol", "sims:approve"), stored, "requester")
    assert not may_approve(somebody("bob", "sims:write"), stored, "requester")
    assert not may_approve(somebody("0f3a", "sims:write"), stored, "requester")


@pytest.mark.parametrize(
    ("rule", "alice", "robot"),
    [
        ('approver = "another"', "another", "another"),
        ('approver = "sims:approve"\nprincipal = "alice"', "sims:approve", "requester"),
        (f'approver = "another"\nprincipal = "{ISSUER} alice"', "another", "requester"),
        ('approver = "another"\nprincipal = "alice@example.com"', "requester", "requester"),
        ('approver = "another"\nscope = "sims:read"', "another", "requester"),
        ('approver = "another"\nworkspace = "7"', "another", "another"),
        ('approver = "another"\nworkspace = "field"', "another", "another"),
        ('approver = "another"\nworkspace = "8"', "requester", "requester"),
    ],
)
def test_rules_say_whose_yes_it_takes_by_who_asks_and_where(tmp_path: Path, rule: str, alice: str, robot: str) -> None:
    policy = policy_of(tmp_path, f'[[rule]]\ndecision = "ask"\n{rule}\n')
    plan = SUSPENDS.model_copy(update={"workspace": '"Acme" (id 7)', "workspace_name": "field"})
    assert policy.approver_of(plan, ALICE) == alice
    assert policy.approver_of(plan, ROBOT) == robot


def test_four_eyes_for_deletions_and_two_for_the_rest(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, '[[rule]]\ntool = "delete_sims"\ndecision = "ask"\napprover = "another"\n')
    assert (policy.approver_of(DELETES, ALICE), policy.approver_of(SUSPENDS, ALICE)) == ("another", "requester")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[rule]]\ndecision = "allow"\napprover = "another"', "asks nobody"),
        ('[[rule]]\ndecision = "ask"\napprover = "others"', 'did you mean "another"?'),
        ('[[rule]]\ndecision = "ask"\nscope = "sims:writes"', 'did you mean "sims:write"?'),
        ('[[rule]]\ndecision = "ask"\nprincipal = 7', "write it in quotes"),
        ('approver = "boss"', "approver = "),
    ],
)
def test_a_rule_that_names_nobody_is_told_what_to_write(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(text)
    with pytest.raises(PolicyError) as caught:
        read_policy(file, Confirm.ASK)
    assert said in str(caught.value)


def test_a_yes_of_who_asked_is_not_enough_once_the_policy_wants_anothers() -> None:
    approved = asked_by(ALICE, state="approved", agreed=f"{BY_PAGE}: alice@example.com")
    by_alice = replace(approved, decided_by=somebody("alice", "sims:write"))
    by_bob = replace(approved, decided_by=somebody("bob", "sims:write"))
    assert why_not_enough(by_alice, "page", "another") is not None
    assert why_not_enough(by_bob, "page", "another") is None
    assert why_not_enough(by_bob, "page", "sims:approve") is not None
    # On a page of one machine nobody signs in: it is the word of who asked.
    assert why_not_enough(replace(approved, agreed=BY_PAGE), "page", "another") is not None
    assert why_not_enough(replace(approved, agreed=BY_PAGE), "page", "requester") is None
    assert why_not_enough(replace(approved, agreed=f"{BY_FORM}: alice"), "page", "another") is not None


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_where_nobody_signs_in_nobody_else_can_agree(fleet: Fleet, era: str) -> None:
    file = fleet.state_dir / "policy.toml"
    file.write_text('approver = "another"\n')
    server = build_server(fleet.settings(policy=file))
    async with Client(server, mode=era, elicitation_callback=agree) as client:
        refused = await client.call_tool("set_sim_status", suspend(fleet, "healthy"))
    assert refused.is_error
    assert "Nothing changed" in text_of(refused)
    assert "SIM_MCP_CLIENT_ID" in text_of(refused)
    assert await fleet.writes() == []
