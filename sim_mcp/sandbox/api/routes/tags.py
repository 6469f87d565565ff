"""Tags of a workspace and of its devices (`/api/v2/tags`, `/api/v2/endpoint/{id}/tags`).

The tags of a device are the names in its `tags`; a name has an id once somebody asks for it.
"""

from sim_mcp.sandbox.api.answers import Answer, Backend, Refusal, error, express, nothing
from sim_mcp.sandbox.api.core import Call, RouteEntry, reference
from sim_mcp.sandbox.api.query import read_number

_PAGE = 100
_COLORS = {1: ("#4B77BE", "Blue"), 2: ("#26A65B", "Green"), 3: ("#D64541", "Red"), 4: ("#F4B350", "Yellow")}


def list_colors(_: Call) -> Answer:
    """Answer `GET /api/v2/tag-colors`."""
    return express([{"id": key, "hex_color": code, "description": name} for key, (code, name) in _COLORS.items()])


def list_tags(call: Call) -> Answer:
    """Answer `GET /api/v2/tags`, by name, with how many devices have each."""
    for (text,) in call.store.rows("SELECT DISTINCT tags FROM endpoint WHERE org = ? AND tags IS NOT NULL", call.org):
        for name in _names(text):
            _tag(call, name)
    wanted = (call.query.get("name") or "").casefold()
    rows = call.store.rows("SELECT name FROM tag WHERE org = ? ORDER BY name", call.org)
    found = [str(name) for (name,) in rows if wanted in str(name).casefold()]
    size = min(max(read_number(call.query.get("page_size")) or _PAGE, 1), _PAGE)
    page = max(read_number(call.query.get("page")) or 1, 1)
    shown = [_shape(call, name) for name in found[(page - 1) * size : page * size]]
    last = max(1, -(-len(found) // size))
    return express({"total": len(found), "page": page, "page_size": size, "last_page": last, "data": shown})


def create_tag(call: Call) -> Answer:
    """Answer `POST /api/v2/tags`: 409 if there is one of that name."""
    body = call.json_object()
    name = str(body.get("name") or "").strip()
    color = reference(body.get("color")) or min(_COLORS)
    if not name or "," in name or color not in _COLORS:
        raise _refused(422, 1400, "InputValidationFailed", "A tag needs a name without commas, and a known color.")
    if call.store.rows("SELECT 1 FROM tag WHERE org = ? AND name = ?", call.org, name):
        raise _refused(409, 1405, "Duplicated", f"Tag '{name}' already exists.")
    number = _tag(call, name, color)
    return express({"id": number, "name": name, "tag_color": {"id": color}}, 201)


def list_tags_of(call: Call) -> Answer:
    """Answer `GET /api/v2/endpoint/{id}/tags`."""
    return express([_shape(call, name) for name in _names(call.endpoint().tags)])


def assign_tag(call: Call) -> Answer:
    """Answer `POST /api/v2/endpoint/{id}/tags` with `{"id": …}` of a tag: 201, empty; 409 if it has it."""
    endpoint = call.endpoint()
    name = _name_of(call, reference(call.json_object()))
    names = _names(endpoint.tags)
    if name in names:
        raise _refused(409, 1405, "Duplicated", f"Tag '{name}' is already assigned to endpoint {endpoint.id}.")
    _keep(call, endpoint.id, [*names, name])
    return nothing(Backend.EXPRESS, 201)


def unassign_tag(call: Call) -> Answer:
    """Answer `DELETE /api/v2/endpoint/{id}/tags/{tag}`: 200, empty."""
    endpoint = call.endpoint()
    name = _name_of(call, call.number("tag"))
    _keep(call, endpoint.id, [each for each in _names(endpoint.tags) if each != name])
    return nothing(Backend.EXPRESS, 200)


def _names(text: object) -> list[str]:
    return [name.strip() for name in str(text or "").split(",") if name.strip()]


def _keep(call: Call, endpoint: int, names: list[str]) -> None:
    with call.store.changing() as sql:
        sql.execute(
            "UPDATE endpoint SET tags = ?, updated = ? WHERE id = ?",
            (", ".join(names), call.core.clock.now(), endpoint),
        )


def _tag(call: Call, name: str, color: int = 1) -> int:
    """Return the id of a tag, which is made if there is none."""
    with call.store.changing() as sql:
        sql.execute("INSERT OR IGNORE INTO tag (org, name, color) VALUES (?, ?, ?)", (call.org, name, color))
        return int(sql.execute("SELECT id FROM tag WHERE org = ? AND name = ?", (call.org, name)).fetchone()[0])


def _name_of(call: Call, number: int | None) -> str:
    rows = call.store.rows("SELECT name FROM tag WHERE org = ? AND id = ?", call.org, number)
    if not rows:
        raise _refused(404, 1201, "NotFound", f"Tag with id {number} not found")
    return str(rows[0][0])


def _shape(call: Call, name: str) -> dict[str, object]:
    number = _tag(call, name)
    texts = call.store.rows("SELECT tags FROM endpoint WHERE org = ? AND tags IS NOT NULL", call.org)
    color = call.store.rows("SELECT color FROM tag WHERE id = ?", number)[0][0]
    holders = sum(name in _names(text) for (text,) in texts)
    return {"id": number, "name": name, "resource_count": holders, "tag_color": {"id": color}}


def _refused(status: int, code: int, token: str, message: str) -> Refusal:
    return Refusal(error(status, code, token, message, backend=Backend.EXPRESS))


ROUTES: tuple[RouteEntry, ...] = (
    ("GET", "/api/v2/tag-colors", list_colors),
    ("GET", "/api/v2/tags", list_tags),
    ("POST", "/api/v2/tags", create_tag),
    ("GET", "/api/v2/endpoint/{id}/tags", list_tags_of),
    ("POST", "/api/v2/endpoint/{id}/tags", assign_tag),
    ("DELETE", "/api/v2/endpoint/{id}/tags/{tag}", unassign_tag),
)
