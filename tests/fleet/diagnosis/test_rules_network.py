"""Rules about networks: each fires on its evidence, and not one thing apart from what triggers it."""

from typing import Any

import pytest

from sim_mcp.emnify import (
    Network,
)
from sim_mcp.fleet.diagnosis import rules_network as network
from sim_mcp.fleet.diagnosis.evidence import Evidence
from tests.fleet.diagnosis.building import OLD_ATTACH, event, evidence, refusal, rejection, session


@pytest.mark.parametrize(
    ("rule", "given_", "wanted"),
    [
        (network.operator_blocked, evidence(rejection(1, "Plus"), blocked_operators=(Network(name="Plus"),)), "likely"),
        (network.operator_blocked, evidence(rejection(1, "Plusnet"), blocked_operators=(Network(name="Plus"),)), None),
        (network.operator_blocked, evidence(rejection(1), blocked_operators=(Network(), Network(name=" "))), None),
        (network.operator_blocked, evidence(OLD_ATTACH, blocked_operators=(Network(name="Plus"),)), None),
        (
            network.operator_blocked,
            evidence(rejection(12, "Plus"), OLD_ATTACH, blocked_operators=(Network(name="Plus"),)),
            None,
        ),
        (network.registration_rejected, evidence(rejection(1)), "likely"),
        (network.registration_rejected, evidence(rejection(80)), "possible"),
        (network.registration_rejected, evidence(rejection(12), OLD_ATTACH), None),
        (network.registration_rejected, evidence(rejection(3), *session(2)), None),
        (network.policy_forbids_network, evidence(event(1, 2, "Rejected: roaming is not allowed")), "likely"),
        (network.policy_forbids_network, evidence(rejection(1)), None),
        (network.policy_forbids_network, evidence(event(12, 2, "Rejected: roaming"), OLD_ATTACH), None),
        (network.wrong_apn, evidence(*session(5, mb=0, apn="internet"), state="ATTACHED"), "likely"),
        (network.wrong_apn, evidence(*session(5, mb=0.1, apn="internet"), state="ATTACHED"), None),
        (network.wrong_apn, evidence(*session(5, mb=0, apn="EM"), state="ATTACHED"), None),
        (network.wrong_apn, evidence(*session(5, mb=0, apn="em.emnify.net"), state="ATTACHED"), None),
        (network.wrong_apn, evidence(*session(5, mb=0, apn="internet"), *session(3), state="ATTACHED"), None),
        (network.wrong_apn, evidence(session(5, apn="internet")[0], state="ONLINE"), None),
        (network.attached_without_session, evidence(OLD_ATTACH, state="ATTACHED"), "likely"),
        (network.attached_without_session, evidence(OLD_ATTACH, *session(9), state="ATTACHED"), None),
        (network.attached_without_session, evidence(OLD_ATTACH, state="ONLINE"), None),
        (network.attached_without_session, evidence(OLD_ATTACH, *session(20), state="ATTACHED"), None),
        (network.attached_without_session, evidence(OLD_ATTACH, *session(60), state="ATTACHED"), "likely"),
        (network.attached_without_session, evidence(OLD_ATTACH, event(8, 15, "purged")), None),
        (network.attached_without_session, evidence(OLD_ATTACH, refusal(1, "x"), state="ATTACHED"), None),
        (network.never_seen, evidence(event(5, 8, "changed")), "likely"),
        (network.never_seen, evidence(event(700, 15, "purged")), None),
        (network.never_seen, evidence(state="ONLINE"), None),
        (network.never_seen, evidence(all_events=False), None),
        (network.reported_absent, evidence(OLD_ATTACH, event(9, 16, "purged")), "likely"),
        (network.reported_absent, evidence(OLD_ATTACH, event(11, 16, "purged")), None),
        (network.reported_absent, evidence(event(9, 16, "purged"), state="ATTACHED"), None),
        (network.attach_is_stale, evidence(event(49, 1), state="ATTACHED"), "possible"),
        (network.attach_is_stale, evidence(event(47, 1), state="ATTACHED"), None),
        (network.attach_is_stale, evidence(event(49, 1), state="ONLINE"), None),
        (network.offline_without_word, evidence(*session(80)), "possible"),
        (network.offline_without_word, evidence(*session(80), state="ATTACHED"), None),
        (network.offline_without_word, evidence(*session(80), event(70, 15, "purged")), None),
        (network.offline_without_word, evidence(*session(40)), None),
        (network.offline_without_word, evidence(*session(80), *session(320), *session(560)), None),
        (network.sessions_break_off, evidence(*[e for n in range(1, 13) for e in session(n, 0.02)]), "likely"),
        (network.sessions_break_off, evidence(*[e for n in range(1, 12) for e in session(n, 0.02)]), None),
        (network.sessions_break_off, evidence(*[e for n in range(1, 20) for e in session(n, 0.5)]), None),
        (network.sessions_break_off, evidence(*[e for n in range(25, 60) for e in session(n, 0.02)]), None),
        (network.sessions_carry_nothing, evidence(*[e for n in (2, 4, 6) for e in session(n, mb=0)]), "possible"),
        (network.sessions_carry_nothing, evidence(*[e for n in (2, 4) for e in session(n, mb=0)]), None),
        (network.sessions_carry_nothing, evidence(*session(2), *session(4, mb=0), *session(6, mb=0)), None),
        (network.sessions_carry_nothing, evidence(*[e for n in (2, 4, 6) for e in session(n, mb=0, apn="x")]), None),
    ],
)
def test_a_rule_fires_where_it_should_and_not_one_step_beside(rule: Any, given_: Evidence, wanted: str | None) -> None:
    found = rule(given_)
    assert (found.certainty if found else None) == wanted


def test_a_foreign_apn_is_shown_beside_the_one_that_was_used_before() -> None:
    asked = [*session(5, mb=0, apn="internet"), *session(30, apn="em"), *session(60, apn="em")]
    found = network.wrong_apn(evidence(*asked, state="ATTACHED"))
    assert found is not None
    assert [line.split(" ", 1)[1] for line in found.proof] == [
        'last session: APN "internet", 0 MB',
        'earlier session: APN "em"',
    ]
