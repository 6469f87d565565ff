"""Numbers, times and lines are written in one way each."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from sim_mcp.formatting import (
    format_costs,
    format_counted,
    format_duration,
    format_minute,
    format_money,
    format_next,
    format_page,
    round_cost,
    round_volume,
)


@pytest.mark.parametrize(
    ("shown", "total", "text"),
    [
        (25, 1847, "25 of 1,847 SIMs"),
        (2, 2, "2 SIMs"),
        (1, 1, "1 SIM"),
        (1, None, "1 SIM"),
        (0, 1, "0 of 1 SIM"),
        (1, 3, "1 of 3 SIMs"),
        (1200, None, "1,200 SIMs"),
    ],
)
def test_a_part_is_counted_against_the_whole(shown: int, total: int | None, text: str) -> None:
    assert format_counted(shown, total, "SIM") == text


def test_a_page_says_of_how_many_where_that_is_known() -> None:
    assert format_page(2, None) == "page 2"
    assert format_page(2, 1340) == "page 2 of 1,340"


def test_a_next_call_is_offered_where_there_is_one() -> None:
    assert format_next("get_sim(sim=1)") == "Next: get_sim(sim=1)"
    assert format_next(None) is None


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 11, 22, 9, 5, 59, tzinfo=UTC),
        datetime(2026, 11, 22, 9, 5),  # noqa: DTZ001  # without a zone, as emnify writes some.
        datetime(2026, 11, 22, 11, 5, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_a_minute_is_in_utc(moment: datetime) -> None:
    assert format_minute(moment) == "2026-11-22T09:05Z"


def test_an_unknown_time_is_called_that() -> None:
    assert format_minute(None) == "at an unknown time"


@pytest.mark.parametrize(
    ("volume", "rounded"),
    [(12.34567, 12.346), (0.01, 0.01), (0.0123456, 0.012), (0.0099996, 0.01), (0.00012345, 0.000123), (0, 0)],
)
def test_a_volume_keeps_more_digits_only_where_it_would_vanish(volume: float, rounded: float) -> None:
    assert round_volume(volume) == rounded


@pytest.mark.parametrize(
    ("seconds", "told"), [(1, "1 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (9000, "2.5 h")]
)
def test_durations_are_told_as_people_tell_them(seconds: float, told: str) -> None:
    assert format_duration(seconds) == told


@pytest.mark.parametrize(
    ("cost", "rounded", "text"),
    [
        ("0", 0.0, "0.00 EUR"),
        ("1234.5", 1234.5, "1,234.50 EUR"),
        ("6.10483935", 6.1, "6.10 EUR"),
        ("0.126", 0.13, "0.13 EUR"),
        ("0.01", 0.01, "0.01 EUR"),
        ("0.0099", 0.0099, "0.0099 EUR"),
        ("0.0000012", 0.000001, "0.000001 EUR"),
        ("-2.345", -2.34, "-2.34 EUR"),
    ],
)
def test_money_is_in_cents_and_below_a_cent_keeps_its_digits(cost: str, rounded: float, text: str) -> None:
    assert round_cost(Decimal(cost)) == rounded
    assert format_money(Decimal(cost), "EUR") == text


def test_each_currency_is_written_with_its_own_amount() -> None:
    assert format_costs({"EUR": Decimal(2), "USD": Decimal(3)}) == "2.00 EUR, 3.00 USD"
    assert format_costs({"": Decimal(2)}) == "2.00 (currency unknown)"
