"""Arguments that are blank or a word such as "null", which hosts and models send where they mean to leave one out.

A reading tool ignores such an argument. A change refuses it: without it, the other arguments might choose more SIMs
than were meant. Pure; has to run before the arguments are parsed, since the SDK reads the text "null" as null.
"""

import json
from collections.abc import Mapping
from typing import Any

from sim_mcp.emnify import InvalidValueError
from sim_mcp.sanitize import visible

_WORDS = frozenset({"", "null", "none", "nil", "undefined"})
_CLEARED = frozenset({"customer", "reseller", "issuer"})
"""Parameters of a change that the word none clears."""


def leave_out_blanks(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a reading tool without the blank ones.

    Required arguments stay: a device may be called None, and `get_sim` finds it by that name.
    """
    required = schema.get("required", ())
    return {
        name: value
        for name, value in arguments.items()
        if name in required or not _is_blank(value, schema["properties"].get(name, {}))
    }


def refuse_blanks(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Refuse arguments of a change that are blank, or have a blank item.

    Raises:
        InvalidValueError: An argument is blank; the message names it.
    """
    for name, value in arguments.items():
        if value is None or not any(_is_blank_word(each) for each in _items(value)):
            continue
        if _is_choice(value, schema["properties"].get(name, {})) or (name in _CLEARED and _normalize(value) == "none"):
            continue
        leaving = "" if name in schema.get("required", ()) else f"leave {name} out if it is not meant, or "
        clearing = ', or "none" to clear it' if name in _CLEARED - {"issuer"} else ""
        raise InvalidValueError(
            f"{name}={json.dumps(value)[:60]} says nothing, and a change must not guess: {leaving}write what is "
            f"meant{clearing}. What really has that name can be given by its ICCID or id"
        )


def _is_blank(value: Any, schema: Mapping[str, Any]) -> bool:
    items = _items(value)
    return bool(items) and all(map(_is_blank_word, items)) and not _is_choice(value, schema)


def _items(value: Any) -> list[Any]:
    """Return the items of a list, also of one written as JSON text, or the value as the only item."""
    if isinstance(value, str) and value.strip().startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return [value]
    return value if isinstance(value, list) else [value]


def _is_blank_word(value: Any) -> bool:
    return value is None or (isinstance(value, str) and _normalize(value) in _WORDS)


def _is_choice(value: Any, schema: Mapping[str, Any]) -> bool:
    """Tell whether the parameter takes the value as one of its choices, such as `order="none"`."""
    return isinstance(value, str) and value in schema.get("enum", ())


def _normalize(value: Any) -> str:
    return visible(str(value)).strip(" \"'").casefold()
