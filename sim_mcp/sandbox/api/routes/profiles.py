"""What a device may use and where, read only (`/api/v1/service_profile`, `/api/v1/tariff_profile`)."""

from sim_mcp.sandbox.api.answers import Answer, Refusal, error, php
from sim_mcp.sandbox.api.core import Call, RouteEntry
from sim_mcp.sandbox.api.shapes import EURO, SERVICE_PROFILE, TARIFF_PROFILE
from sim_mcp.sandbox.world.catalogue import OPERATORS

_SMS_RATE = 0.04


def list_service_profiles(call: Call) -> Answer:
    """Answer `GET /api/v1/service_profile`: the short view."""
    return php([_service_profile(call)])


def get_service_profile(call: Call) -> Answer:
    """Answer `GET /api/v1/service_profile/{id}`: with its services."""
    _check(call, SERVICE_PROFILE[0], "Service profile")
    return php(
        _service_profile(call)
        | {
            "retail": False,
            "sms_p2p_int": True,
            "sms_p2p_ext": False,
            "prepaid": False,
            "nipdp": False,
            "api_callback": None,
            "api_secret": None,
            "moc_callback": None,
            "esme_interface_type": {"id": 1, "description": "RestAPI"},
            "breakout_region": {"id": 1, "name": "eu-west-1"},
            "service": [{"id": 1, "description": "Data", "traffic_limit": []}, {"id": 2, "description": "SMS MT"}],
        }
    )


def list_tariff_profiles(call: Call) -> Answer:
    """Answer `GET /api/v1/tariff_profile`."""
    return php([_tariff_profile(call)])


def get_tariff_profile(call: Call) -> Answer:
    """Answer `GET /api/v1/tariff_profile/{id}`."""
    _check(call, TARIFF_PROFILE[0], "Tariff profile")
    return php(_tariff_profile(call))


def get_coverage(call: Call) -> Answer:
    """Answer `GET /api/v1/tariff_profile/{id}/coverage`: the countries, and how many networks each has."""
    _check(call, TARIFF_PROFILE[0], "Tariff profile")
    by_country: dict[str, list[int]] = {}
    for operator in OPERATORS.values():
        by_country.setdefault(operator.country.name, []).append(operator.country.id)
    return php(
        [
            {"country": {"id": ids[0], "name": name}, "redundancy_count": len(ids)}
            for name, ids in sorted(by_country.items())
        ]
    )


def _service_profile(call: Call) -> dict[str, object]:
    number, name = SERVICE_PROFILE
    return {
        "id": number,
        "name": name,
        "description": name,
        "used_count": str(_devices(call)),
        "allowed_3g": True,
        "allowed_4g": True,
        "allowed_nb_iot": True,
        "allowed_nb_iot_geo": False,
        "apply_sms_quota": False,
        "apply_data_quota": False,
        "ip_firewall_rule_set": {"ip_firewall_profiles": [], "enforce": False},
    }


def _tariff_profile(call: Call) -> dict[str, object]:
    number, name = TARIFF_PROFILE
    tariff = {
        "id": 398,
        "organisation_id": "2",
        "name": "Sandbox Pay as you go",
        "description": "by network",
        "created": "2024-01-01T00:00:00.000+0000",
        "tariff_status_id": "1",
        "currency_id": "1",
        "default_sms_mt_rate": _SMS_RATE,
        "default_sms_mo_rate": _SMS_RATE,
        "used_count": "1",
        "assigned_count": "1",
        "currency": EURO,
    }
    return {
        "id": number,
        "name": name,
        "description": name,
        "used_count": str(_devices(call)),
        "organisation_id": str(call.org),
        "tariff": tariff,
        "inclusive_volume": None,
    }


def _devices(call: Call) -> object:
    return call.store.rows("SELECT count(*) FROM endpoint WHERE org = ?", call.org)[0][0]


def _check(call: Call, known: int, what: str) -> None:
    if call.number() != known:
        raise Refusal(error(404, 1201, "NotFound", f"{what} with id {call.number()} not found"))


ROUTES: tuple[RouteEntry, ...] = (
    ("GET", "/service_profile", list_service_profiles),
    ("GET", "/service_profile/{id}", get_service_profile),
    ("GET", "/tariff_profile", list_tariff_profiles),
    ("GET", "/tariff_profile/{id}", get_tariff_profile),
    ("GET", "/tariff_profile/{id}/coverage", get_coverage),
)
