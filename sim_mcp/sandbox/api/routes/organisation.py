"""The routes of an organisation: its SIMs by status, its traffic, fees, tariff plan and inclusive volume."""

from sim_mcp.sandbox.api.answers import Answer, Backend, nothing, php
from sim_mcp.sandbox.api.core import Call, RouteEntry
from sim_mcp.sandbox.api.shapes import EURO
from sim_mcp.sandbox.store.store import SimRow
from sim_mcp.sandbox.world.catalogue import Role, Status

_HOSTING_FEE = 0.4
"""Monthly fee of an activated SIM."""
_TYPES = {Role.ISSUER: 1, Role.RESELLER: 3, Role.ENTERPRISE: 4}
_MOST_TOTALLED = 3_000
"""SIMs whose traffic is added up: for more it would take too long to compute, and the months are left out."""


def get_stats(call: Call) -> Answer:
    """Answer `GET /api/v1/organisation/my/stats`."""
    found = _by_status(call)
    names = {
        "issued": Status.ISSUED,
        "factory_mode": Status.FACTORY_TEST,
        "active": Status.ACTIVATED,
        "suspended": Status.SUSPENDED,
    }
    numbers: dict[str, object] = {name: found.get(status, 0) for name, status in names.items()}
    active = found.get(Status.ACTIVATED, 0)
    body: dict[str, object] = {
        "sim": {**numbers, "total": sum(found.values())},
        "active_chargeable_sims": str(active),
        "hosting_fees": {"cost": f"{active * _HOSTING_FEE:.2f}", "currency": EURO},
    }
    if sum(found.values()) > _MOST_TOTALLED:
        return php(body)
    return php(body | call.core.usage.organisation_months(_sims(call), call.org))


def get_organisation(call: Call) -> Answer:
    """Answer `GET /api/v1/organisation/my`."""
    org = call.identity.organisation
    return php(
        {
            "name": org.name,
            "organisation_type_id": str(_TYPES[org.role]),
            "country_id": str(org.country.id),
            "organisation_status_id": "0",
            "ext_reference": "",
            "monthly_cost_limit": None,
            "currency_id": 1,
            "organisation_class_id": 0,
            "created": "2021-11-18T08:25:53.000+0000",
            "verification_type_id": None,
            "verification": "",
            "brand_id": "1",
            "default_sms_routing_id": None,
            "id": org.id,
        }
    )


def get_daily_stats(call: Call) -> Answer:
    """Answer `GET /api/v1/organisation/my/stats/daily`, and `/api/v1/stats/daily`: of this month, if not told."""
    if sum(_by_status(call).values()) > _MOST_TOTALLED:
        return php([])
    try:
        first, last = call.core.usage.range(call.query.get("start_date"), call.query.get("end_date"))
    except ValueError:
        return nothing(Backend.PHP, 400)
    return php(call.core.usage.daily(_sims(call), first, last))


def get_tariff_plan(call: Call) -> Answer:
    """Answer `GET /api/v1/tariff_plan/active`."""
    active = _by_status(call).get(Status.ACTIVATED, 0)
    return php(
        {
            "organisation_id": call.org,
            "start_date": "2024-01-01",
            "expiry_date": None,
            "sim_activated_rate": None,
            "sim_activated_idle_rate": None,
            "sim_suspended_rate": None,
            "sim_suspended_active_rate": None,
            "sim_activated_amount": str(active),
            "applied_price": {"sim_activated_rate": [{"scale_start": 0, "rate": _HOSTING_FEE, "volume": active}]},
            "tariff_plan": {"id": 398, "name": "Sandbox Pay as you go", "sim_activation_fee": 0, "currency": EURO},
            "active": True,
            "id": 1,
        }
    )


def list_inclusive_volumes(call: Call) -> Answer:
    """Answer `GET /api/v1/organisation/my/inclusive_volume/active`: volumes in MB; without any, an empty list."""
    if call.unknowns.inclusive_volume == "none":
        return php([])
    ratezone = {"id": 4711, "name": "Europe", "ratezone_status_id": 1}
    tariff = {"id": 398, "name": "Sandbox Inclusive", "tariff_status_id": 1, "ratezone": ratezone}
    volume = {"id": 77, "volume": 5000.0, "rate": 75.0, "pooled": True, "start_date": "2024-01-01T00:00:00.000+0000"}
    return php([{**volume, "currency": EURO, "tariff": tariff}])


def _sims(call: Call) -> list[SimRow]:
    scope = call.core.filters.sims(call.identity.role, call.org, None, "id")
    found = call.store.rows(f"SELECT id FROM sim WHERE {scope.where}", *scope.values)  # noqa: S608  # conditions come from query.py
    return call.store.sims([int(str(row[0])) for row in found])


def _by_status(call: Call) -> dict[int, int]:
    scope = call.core.filters.sims(call.identity.role, call.org, None, "id")
    counted = call.store.rows(f"SELECT status, count(*) FROM sim WHERE {scope.where} GROUP BY status", *scope.values)  # noqa: S608  # conditions come from query.py
    return {int(str(status)): int(str(count)) for status, count in counted}


ROUTES: tuple[RouteEntry, ...] = (
    ("GET", "/organisation/my", get_organisation),
    ("GET", "/organisation/my/stats", get_stats),
    ("GET", "/organisation/my/stats/daily", get_daily_stats),
    ("GET", "/stats/daily", get_daily_stats),
    ("GET", "/organisation/my/inclusive_volume/active", list_inclusive_volumes),
    ("GET", "/tariff_plan/active", get_tariff_plan),
)
