"""Rules about cost and changes: each fires on its evidence, and not one thing apart from what triggers it."""

from typing import Any

import pytest

from sim_mcp.emnify import (
    SimUsage,
)
from sim_mcp.fleet.diagnosis import rules_cost as cost
from sim_mcp.fleet.diagnosis.evidence import Evidence
from tests.fleet.diagnosis.building import event, evidence, quota, session, usage


def paid(this: str, last: str) -> SimUsage:
    """The same little data this month and last, at other costs."""
    month = {"volume": 1, "currency": {"code": "EUR"}}
    return SimUsage.model_validate(
        {"current_month": {"data": month | {"cost": this}}, "last_month": {"data": month | {"cost": last}}}
    )


@pytest.mark.parametrize(
    ("rule", "given_", "wanted"),
    [
        (cost.billed_without_traffic, evidence(usage=SimUsage()), "certain"),
        (cost.billed_without_traffic, evidence(usage=usage(0, 1)), None),
        (cost.billed_without_traffic, evidence(usage=None), None),
        (cost.billed_without_traffic, evidence(usage=SimUsage(), sim={"activation_date": "2026-11-22T05:00Z"}), None),
        (
            cost.billed_without_traffic,
            evidence(usage=SimUsage(), sim={"activation_date": "2026-11-02T05:00Z"}),
            "certain",
        ),
        (cost.billed_without_traffic, evidence(usage=SimUsage(), sim={"status": {"id": 2}}), None),
        (
            cost.billed_without_traffic,
            evidence(usage=SimUsage.model_validate({"last_month": {"sms": {"volume": "3.000"}}})),
            None,
        ),
        (cost.factory_test_ended, evidence(event(5, 8, "Status of SIM changed from 'Factory Test' to 'X'")), None),
        (cost.traffic_abroad, evidence(*session(9), *session(7), *session(5, mb=3, country="Turkey")), "possible"),
        (cost.traffic_abroad, evidence(*session(9), *session(7), *session(5, mb=0.9, country="Turkey")), None),
        (cost.traffic_abroad, evidence(*session(9, mb=90), *session(7), *session(5, mb=3, country="Turkey")), None),
        (cost.traffic_abroad, evidence(*session(9), *session(7)), None),
        (cost.usage_jumped, evidence(usage=usage(31, 10)), "certain"),
        (cost.usage_jumped, evidence(usage=usage(29, 10)), None),
        (cost.usage_jumped, evidence(usage=usage(9, 1)), None),
        (cost.usage_jumped, evidence(usage=usage(31, 0)), None),
        (cost.usage_jumped, evidence(usage=paid("30", "10")), "certain"),
        (cost.usage_jumped, evidence(usage=paid("29.99", "10")), None),
        (cost.usage_jumped, evidence(usage=paid("9.99", "3")), None),
        (cost.usage_jumped, evidence(usage=paid("30", "10"), inclusive_volume=True), None),
        (cost.usage_jumped, evidence(usage=None), None),
        (cost.sms_quota_used_up, evidence(event(5, 21, "used up")), "likely"),
        (cost.sms_quota_used_up, evidence(event(5, 21, "used up"), event(4, 58, "assigned")), None),
        (cost.sms_quota_used_up, evidence(event(5, 21, "used up"), sms_quota=quota(1)), None),
        (cost.sms_quota_used_up, evidence(sms_quota=quota(2)), "certain"),
        (cost.changed_of_late, evidence(event(23, 8, "changed")), "possible"),
        (cost.changed_of_late, evidence(event(25, 8, "changed")), None),
        (cost.changed_of_late, evidence(*session(2)), None),
    ],
)
def test_a_rule_fires_where_it_should_and_not_one_step_beside(rule: Any, given_: Evidence, wanted: str | None) -> None:
    found = rule(given_)
    assert (found.certainty if found else None) == wanted
