"""Rules about quotas: each fires on its evidence, and not one thing apart from what triggers it."""

from typing import Any

import pytest

from sim_mcp.fleet.diagnosis import rules_quota as quotas
from sim_mcp.fleet.diagnosis.evidence import Evidence
from tests.fleet.diagnosis.building import event, evidence, quota, refusal, session


@pytest.mark.parametrize(
    ("rule", "given_", "wanted"),
    [
        (quotas.quota_missing, evidence(refusal(1, "endpoint has no quota."), data_quota=quota(1)), None),
        (quotas.quota_used_up, evidence(event(3, 19, "used up")), "likely"),
        (quotas.quota_used_up, evidence(event(3, 19, "used up"), event(2, 56, "assigned")), None),
        (quotas.quota_used_up, evidence(event(3, 19, "used up"), *session(2)), None),
        (quotas.quota_used_up, evidence(event(3, 19, "used up"), data_quota=quota(1)), None),
        (quotas.quota_used_up, evidence(event(3, 18, "threshold reached")), None),
        (quotas.quota_used_up, evidence(data_quota=quota(2)), "certain"),
        (quotas.quota_expired, evidence(event(3, 60, "expired")), "likely"),
        (quotas.quota_expired, evidence(event(3, 60, "expired"), event(1, 56, "assigned")), None),
    ],
)
def test_a_rule_fires_where_it_should_and_not_one_step_beside(rule: Any, given_: Evidence, wanted: str | None) -> None:
    found = rule(given_)
    assert (found.certainty if found else None) == wanted


def test_a_used_up_quota_that_only_slows_is_told_as_such() -> None:
    slowed = quotas.quota_used_up(evidence(data_quota=quota(2, action=2)))
    assert slowed is not None
    assert "slowed down" in slowed.cause
