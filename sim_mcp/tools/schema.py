"""Tool schemas, made as small as possible and as flat as every host needs them."""

from typing import Any

_OPEN = ("additionalProperties", True)
"""What a schema means by default."""
_UNSAID = frozenset({"title", "minLength", "maxLength", "minItems"})
"""What costs every conversation tokens and helps no model to choose a value: a refusal tells it where it matters."""
_NO_LIMIT = 1000
"""From here on a maximum is there for safety, and nobody meets it."""


def slim_input(schema: dict[str, Any]) -> dict[str, Any]:
    """Return an input schema without titles, nulls and lengths, closed to unknown arguments."""
    return {**_slim(schema), "additionalProperties": False}


def slim_output(schema: dict[str, Any]) -> dict[str, Any]:
    """Return an output schema without titles, nulls and defaults: an answer leaves out what is unknown.

    Definitions of rows are left out too: every conversation would pay for them, and their keys explain themselves.
    """
    slimmed = {key: value for key, value in _slim(schema).items() if key not in {"description", "$defs"}}
    for shape in slimmed["properties"].values():
        if shape.get("items") == {"type": "object"}:
            del shape["items"]
    return slimmed


def _slim(schema: dict[str, Any]) -> dict[str, Any]:
    slimmed: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _UNSAID or (key == "default" and value in (None, [])) or (key, value) == _OPEN:
            continue
        if key in ("maximum", "maxItems") and value >= _NO_LIMIT:
            continue
        if key == "$ref":
            slimmed["type"] = "object"
        elif key == "properties":
            slimmed[key] = {name: _slim(inner) for name, inner in value.items()}
        elif key == "anyOf":
            slimmed |= _union(value)
        elif isinstance(value, dict):
            slimmed[key] = _slim(value)
        else:
            slimmed[key] = value
    return slimmed


def _union(options: list[dict[str, Any]]) -> dict[str, Any]:
    """Reduce `X or null` to X; keep any other union."""
    real = [_slim(option) for option in options if option.get("type") != "null"]
    return real[0] if len(real) == 1 else {"anyOf": real}
