"""Sign-ins on the approval pages from the command line: listed, and ended for a subject or for everybody."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from sim_mcp.changes.record.place import Place, open_record
from sim_mcp.server.approvals.sign_ins import SignIns
from tests.processes.test_commands import run
from tests.processes.test_serving import environment

ISSUER = "https://login.example.com"


def signed_in(place: Place) -> SignIns:
    kept = SignIns(open_record(place))
    ends = datetime.now(UTC) + timedelta(hours=1)
    for number, name in enumerate(("alice", "alice", "bob")):
        kept.begin(f"id-{number}", ISSUER, name, f"{name}@example.com", ends)
    return kept


def of(place: Place) -> dict[str, str]:
    where = {"SIM_MCP_STATE_DIR": str(place)}
    if isinstance(place, SecretStr):
        where = {"SIM_MCP_DATABASE_URL": place.get_secret_value()}
    return environment(None, **where)


@pytest.mark.parametrize("subject", ["alice", f"{ISSUER} alice"])
def test_the_sign_ins_of_a_subject_are_ended_and_others_stay(place: Place, subject: str) -> None:
    kept = signed_in(place)
    listed = json.loads(run("sessions", "list", "--json", env=of(place)).stdout)
    assert [(row["name"], row["subject"], row["issuer"]) for row in listed] == [
        ("bob@example.com", "bob", ISSUER),
        ("alice@example.com", "alice", ISSUER),
        ("alice@example.com", "alice", ISSUER),
    ]
    assert all("id-" not in value for row in listed for value in row.values())
    assert run("sessions", "revoke", "--subject", subject, env=of(place)).stdout == "ended: alice@example.com\n" * 2
    assert [kept.is_on(f"id-{number}") for number in range(3)] == [False, False, True]
    again = run("sessions", "revoke", "--subject", subject, env=of(place))
    assert again.stdout == f"No subject {subject} is signed in on the approval pages. Nothing changed.\n"


def test_everybodys_are_ended_only_where_that_is_said(place: Place) -> None:
    kept = signed_in(place)
    for words in ([], ["--all", "--subject", "bob"]):
        refused = run("sessions", "revoke", *words, env=of(place))
        assert refused.returncode == 2
        assert "--subject SUBJECT" in refused.stderr
    assert len(kept.all()) == 3
    assert len(run("sessions", "revoke", "--all", env=of(place)).stdout.splitlines()) == 3
    assert kept.all() == []
    assert run("sessions", "list", env=of(place)).stdout == "Nobody is signed in on the approval pages.\n"


def test_where_nobody_ever_signed_in_there_is_nothing_to_end(place: Place) -> None:
    assert run("sessions", "list", "--json", env=of(place)).stdout == "[]\n"
    done = run("sessions", "revoke", "--all", env=of(place))
    assert (done.returncode, "Nothing changed" in done.stdout) == (0, True)
