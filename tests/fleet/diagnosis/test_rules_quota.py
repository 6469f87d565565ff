"""Rules about quotas: each fires on its evidence, and not one thing apart from what triggers it."""

from typing import Any

import pytest

from sim_mcp.emnify import Quota
from sim_mcp.fleet.diagnosis import rules_quota as quotas
from sim_mcp.fleet.diagnosis.evidence import Evidence
from tests.fleet.diagnosis.building import NOW, event, evidence, quota, refusal, session


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


@pytest.mark.parametrize(
    ("refill", "text", "told", "step"),
    [
        (0, "", "it does not refill by itself", "waiting does not help"),
        (True, "", "it is refilled every day", "Wait for the daily refill"),
        ("1", "", "it is refilled every day", "Wait for the daily refill"),
        (None, "Data quota assigned with volume of 9 MB without daily refill.", "it does not refill", "does not help"),
        (None, "Data quota assigned with volume of 9 MB with daily refill.", "it is refilled every day", "Wait"),
        (None, "Data quota assigned.", "whether it refills by itself is not known", "look there"),
        (None, "", "whether it refills by itself is not known", "look there"),
        (0, "Data quota assigned with daily refill.", "it does not refill by itself", "waiting does not help"),
    ],
)
def test_a_used_up_quota_says_whether_waiting_helps(refill: object, text: str, told: str, step: str) -> None:
    wire = {"status": {"id": 2}, "auto_refill": refill}
    events = [event(50, 56, text)] if text else []
    found = quotas.quota_used_up(evidence(*events, data_quota=Quota.model_validate(wire)))
    assert found is not None
    assert told in found.cause
    assert step in found.steps[0]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({}, "ACTIVE, 5 MB left"),
        ({"auto_refill": 0}, "ACTIVE, 5 MB left, no refill"),
        ({"auto_refill": 1}, "ACTIVE, 5 MB left, refilled every day"),
        ({"expiry_date": "2026-11-22 12:00:01"}, "ACTIVE, 5 MB left, expires 2026-11-22T12:00Z"),
        ({"expiry_date": "2026-11-22 12:00:00"}, "ACTIVE, 5 MB left, expired 2026-11-22T12:00Z"),
    ],
)
def test_a_quota_says_whether_it_refills_and_when_it_ends(more: dict[str, Any], told: str) -> None:
    read = Quota.model_validate({"status": {"id": 1, "description": "ACTIVE"}, "volume": 5} | more)
    assert quotas.format_quota(read, "MB", NOW) == told
    assert quotas.format_quota(Quota(), "MB", NOW) is None


def test_a_used_up_quota_that_only_slows_is_told_as_such() -> None:
    slowed = quotas.quota_used_up(evidence(data_quota=quota(2, action=2)))
    assert slowed is not None
    assert "slowed down" in slowed.cause
