"""Who may use a workspace: whom it names, and never for more than they were let in with."""

from typing import Any

import pytest

from sim_mcp.principal import Principal, local_principal
from sim_mcp.workspaces.grant import KEYS, Grant, scopes_in

ISSUER = "https://login.example.com/"
BOTH = frozenset({"sims:read", "sims:write"})
CLAIMS = {"groups": ["field", "office"], "realm_access": {"roles": ["admin"]}, "https://x.example/role": "boss"}
ALICE = Principal(ISSUER, "alice", "alice@example.com", BOTH, claims=CLAIMS)


def key(name: str, *workspaces: str) -> Principal:
    return Principal(KEYS, "0f3a", name, BOTH, frozenset(workspaces) if workspaces else None)


@pytest.mark.parametrize(
    ("grant", "who", "may"),
    [
        ({"key": "robot"}, key("robot"), True),
        ({"key": "robot"}, key("other"), False),
        ({"key": "robot"}, Principal(ISSUER, "robot", "robot", BOTH), False),
        ({"subject": "alice"}, ALICE, True),
        ({"subject": "alice", "issuer": ISSUER}, ALICE, True),
        ({"subject": "alice", "issuer": "https://login.example.com"}, ALICE, False),
        ({"subject": "0f3a"}, key("robot"), False),
        ({"claim": "groups", "value": "field"}, ALICE, True),
        ({"claim": "groups", "value": "fiel"}, ALICE, False),
        ({"claim": "realm_access.roles", "value": "admin"}, ALICE, True),
        ({"claim": "https://x.example/role", "value": "boss"}, ALICE, True),
        ({"claim": "absent", "value": "boss"}, ALICE, False),
        ({"everybody": True}, ALICE, True),
        ({"everybody": True}, key("robot"), True),
        ({"everybody": True, "issuer": ISSUER}, key("robot"), False),
    ],
)
def test_a_grant_is_about_whom_it_names(grant: dict[str, Any], who: Principal, *, may: bool) -> None:
    assert (scopes_in("acme", [Grant(**grant)], who) is not None) is may


def test_without_a_grant_nobody_who_signs_in_may_and_whoever_runs_the_server_may() -> None:
    assert scopes_in("acme", [], ALICE) is None
    assert scopes_in("acme", [], key("robot")) is None
    assert scopes_in("acme", [], local_principal("root")) == local_principal("root").scopes


def test_a_key_that_was_made_for_a_workspace_may_use_it_and_no_other() -> None:
    everybody = [Grant(everybody=True)]
    assert scopes_in("acme", [], key("robot", "acme")) == BOTH
    assert scopes_in("acme", [Grant(key="robot", scopes=("sims:read",))], key("robot", "acme")) == frozenset(
        {"sims:read"}
    )
    assert scopes_in("borg", everybody, key("robot", "acme")) is None


def test_a_grant_gives_no_scope_that_the_sign_in_did_not() -> None:
    wide = Grant(subject="alice", scopes=("sims:read", "sims:delete", "sims:approve"))
    assert scopes_in("acme", [wide], ALICE) == frozenset({"sims:read"})
    assert scopes_in("acme", [wide, Grant(claim="groups", value="office", scopes=("sims:write",))], ALICE) == BOTH
