"""Months and ranges of days, and when their usage is final."""

from datetime import UTC, date, datetime

import pytest

from sim_mcp.fleet.usage.periods import days, month_before, month_of


@pytest.mark.parametrize(
    ("day", "last", "before"),
    [
        ("2026-12-31", "2026-12-31", "2026-11"),
        ("2026-01-01", "2026-01-31", "2025-12"),
        ("2024-02-29", "2024-02-29", "2024-01"),
    ],
)
def test_a_month_has_all_its_days(day: str, last: str, before: str) -> None:
    month = month_of(date.fromisoformat(day))
    assert (month.first, month.last, month.is_month) == (
        date.fromisoformat(day).replace(day=1),
        date.fromisoformat(last),
        True,
    )
    assert month.key == month.label == day[:7]
    assert month_before(month).key == before


def test_a_range_of_days_is_no_month_even_if_it_is_as_long() -> None:
    range_ = days(date(2026, 11, 1), date(2026, 11, 30))
    assert range_ != month_of(date(2026, 11, 1))
    assert (range_.key, range_.label) == ("2026-11-01..2026-11-30", "2026-11-01 to 2026-11-30")


@pytest.mark.parametrize(("read_at", "final"), [("2026-12-01T23:59:59", False), ("2026-12-02T00:00:00", True)])
def test_usage_is_final_a_day_after_its_period(read_at: str, final: bool) -> None:
    moment = datetime.fromisoformat(read_at).replace(tzinfo=UTC)
    assert month_of(date(2026, 11, 1)).is_final(moment) is final
    assert days(date(2026, 11, 29), date(2026, 11, 30)).is_final(moment) is final
