"""What a workspace with inclusive volume is told of its costs."""

from typing import Any

import pytest

from sim_mcp.sandbox import Unknowns

from .conftest import RoleClient, Start

OCTOBER = {"start_date": "2026-10-01", "end_date": "2026-10-31"}


def with_inclusive_volume(start: Start, choice: str) -> RoleClient:
    return start(sims=60, unknowns=Unknowns.parse([f"inclusive_volume={choice}"]))


def data_rows(api: RoleClient) -> list[dict[str, Any]]:
    months = [
        month["data"]
        for path in (api.sim_path("healthy", "/stats"), api.device_path("healthy", "/stats"), "/organisation/my/stats")
        for name, month in api.get(path).json().items()
        if name in {"last_month", "current_month"}
    ]
    days = api.found(api.sim_path("healthy", "/stats/daily"), **OCTOBER)
    return months + [day["data"] for day in days if "data" in day]


@pytest.mark.parametrize(("choice", "costs"), [("cost_absent", {None}), ("cost_zero", {0.0})])
def test_data_has_no_costs_where_volume_is_included(start_once: Start, choice: str, costs: set[float | None]) -> None:
    api = with_inclusive_volume(start_once, choice)
    rows = data_rows(api)
    assert len(rows) > 30
    assert {float(row["cost"]) if "cost" in row else None for row in rows} == costs
    assert all(float(row["volume"]) > 0 for row in rows)


def test_sms_still_have_costs_where_volume_is_included(start_once: Start) -> None:
    api = with_inclusive_volume(start_once, "cost_absent")
    last_month = api.get("/organisation/my/stats").json()["last_month"]
    assert float(last_month["sms"]["cost"]) > 0


def test_the_included_volume_is_listed(start_once: Start) -> None:
    assert with_inclusive_volume(start_once, "none").found("/organisation/my/inclusive_volume/active") == []
    volumes = with_inclusive_volume(start_once, "cost_absent").found("/organisation/my/inclusive_volume/active")
    assert [(each["volume"], each["pooled"], each["currency"]["code"]) for each in volumes] == [(5000.0, True, "EUR")]
    assert {"id", "rate", "start_date", "tariff"} <= set(volumes[0])


def test_data_has_costs_where_no_volume_is_included(api: RoleClient) -> None:
    assert all(float(row["cost"]) > 0 for row in data_rows(api) if float(row["volume"]) > 0.2)
