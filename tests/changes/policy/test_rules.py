"""What an operator decided beforehand, and what a policy file that cannot be used says about itself."""

from pathlib import Path

import pytest

from sim_mcp.changes.item import PlannedItem
from sim_mcp.changes.kinds.delete import Delete
from sim_mcp.changes.kinds.status import SetStatus
from sim_mcp.changes.plan import Plan
from sim_mcp.changes.policy.rules import Policy, PolicyError, read_policy
from sim_mcp.emnify import SimStatus
from sim_mcp.settings import Confirm
from tests.processes.test_commands import run
from tests.processes.test_serving import environment

ITEM = PlannedItem(sim_id=1, iccid="8988303000006000000", before="Activated", after="x", verdict="change", reason="")
DELETES = Plan(tool="delete_sims", change=Delete(), items=(ITEM,))
SUSPENDS = Plan(tool="set_sim_status", change=SetStatus(target=SimStatus.SUSPENDED), items=(ITEM,))


def policy_of(tmp_path: Path, text: str | bytes, confirm: Confirm = Confirm.ASK) -> Policy:
    file = tmp_path / "policy.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_policy(file, confirm)


@pytest.mark.parametrize("confirm", [Confirm.ASK, Confirm.HOST])
@pytest.mark.parametrize(
    ("text", "deletes"),
    [
        (None, "ask"),
        ('default = "allow"', "ask"),
        ('default = "page"', "page"),
        ('default = "never"', "never"),
        ('[[rule]]\ndecision = "allow"', "ask"),
        ('[[rule]]\ndecision = "allow"\nmax_sims = 1', "ask"),
        ('[[rule]]\ntool = "set_sim_status"\ndecision = "allow"', "ask"),
        ('[[rule]]\ntool = "delete_sims"\ndecision = "allow"', "allow"),
        ('[[rule]]\ndecision = "allow"\n[[rule]]\ntool = "delete_sims"\ndecision = "allow"', "ask"),
        ('[[rule]]\ndecision = "never"', "never"),
    ],
)
def test_deleting_is_allowed_by_a_rule_that_names_it_alone(
    tmp_path: Path, confirm: Confirm, text: str | None, deletes: str
) -> None:
    policy = read_policy(None, confirm) if text is None else policy_of(tmp_path, text, confirm)
    assert policy.decide(DELETES) == deletes


@pytest.mark.parametrize(("confirm", "decision"), [(Confirm.ASK, "ask"), (Confirm.HOST, "allow")])
def test_what_is_no_deletion_goes_by_the_setting_where_no_rule_fits(
    tmp_path: Path, confirm: Confirm, decision: str
) -> None:
    assert read_policy(None, confirm).decide(SUSPENDS) == decision
    other = policy_of(tmp_path, '[[rule]]\ntool = "delete_sims"\ndecision = "allow"', confirm)
    assert other.decide(SUSPENDS) == decision
    assert policy_of(tmp_path, 'default = "allow"', confirm).decide(SUSPENDS) == "allow"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[rule]\ndecision = "allow"', "rules start with [[rule]], in two brackets"),
        ("rule = 5", "rules start with [[rule]]"),
        ('rule = ["allow"]', 'rule 1: "allow" is no rule'),
        ("[[rule]]", 'rules start with [[rule]]; rule 1 has no decision: write decision = "allow", "ask", "page" or'),
        ('[[rule]]\ndecision = "ask"\n[[rule]]\ntool = "delete_sims"', "rule 2 has no decision"),
        ('[[rule]]\ndecision = "yes"', 'rule 1: decision = "yes" is none of "allow", "ask", "page" or "never"'),
        ('[[rule]]\ndecision = "alow"', 'did you mean "allow"?'),
        ('default = "alow"', 'the file: default = "alow" is none of "allow", "ask"'),
        ("default = true", "default = true is none of"),
        ('[[rule]]\ndecision = "ask"\ntool = "delete_sim"', 'did you mean "delete_sims"?'),
        ('[[rule]]\ndecision = "ask"\ntool = 5', "tool = 5 is none of"),
        ('[[rule]]\ndecision = "ask"\nstatus = "suspend"', 'did you mean "suspended"?'),
        ('[[rule]]\ndecision = "ask"\ntools = "delete_sims"', 'rule 1 knows no "tools"; did you mean "tool"?'),
        ('[[rule]]\ndecision = "ask"\nmax_sim = 5', 'did you mean "max_sims"?'),
        ('defaults = "ask"', 'the file knows no "defaults"; did you mean "default"?'),
        ('[[rules]]\ndecision = "ask"', 'the file knows no "rules"; did you mean "rule"?'),
        ('decision = "allow"', "write [[rule]] on a line above it"),
        ("max_sims = 5", "write [[rule]] on a line above it"),
        ('[[rule]]\ndecision = "ask"\nmax_sims = true', "max_sims = true is no number of SIMs: write a whole number"),
        ('[[rule]]\ndecision = "ask"\nmax_sims = 0', "max_sims = 0 is no number of SIMs"),
        ('[[rule]]\ndecision = "ask"\nmax_sims = -3', "max_sims = -3 is no number of SIMs"),
        ('[[rule]]\ndecision = "ask"\nmax_sims = 5.0', "max_sims = 5.0 is no number of SIMs"),
        ('[[rule]]\ndecision = "ask"\nmax_sims = "5"', 'max_sims = "5" is no number of SIMs'),
        (
            '[[rule]]\ntool = "delete_sims"\nstatus = "suspended"\ndecision = "never"',
            'rule 1: it never fits: delete_sims does not set status "suspended"',
        ),
        ('[[rule]]\ntool = "set_sim_status"\nstatus = "issued"\ndecision = "never"', "it never fits"),
        ("", "holds no rule, no limit and no default"),
        ("[limit]\nsims = 5", "limits start with [[limit]], in two brackets"),
        ("[[limit]]\nsims = 5", 'limit 1 has no per: write per = "change", "principal" or "workspace"'),
        ('[[limit]]\nper = "principal"', "limit 1 has no sims: write sims = 50"),
        ('[[limit]]\nsims = 5\nper = "person"', 'limit 1: per = "person" is none of "change", "principal" or'),
        (
            '[[limit]]\nsims = 5\nper = "workspace"\nover = "allow"',
            'over = "allow" is none of "ask", "page" or "never"',
        ),
        ('[[limit]]\nsims = "5"\nper = "workspace"', 'sims = "5" is no number of SIMs: write a whole number'),
        (
            '[[limit]]\nsims = 5\nper = "workspace"\nhours = 48',
            "hours = 48 is no number of hours: write a whole number",
        ),
        ('[[limit]]\nsims = 5\nper = "change"\nhours = 2', 'per = "change" counts one change, so that hours says'),
        ('[[limit]]\nsims = 5\nper = "principal"\nmax_sims = 5', 'limit 1 knows no "max_sims"; did you mean "sims"?'),
        ('[[limit]]\nsims = 5\nper = "principal"\nprincipal = 7', "principal = 7 is no text"),
        ('sims = 5\nper = "principal"', "write [[limit]] on a line above it"),
        ('limit = ["five"]', 'limit 1: "five" is no limit: a limit is written [[limit]]'),
        (
            '[[limit]]\nsims = 5\nper = "principal"\ntool = "delete_sims"\nstatus = "suspended"',
            "limit 1: it never fits",
        ),
        ("# nothing yet\n", "holds no rule, no limit and no default"),
        ("[[rule]\n", "is not TOML"),
        ("{}", "is not TOML"),
        ('default = "ask"'.encode("utf-16"), "it is not UTF-8"),
        (b'default = "ask" # \xe9', "it is not UTF-8"),
    ],
)
def test_a_policy_that_cannot_be_used_says_what_to_write(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(PolicyError) as refused:
        policy_of(tmp_path, text)
    assert says in str(refused.value)
    assert f"SIM_MCP_POLICY: {tmp_path / 'policy.toml'}" in str(refused.value)
    assert str(refused.value).endswith("Nothing was started.")


def test_a_file_that_is_missing_or_a_folder_is_named(tmp_path: Path) -> None:
    for place, why in ((tmp_path / "missing.toml", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(PolicyError, match=why):
            read_policy(place, Confirm.ASK)


def test_a_mark_at_the_start_is_no_fault(tmp_path: Path) -> None:
    assert policy_of(tmp_path, b'\xef\xbb\xbfdefault = "page"\n').decide(SUSPENDS) == "page"


def test_the_server_does_not_start_with_a_policy_it_cannot_use(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('[[rule]]\ntool = "delete_sims"\n')
    done = run("serve", env=environment(None, SIM_MCP_POLICY=str(file)), cwd=tmp_path)
    assert done.returncode != 0
    assert "rule 1 has no decision" in done.stderr
