"""Mobile networks, and those that a device may not use (`/api/v1/operator`, `…/operator_blacklist`)."""

from sim_mcp.sandbox.api.answers import Answer, Backend, Refusal, error, nothing, php, scala
from sim_mcp.sandbox.api.core import Call, RouteEntry
from sim_mcp.sandbox.world.catalogue import OPERATORS, Operator
from sim_mcp.sandbox.world.events import operator_detail


def list_operators(_: Call) -> Answer:
    """Answer `GET /api/v1/operator`, whole, by country and name."""
    return php([_listed(each) for each in sorted(OPERATORS.values(), key=lambda each: (each.country.name, each.id))])


def get_blacklist(call: Call) -> Answer:
    """Answer `GET /api/v1/endpoint/{id}/operator_blacklist`."""
    endpoint = call.endpoint()
    rows = call.store.rows("SELECT operator FROM blacklist WHERE endpoint = ? ORDER BY operator", endpoint.id)
    return scala([operator_detail(OPERATORS[int(str(row[0]))]) for row in rows])


def block_operator(call: Call) -> Answer:
    """Answer `PUT /api/v1/endpoint/{id}/operator_blacklist/{operator}`: 409 1405 as recorded if it is there."""
    endpoint, operator = call.endpoint(), _operator(call)
    if call.store.rows("SELECT 1 FROM blacklist WHERE endpoint = ? AND operator = ?", endpoint.id, operator.id):
        told = f"Operator with Id '{operator.id}' is already blacklisted on Endpoint with Id '{endpoint.id}'."
        raise Refusal(error(409, 1405, "Duplicated", told))
    with call.store.changing() as sql:
        sql.execute("INSERT INTO blacklist VALUES (?, ?)", (endpoint.id, operator.id))
    return nothing(Backend.SCALA)


def unblock_operator(call: Call) -> Answer:
    """Answer `DELETE /api/v1/endpoint/{id}/operator_blacklist/{operator}`: 404 if it is not there."""
    endpoint, operator = call.endpoint(), _operator(call)
    with call.store.changing() as sql:
        removed = sql.execute(
            "DELETE FROM blacklist WHERE endpoint = ? AND operator = ?", (endpoint.id, operator.id)
        ).rowcount
    if not removed:
        told = f"Operator with Id '{operator.id}' is not blacklisted on Endpoint with Id '{endpoint.id}'."
        raise Refusal(error(404, 1201, "NotFound", told))
    return nothing(Backend.SCALA)


def _operator(call: Call) -> Operator:
    wanted = call.number("operator")
    if wanted not in OPERATORS:
        raise Refusal(error(404, 1401, "InvalidReference", f"Operator with Id '{wanted}' not found."))
    return OPERATORS[wanted]


def _listed(operator: Operator) -> dict[str, object]:
    country = operator.country
    number = str(operator.id)
    return {
        "name": operator.name,
        "inbound_roamers_allowed": "1",
        "country_name": country.name,
        "id": operator.id,
        "country": {
            "name": country.name,
            "country_code": country.country_code,
            "mcc": country.mcc,
            "iso_code": country.iso_code,
            "latitude": country.latitude,
            "longitude": country.longitude,
            "id": country.id,
        },
        "mnc": [{"mnc": operator.mnc, "operator_id": number, "id": operator.id + 2000}],
        "tapcode": [{"tapcode": operator.tapcode, "operator_id": number, "id": operator.id + 1000}],
        "name_and_country": f"{country.name} / {operator.name}",
    }


ROUTES: tuple[RouteEntry, ...] = (
    ("GET", "/operator", list_operators),
    ("GET", "/endpoint/{id}/operator_blacklist", get_blacklist),
    ("PUT", "/endpoint/{id}/operator_blacklist/{operator}", block_operator),
    ("DELETE", "/endpoint/{id}/operator_blacklist/{operator}", unblock_operator),
)
