"""The newer routes: operations on eUICCs, migration between workspaces, numbers of an organisation."""

import json
import uuid
from collections.abc import Mapping

from sim_mcp.sandbox.api.answers import Answer, Refusal, express
from sim_mcp.sandbox.api.core import Call, RouteEntry, reference
from sim_mcp.sandbox.api.query import Page, main_page
from sim_mcp.sandbox.api.shapes import status_shape
from sim_mcp.sandbox.store.store import SimRow, as_json
from sim_mcp.sandbox.world.catalogue import ENTERPRISE_ORG, ORGANISATIONS, EventType, Role, Status
from sim_mcp.sandbox.world.clock import zulu_date
from sim_mcp.sandbox.world.rng import mix

_ACTIONS = {1: "Download profile", 2: "Enable profile", 3: "Disable profile", 4: "Delete profile"}
_STATUSES = {1: "Pending", 2: "In progress", 3: "Completed", 4: "Failed"}
_COMPLETED = 3
_PAGE = 100
_MOST_MIGRATED = 500
_SORTED_BY = ("id", "action", "status", "creation_date", "finalization_date")
_FILTERED_BY = ("id", "action", "status")
"""The ids of actions and statuses are not published; these are made up."""


def list_actions(_: Call) -> Answer:
    """Answer `GET /api/v1/sim/operation/action`."""
    return express(_named(_ACTIONS))


def list_operation_statuses(_: Call) -> Answer:
    """Answer `GET /api/v1/sim/operation/status`."""
    return express(_named(_STATUSES))


def create_operation(call: Call) -> Answer:
    """Answer `POST /api/v1/sim/operation`; here it is completed at once."""
    body = call.json_object()
    action, target = reference(body.get("action")), body.get("target")
    if action not in _ACTIONS or not isinstance(target, list) or not target:
        raise _refused(400, "action and target are required")
    failed: list[dict[str, object]] = []
    for each in target:
        sim_id = reference(each.get("sim")) if isinstance(each, dict) else None
        sim = call.find_sim(sim_id) if sim_id is not None else None
        if sim is None or sim.eid is None:
            failed.append({"eid": each.get("eid") if isinstance(each, dict) else None, "message": "SIM is no eUICC"})
    now = call.core.clock.now()
    number = len(call.store.rows("SELECT 1 FROM operation"))
    key = str(
        uuid.UUID(
            int=mix(call.core.settings.seed, number, 1) << 64 | mix(call.core.settings.seed, number, 2), version=4
        )
    )
    shape: dict[str, object] = {
        "id": key,
        "action": {"id": action, "description": _ACTIONS[action]},
        "status": {"id": _COMPLETED, "description": _STATUSES[_COMPLETED]},
        **({"product": body["product"]} if "product" in body else {}),
        "creation_date": zulu_date(now),
        "last_updated_at": zulu_date(now),
        "finalization_date": zulu_date(now),
        "target": target,
        "total_count": len(target),
        "failed_count": len(failed),
        "success_count": len(target) - len(failed),
        "error": failed,
    }
    with call.store.changing() as sql:
        sql.execute("INSERT INTO operation VALUES (?, ?, ?, ?, ?)", (key, call.org, now, action, as_json(shape)))
    return express(shape, 201)


def list_operations(call: Call) -> Answer:
    """Answer `GET /api/v1/sim/operation`."""
    rows = call.store.rows("SELECT body FROM operation WHERE org = ? ORDER BY created, id", call.org)
    found: list[dict[str, object]] = [json.loads(str(row[0])) for row in rows]
    for part in filter(None, (call.query.get("q") or "").split(",")):
        name, _, value = part.partition(":")
        if name not in _FILTERED_BY:
            raise _refused(400, f"Unknown filter {name}")
        found = [each for each in found if value == _plain(each, name)]
    parts = [part.strip() for part in (call.query.get("sort") or "").split(",") if part.strip()]
    for part in reversed(parts):
        name = part.removeprefix("-")
        if name not in _SORTED_BY:
            raise _refused(400, f"Unknown sort field {name}")
        found.sort(key=lambda each, name=name: _plain(each, name), reverse=part.startswith("-"))  # type: ignore[misc]  # mypy cannot type a lambda's default
    number, size = main_page(call.query, _PAGE, _PAGE)
    page = Page(number, size, len(found), call.unknowns.last_page_overflow)
    answer = express(found[page.offset : page.offset + page.size])
    return answer.with_headers(*page.headers(",".join(parts) or "id"))


def get_operation(call: Call) -> Answer:
    """Answer `GET /api/v1/sim/operation/{uuid}`."""
    rows = call.store.rows("SELECT body FROM operation WHERE id = ? AND org = ?", call.path["id"], call.org)
    if not rows:
        raise _refused(404, "Operation not found")
    return express(json.loads(str(rows[0][0])))


def migrate(call: Call) -> Answer:
    """Answer `POST /api/v1/sim/migration/workspace`; without `dry_run: false` it changes nothing."""
    body = call.json_object()
    target = ORGANISATIONS.get(reference(body.get("target_workspace")) or 0)
    given = [name for name in ("sims", "iccids", "iccid_range") if name in body]
    if len(given) != 1 or "target_workspace" not in body:
        raise _refused(400, "exactly one of sims, iccids, iccid_range and a target_workspace are required")
    if target is None or target.role is not Role.ENTERPRISE:
        raise _refused(404, "Workspace not found")
    sims = _to_migrate(call, given[0], body[given[0]])
    detach, dry = body.get("auto_detach_devices") is True, body.get("dry_run") is not False
    allowed = body.get("allowed_sim_statuses") or [status_shape(status) for status in (0, 1, 2, 4)]
    allowed_ids = {reference(each) for each in allowed} if isinstance(allowed, list) else set()
    errors = [
        {"error_code": code, "message": message, "sims": [{"id": sim.id} for sim in found]}
        for code, message, found in (
            (1502, "SIMs are attached to devices", [] if detach else [sim for sim in sims if sim.endpoint_id]),
            (1503, "SIMs have a status that is not allowed", [sim for sim in sims if sim.status not in allowed_ids]),
            (1504, "No administrator of the source workspace", [] if call.identity.user else sims),
        )
        if found
    ]
    if errors:
        raise Refusal(express({"status_code": 409, "message": "Migration is not possible", "errors": errors}, 409))
    found = [_migrated(sim) for sim in sims]
    if not dry:
        _carry_out(call, sims, target.id)
    return express(
        {
            "sim_count": len(sims),
            "dry_run": dry,
            "allowed_sim_statuses": allowed,
            "target_workspace": {"id": target.id, "name": target.name},
            "auto_detach_devices": detach,
            "sims": found,
        }
    )


def _to_migrate(call: Call, name: str, value: object) -> list[SimRow]:
    iccids: list[str] = []
    ids: list[int | None] = []
    if name == "sims" and isinstance(value, list):
        ids = [reference(each) for each in value]
    elif name == "iccids" and isinstance(value, list):
        iccids = [str(each) for each in value]
    elif name == "iccid_range" and isinstance(value, Mapping):
        sql = "SELECT id FROM sim WHERE iccid BETWEEN ? AND ? AND customer = ? ORDER BY id LIMIT 501"
        ids = [
            int(str(row[0])) for row in call.store.rows(sql, str(value.get("start")), str(value.get("end")), call.org)
        ]
    for iccid in iccids[: _MOST_MIGRATED + 1]:
        rows = call.store.rows("SELECT id FROM sim WHERE iccid = ?", iccid)
        ids.append(int(str(rows[0][0])) if rows else None)
    sims = [call.find_sim(each) if each is not None else None for each in ids[: _MOST_MIGRATED + 1]]
    found = [sim for sim in sims if sim is not None]
    if not found or len(found) < len(sims):
        raise _refused(404, "SIMs not found")
    if len(found) > _MOST_MIGRATED:
        raise _refused(400, "at most 500 SIMs")
    return found


def _carry_out(call: Call, sims: list[SimRow], target: int) -> None:
    with call.store.changing():
        for sim in sims:
            if sim.endpoint_id is not None:
                call.core.registry.release(sim, call.identity.user)
            if sim.status == Status.ACTIVATED:
                call.core.registry.set_status(call.store.sim(sim.id) or sim, Status.SUSPENDED, call.identity.user)
            call.core.registry.assign_organisation(sim, "customer", target)
            text = f"SIM {sim.id} migrated to workspace {target}"
            call.core.event_log.record(
                EventType.SIM_MIGRATION, text, sim.customer or ENTERPRISE_ORG, sim, user=call.identity.user
            )


def _migrated(sim: SimRow) -> dict[str, object]:
    source = ORGANISATIONS[sim.customer or ENTERPRISE_ORG]
    device: dict[str, object] = {}
    if sim.endpoint is not None:
        device["endpoint"] = {"id": sim.endpoint.id, "name": sim.endpoint.name}
    return {
        "id": sim.id,
        "iccid": sim.iccid,
        "iccid_with_luhn": sim.iccid_with_luhn,
        **device,
        "status": status_shape(sim.status),
        "source_workspace": {"id": source.id, "name": source.name},
    }


def _named(names: dict[int, str]) -> list[dict[str, object]]:
    return [{"id": number, "description": name} for number, name in names.items()]


def _plain(shape: dict[str, object], name: str) -> str:
    value = shape[name]
    return str(value["id"] if isinstance(value, dict) else value)


def _refused(status: int, message: str) -> Refusal:
    return Refusal(express({"status_code": status, "message": message}, status))


ROUTES: tuple[RouteEntry, ...] = (
    ("GET", "/sim/operation", list_operations),
    ("POST", "/sim/operation", create_operation),
    ("GET", "/sim/operation/action", list_actions),
    ("GET", "/sim/operation/status", list_operation_statuses),
    ("GET", "/sim/operation/{id}", get_operation),
    ("POST", "/sim/migration/workspace", migrate),
)
