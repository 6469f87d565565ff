"""Arguments that arrive as a word for nothing: hosts and models write "null" where they mean to leave something out.

In a question such an argument is left out. In a change it is refused: left out, it would let the others choose more
SIMs than were meant. Pure; before anything parses the arguments, for the SDK reads the text "null" as nothing at all.
"""

import json
from collections.abc import Mapping
from typing import Any

from sim_mcp.emnify import InvalidValueError
from sim_mcp.sanitize import visible

_WORDS = frozenset({"", "null", "none", "nil", "undefined"})
_CLEARED = frozenset({"customer", "reseller", "issuer"})
"""What a change clears by the word none."""


def leave_out_blanks(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a question without those that say nothing.

    What a tool cannot do without stays: a device may be called None, and `get_sim` gets it by that name.
    """
    required = schema.get("required", ())
    return {
        name: value
        for name, value in arguments.items()
        if name in required or not _says_nothing(value, schema["properties"].get(name, {}))
    }


def refuse_blanks(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Refuse arguments of a change that say nothing, or nothing in a part.

    Raises:
        InvalidValueError: There is one; the message names it.
    """
    for name, value in arguments.items():
        if value is None or not any(_is_nothing(each) for each in _parts(value)):
            continue
        if _means_something(value, schema["properties"].get(name, {})) or (name in _CLEARED and _word(value) == "none"):
            continue
        leaving = "" if name in schema.get("required", ()) else f"leave {name} out if it is not meant, or "
        clearing = ', or "none" to clear it' if name in _CLEARED - {"issuer"} else ""
        raise InvalidValueError(
            f"{name}={json.dumps(value)[:60]} says nothing, and a change guesses nothing: {leaving}write what is "
            f"meant{clearing}. What is really called so goes by its ICCID or id"
        )


def _says_nothing(value: Any, schema: Mapping[str, Any]) -> bool:
    parts = _parts(value)
    return bool(parts) and all(map(_is_nothing, parts)) and not _means_something(value, schema)


def _parts(value: Any) -> list[Any]:
    """Return what a list holds, also one that was written as text, or the value alone."""
    if isinstance(value, str) and value.strip().startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return [value]
    return value if isinstance(value, list) else [value]


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and _word(value) in _WORDS)


def _means_something(value: Any, schema: Mapping[str, Any]) -> bool:
    """Tell whether it is one of the words a parameter may take, as `order="none"`."""
    return isinstance(value, str) and value in schema.get("enum", ())


def _word(value: Any) -> str:
    return visible(str(value)).strip(" \"'").casefold()
