"""The connectivity of a device, as the networks and emnify's core report it (`/api/v1/endpoint/{id}/connectivity`)."""

from sim_mcp.sandbox.api.core import Core
from sim_mcp.sandbox.store.store import EndpointRow, SimRow
from sim_mcp.sandbox.world.catalogue import OPERATORS, RATS, Operator
from sim_mcp.sandbox.world.clock import DAY, zulu_date
from sim_mcp.sandbox.world.events import node, pdp_detail
from sim_mcp.sandbox.world.reachability import connectivity_state
from sim_mcp.sandbox.world.traffic_model import Session


def connectivity(core: Core, endpoint: EndpointRow, sim: SimRow | None) -> dict[str, object]:
    """Return the connectivity of a device; offline has neither location nor session."""
    state, session = connectivity_state(core.store, core.traffic, core.clock, endpoint.id, sim)
    body: dict[str, object] = {"status": {"description": state}}
    if sim is None or state == "OFFLINE":
        return body | {"services": []}
    strings = core.settings.unknowns.connectivity_numbers == "string"
    operator = session.operator if session else OPERATORS[endpoint.home]
    seen = session.start if session else core.clock.now() // DAY * DAY
    body["location"] = _location(sim, operator, seen, strings=strings)
    if state == "ONLINE" and session is not None:
        body["pdp_context"] = _pdp_context(sim, session, core.clock.now(), strings=strings)
    return body | {"services": ["GPRS"] if state == "ONLINE" else []}


def subscriber_info(core: Core, endpoint: EndpointRow, sim: SimRow | None) -> dict[str, object]:
    """Return what the network answers about a subscriber; a failure is reported with status 200."""
    now = core.clock.now()
    times = {"request_timestamp": zulu_date(now - 800), "reply_timestamp": zulu_date(now)}
    rows = core.store.rows("SELECT fault FROM state WHERE endpoint = ?", endpoint.id)
    fault = rows[0][0] if rows else None
    state, session = connectivity_state(core.store, core.traffic, core.clock, endpoint.id, sim)
    if fault is None and (sim is None or state == "OFFLINE"):
        fault = "Unknown Subscriber" if sim is None else "Unknown Location"
    if fault is not None:
        return {"subscriber_info": {"success": False, "error": fault}, **times}
    operator = session.operator if session else OPERATORS[endpoint.home]
    cell = {
        "mcc": operator.country.mcc,
        "mnc": operator.mnc,
        "lac": endpoint.id % 65000,
        "cid": endpoint.id * 7 % 65000,
    }
    location = {"current_location_retrieved": True, "age_of_location": 0, "cell_global_id": cell}
    state_name = "assumedIdle" if state == "ATTACHED" else "camelBusy"
    return {"subscriber_info": {"success": True, "state": state_name, "location": location}, **times}


def _location(sim: SimRow, operator: Operator, seen: int, *, strings: bool) -> dict[str, object]:
    country = operator.country

    def number(value: int) -> object:
        return str(value) if strings else value

    return {
        "iccid": sim.iccid,
        "imsi": sim.imsi,
        "last_updated": zulu_date(seen),
        "last_updated_gprs": zulu_date(seen),
        "sgsn_number": node(operator, 2),
        "vlr_number": node(operator, 1),
        "msc": node(operator, 1),
        "operator": {
            "id": number(operator.id),
            "name": operator.name,
            "country": {"id": number(country.id), "name": country.name},
        },
        "country": {
            "country_id": number(country.id),
            "name": country.name,
            "country_code": country.country_code,
            "mcc": country.mcc,
            "iso_code": country.iso_code,
        },
        "sgsn_ip_address": f"193.{operator.id % 200}.{operator.id * 31 % 250}.12",
    }


def _pdp_context(sim: SimRow, session: Session, now: int, *, strings: bool) -> dict[str, object]:
    habits = session.kind.habits
    detail = pdp_detail(sim, session.operator, session.start, bits=session.bits, apn=habits.apn, rat=habits.rat)
    context = detail["pdp_context"]
    assert isinstance(context, dict)  # noqa: S101  # pdp_detail has just made it
    wanted = ("mcc", "mnc", "operator_id", "lac", "ci", "sac", "rac", "ue_ip_address", "imeisv")
    minutes, seconds = divmod((now - session.start) // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    rat: dict[str, object] = {
        "rat_type_id": str(habits.rat) if strings else habits.rat,
        "description": RATS[habits.rat],
    }
    return {
        "pdp_context_id": str(context["pdp_context_id"]) if strings else context["pdp_context_id"],
        "created": zulu_date(session.start),
        **{key: str(context[key]) if strings and isinstance(context[key], int) else context[key] for key in wanted},
        "rat_type": rat,
        "duration": f"{hours:02d}:{minutes:02d}:{seconds:02d}",
    }
