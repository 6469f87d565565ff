"""What emnify sent, as rows of a file."""

from decimal import Decimal
from typing import Any

import pytest

from sim_mcp.emnify import DayUsage
from sim_mcp.exports.rows import usage_row


@pytest.mark.parametrize(
    ("data", "sms", "currency"),
    [("EUR", "EUR", "EUR"), ("EUR", None, "EUR"), (None, "USD", "USD"), ("EUR", "USD", "data EUR, SMS USD")],
)
def test_each_cost_has_its_own_currency(data: str | None, sms: str | None, currency: str) -> None:
    def traffic(cost: int, code: str | None) -> dict[str, Any]:
        return {"volume": 1, "cost": cost, "currency": {"code": code} if code else None}

    day = DayUsage.model_validate({"date": "2026-11-01", "data": traffic(2, data), "sms": traffic(3, sms)})
    row = usage_row({}, day)
    assert (row["data_cost"], row["sms_cost"], row["currency"]) == (Decimal(2), Decimal(3), currency)
