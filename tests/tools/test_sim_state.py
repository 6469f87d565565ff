"""How a SIM stands, in the words that several tools share."""

from datetime import timedelta
from typing import Any

import pytest

from sim_mcp.changes.record.last_change import LastChange
from sim_mcp.emnify import Sim, SimUsage
from sim_mcp.fleet.diagnosis.evidence import Evidence
from sim_mcp.tools.sim_state import describe_months, format_last_change, format_last_data
from tests.fleet.diagnosis.building import event
from tests.tools.asking import NOON

EUR, USD = {"code": "EUR"}, {"code": "USD"}


def evidence(*, inclusive: bool | None = None, **months: Any) -> Evidence:
    return Evidence(now=NOON, sim=Sim(id=7), usage=SimUsage.model_validate(months), inclusive_volume=inclusive)


@pytest.mark.parametrize(
    ("month", "told"),
    [
        ({}, "no traffic"),
        ({"data": {"volume": "1.5", "cost": "0.3", "currency": EUR}}, "1.5 MB, 0.30 EUR"),
        ({"data": {"volume": 1, "cost": "0.3", "currency": EUR}, "sms": {"volume": 2, "cost": "0.2", "currency": EUR}},
         "1 MB, 2 SMS, 0.50 EUR"),
        ({"data": {"volume": 1, "cost": "0.3", "currency": EUR}, "sms": {"volume": 2, "cost": "0.2", "currency": USD}},
         "1 MB, 2 SMS, 0.30 EUR, 0.20 USD"),
        ({"sms": {"volume": 2, "cost": "0.2"}}, "2 SMS, 0.20 (currency unknown)"),
        ({"data": {"volume": 1234.5}}, "1,234.5 MB"),
    ],
)  # fmt: skip
def test_a_month_is_told_with_its_name_its_volumes_and_each_currency(month: dict[str, Any], told: str) -> None:
    assert describe_months(evidence(current_month=month, last_month=month)) == {
        "this_month": f"2026-11 so far: {told}",
        "last_month": f"2026-10: {told}",
    }


def test_what_was_not_read_is_not_told_and_costs_that_say_nothing_are_left_out() -> None:
    assert describe_months(Evidence(now=NOON, sim=Sim(id=7))) == {}
    paid = {"data": {"volume": 1, "cost": "0.3", "currency": EUR}}
    assert describe_months(evidence(inclusive=True, current_month=paid)) == {
        "this_month": "2026-11 so far: 1 MB",
        "last_month": "2026-10: no traffic",
        "costs": "cannot be known: the workspace has inclusive volume",
    }


def test_data_was_last_sent_by_a_session_that_carried_some() -> None:
    ended = [event(5, 5, session="a", mb=2.0), event(3, 5, session="b", mb=0.0), event(1, 3, session="c")]
    found = Evidence(now=NOON, sim=Sim(id=7), events=tuple(sorted(ended, key=lambda each: each.when, reverse=True)))
    assert format_last_data(found) == f"{NOON - timedelta(hours=5):%Y-%m-%dT%H:%MZ}"
    assert format_last_data(Evidence(now=NOON, sim=Sim(id=7))) is None


def test_a_change_is_told_with_what_it_was_before_and_its_plan() -> None:
    change = LastChange("ab12cd34", NOON, "Activated", "Suspended", "changed")
    assert format_last_change(change) == "2026-11-22T12:00Z Activated → Suspended (changed), plan ab12cd34"
    doubt = LastChange("ab12cd34", NOON, "Activated", "Suspended", None)
    assert format_last_change(doubt) == "2026-11-22T12:00Z Activated → Suspended (outcome not known), plan ab12cd34"
    assert format_last_change(None) is None
