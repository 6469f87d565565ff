"""What a SIM costs a month is told only where it is one price for all."""

from decimal import Decimal
from typing import Any

import pytest

from sim_mcp.emnify import OrganisationStats, TariffPlan


@pytest.mark.parametrize(
    ("plan", "rate"),
    [
        ({"sim_activated_rate": "1.5"}, "1.5"),
        ({"sim_activated_rate": 1.5, "applied_price": {"sim_activated_rate": []}}, "1.5"),
        ({"sim_activated_rate": 1.5, "applied_price": {"sim_activated_rate": [{"rate": "0.9"}]}}, "0.9"),
        ({"applied_price": {"sim_activated_rate": [{"rate": "0.9"}, {"rate": 0.90}]}}, "0.9"),
        ({"sim_activated_rate": 1.5, "applied_price": {"sim_activated_rate": [{"rate": 1}, {"rate": 2}]}}, None),
        ({}, None),
    ],
)
def test_the_price_of_a_sim(plan: dict[str, Any], rate: str | None) -> None:
    read = TariffPlan.model_validate(plan)
    assert read.hosting_rate == (None if rate is None else Decimal(rate))


@pytest.mark.parametrize("fees", [12.5, "12.5", {"cost": "12.5"}])
def test_fees_may_be_a_bare_number(fees: object) -> None:
    read = OrganisationStats.model_validate({"hosting_fees": fees})
    assert read.hosting_fees is not None
    assert read.hosting_fees.cost == Decimal("12.5")
