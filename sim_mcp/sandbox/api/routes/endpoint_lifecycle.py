"""The beginning and the end of a device (`POST /api/v1/endpoint`, `DELETE /api/v1/endpoint/{id}`)."""

from sim_mcp.sandbox.api.answers import Answer, Backend, Refusal, error, not_allowed, nothing
from sim_mcp.sandbox.api.core import Call, RouteEntry, reference
from sim_mcp.sandbox.api.routes.endpoints import check_profiles, sim_to_join, wanted_status
from sim_mcp.sandbox.world.catalogue import Status

_REQUIRED = ("service_profile", "tariff_profile", "status")
_NO_FACTORY_TEST = "Factory test mode is not allowed for this organisation."


def create_endpoint(call: Call) -> Answer:
    """Answer `POST /api/v1/endpoint`: 201 as recorded, empty, with its place in `Location`."""
    body = call.json_object()
    missing = [name for name in _REQUIRED if reference(body.get(name)) is None]
    if missing:
        errors: list[dict[str, object]] = [
            {"error_code": 1402, "error_token": "Required", "message": f"{name} is required."} for name in missing
        ]
        raise Refusal(error(422, 1400, "InputValidationFailed", "Create endpoint validation error", errors=errors))
    check_profiles(body, "Create endpoint validation error")
    status = wanted_status(body)
    assert status is not None  # noqa: S101  # it is among the required ones.
    sim = sim_to_join(call, call.org, None, body)
    becomes = _sim_status(call, body.get("sim"))
    if becomes == Status.FACTORY_TEST and not call.unknowns.factory_test_allowed:
        raise Refusal(not_allowed("422", _NO_FACTORY_TEST))
    endpoint = call.core.registry.create_device(
        call.org,
        name=str(body.get("name") or f"Device {call.core.clock.now()}"),
        tags=None if body.get("tags") is None else str(body["tags"]),
        imei=None if body.get("imei") is None else str(body["imei"]),
        imei_lock=body.get("imei_lock") is True,
        status=status,
    )
    if sim is not None:
        call.core.registry.assign(sim, endpoint, call.identity.user, becomes=becomes)
    return nothing(Backend.SCALA, 201).with_headers(call.location(f"/endpoint/{endpoint.id}"))


def delete_endpoint(call: Call) -> Answer:
    """Answer `DELETE /api/v1/endpoint/{id}`: 409 while a SIM is in it (emnify docs: delete an endpoint)."""
    endpoint = call.endpoint()
    sim = call.store.sim_of_endpoint(endpoint.id)
    if sim is not None:
        told = f"Endpoint with Id '{endpoint.id}' still has Sim with Id '{sim.id}' assigned."
        raise Refusal(not_allowed("409", told))
    call.core.registry.delete_device(endpoint)
    return nothing(Backend.SCALA)


def _sim_status(call: Call, sim: object) -> Status | None:
    """Return what an issued SIM becomes in its new device; None leaves it as it is."""
    asked = sim if isinstance(sim, dict) else {}
    chosen = reference(asked.get("status"))
    if chosen in {Status.ACTIVATED, Status.FACTORY_TEST}:
        return Status(chosen)
    activate = asked.get("activate")
    return Status.ACTIVATED if (call.unknowns.create_activates if activate is None else activate is True) else None


ROUTES: tuple[RouteEntry, ...] = (
    ("POST", "/endpoint", create_endpoint),
    ("DELETE", "/endpoint/{id}", delete_endpoint),
)
