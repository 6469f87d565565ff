"""The routes of batches, named by their BIC (`/api/v1/sim_batch/bic/{bic}`); every refusal has an empty body."""

from sim_mcp.sandbox.api.answers import Answer, Backend, nothing, php
from sim_mcp.sandbox.api.core import Call, RouteEntry, bad_request, reference
from sim_mcp.sandbox.api.shapes import model_shape, sim_shape
from sim_mcp.sandbox.store.store import SimRow
from sim_mcp.sandbox.world.catalogue import Status

_REGISTRABLE = {Status.ISSUED, Status.ACTIVATED, Status.FACTORY_TEST}


def validate_batch(call: Call) -> Answer:
    """Answer `GET /api/v1/sim_batch/bic/{bic}`: 404 unknown, 400 registered already, 422 somebody else's."""
    found = _find(call)
    if found is None:
        return nothing(Backend.PHP, 404)
    (number, bic, bsn), sims = found
    refused = _refusal(call, sims)
    if refused is not None:
        return nothing(Backend.PHP, refused)
    activated = sum(sim.status == Status.ACTIVATED for sim in sims)
    return php(
        {
            "sim_batch_status_id": "0",
            "bsn": bsn,
            "bic": bic,
            "quantity": str(len(sims)),
            "sim_model_id": str(sims[0].model),
            "issuer_org_id": str(sims[0].issuer),
            "activated": str(activated),
            "logistic_center_id": "1",
            "article_id": "17",
            "customer_org_id": None,
            "reseller_org_id": sims[0].reseller,
            "id": number,
            "status": {"id": 0, "description": "Issued"},
            "model": model_shape(sims[0].model),
        }
    )


def register_batch(call: Call) -> Answer:
    """Answer `PATCH /api/v1/sim_batch/bic/{bic}`, with or without a body; any refusal is an empty 422."""
    found = _find(call)
    body = call.json_object() if call.raw.strip() else {}
    unsaid = Status.ACTIVATED if call.unknowns.register_without_status == "activated" else Status.ISSUED
    wanted = reference(body["sim_status"]) if "sim_status" in body else int(unsaid)
    if wanted is None:
        raise bad_request("sim_status needs an id.")
    testing = wanted == Status.FACTORY_TEST and not call.unknowns.factory_test_allowed
    if found is None or wanted not in _REGISTRABLE or testing or _refusal(call, found[1]) is not None:
        return nothing(Backend.PHP, 422)
    sims = found[1]
    lag = int(call.unknowns.register_lag_s * 1000)
    call.core.registry.register(sims, call.org, Status(wanted), lag, call.identity.user)
    if call.unknowns.batch_answer == "full":
        now = call.store.sims([sim.id for sim in sims])
        return php({"sim": [sim_shape(sim, newer=call.unknowns.newer_sim_keys) for sim in now]})
    return php({"sim": [{"id": sim.id, "iccid": sim.iccid} for sim in sims]})


def _find(call: Call) -> tuple[tuple[int, str, str], list[SimRow]] | None:
    rows = call.store.rows("SELECT id, bic, bsn FROM batch WHERE bic = ?", call.path["bic"].replace(" ", "").upper())
    if not rows:
        return None
    number, bic, bsn = rows[0]
    return (int(str(number)), str(bic), str(bsn)), call.store.sims_of_batch(int(str(number)))


def _refusal(call: Call, sims: list[SimRow]) -> int | None:
    owners = {sim.customer for sim in sims}
    if owners == {None}:
        return None
    return 400 if owners <= {None, call.org} else 422


ROUTES: tuple[RouteEntry, ...] = (
    ("GET", "/sim_batch/bic/{bic}", validate_batch),
    ("PATCH", "/sim_batch/bic/{bic}", register_batch),
)
