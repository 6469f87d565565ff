"""Volumes and costs of one SIM: one currency beside the costs, several each in a field of its own."""

from typing import Any

import pytest

from sim_mcp.emnify import DayUsage, MonthUsage
from sim_mcp.tools.usage.amounts import build_amounts, render_amounts

EUR, USD = {"code": "EUR"}, {"code": "USD"}
DATA = {"volume": "12.3456", "volume_rx": "10.0006", "volume_tx": "2.345", "cost": "2", "currency": EUR}
SMS = {"volume": "50", "volume_rx": 20, "volume_tx": 30, "cost": "3"}


def day(date: str, **kinds: Any) -> DayUsage:
    return DayUsage.model_validate({"date": date, **kinds})


def test_two_euros_of_data_and_three_dollars_of_sms_are_never_five_of_anything() -> None:
    row = build_amounts(MonthUsage.model_validate({"data": DATA, "sms": SMS | {"currency": USD}}))
    assert row.wire() == {
        "data_mb": 12.346,
        "data_rx_mb": 10.001,
        "data_tx_mb": 2.345,
        "sms": 50.0,
        "sms_rx": 20.0,
        "sms_tx": 30.0,
        "data_cost_EUR": 2.0,
        "sms_cost_USD": 3.0,
        "cost_EUR": 2.0,
        "cost_USD": 3.0,
    }
    assert render_amounts(row) == (
        "12.346 MB (rx 10.001, tx 2.345), 2.00 EUR; 50 SMS (rx 20, tx 30), 3.00 USD; together 2.00 EUR, 3.00 USD"
    )


def test_one_currency_stands_beside_the_costs() -> None:
    row = build_amounts(MonthUsage.model_validate({"data": DATA, "sms": SMS | {"currency": EUR}}))
    assert (row.data_cost, row.sms_cost, row.cost, row.currency) == (2.0, 3.0, 5.0, "EUR")
    assert not row.model_extra
    assert render_amounts(row) == (
        "12.346 MB (rx 10.001, tx 2.345), 2.00 EUR; 50 SMS (rx 20, tx 30), 3.00 EUR; together 5.00 EUR"
    )
    plain = build_amounts(MonthUsage.model_validate({"data": DATA, "sms": SMS | {"currency": EUR}}), costs=False)
    assert render_amounts(plain) == "12.346 MB (rx 10.001, tx 2.345); 50 SMS (rx 20, tx 30)"
    assert plain.currency is None


def test_days_are_added_up_exactly_and_each_currency_apart() -> None:
    tenth = {"volume": "0.1", "cost": "0.014", "currency": EUR}
    same = build_amounts(*(day(f"2026-11-0{number}", data=tenth) for number in (1, 2, 3)))
    assert same.wire() == {"data_mb": 0.3, "data_cost": 0.04, "currency": "EUR"}
    mixed = build_amounts(day("2026-11-01", data=tenth), day("2026-11-02", data=tenth | {"currency": USD}))
    assert mixed.wire() == {"data_mb": 0.2, "data_cost_EUR": 0.01, "data_cost_USD": 0.01}
    assert render_amounts(mixed) == "0.2 MB, 0.01 EUR, 0.01 USD"


@pytest.mark.parametrize(
    ("cost", "rounded", "text"),
    [("6.10483935", 6.1, "6.10"), ("0.126", 0.13, "0.13"), ("0.0042", 0.0042, "0.0042"), ("0", 0.0, "0.00")],
)
def test_costs_are_in_cents_unless_that_would_make_them_vanish(cost: str, rounded: float, text: str) -> None:
    row = build_amounts(MonthUsage.model_validate({"data": {"volume": 1, "cost": cost, "currency": EUR}}))
    assert row.data_cost == rounded
    assert render_amounts(row) == f"1 MB, {text} EUR"


def test_what_is_not_known_is_left_out() -> None:
    assert build_amounts(MonthUsage()).wire() == {}
    assert render_amounts(build_amounts(MonthUsage())) == "no traffic"
    unknown = build_amounts(MonthUsage.model_validate({"sms": SMS}))
    assert unknown.wire() == {"sms": 50.0, "sms_rx": 20.0, "sms_tx": 30.0, "sms_cost": 3.0}
    assert render_amounts(unknown) == "50 SMS (rx 20, tx 30), 3.00 (currency unknown)"
    free = build_amounts(MonthUsage.model_validate({"data": {"volume": 1, "currency": EUR}}))
    assert free.wire() == {"data_mb": 1.0, "currency": "EUR"}
    some = build_amounts(MonthUsage.model_validate({"data": DATA, "sms": {"volume": 1, "cost": 0, "currency": USD}}))
    assert (some.model_extra, some.currency) == ({"data_cost_EUR": 2.0, "sms_cost_USD": 0.0}, None)
