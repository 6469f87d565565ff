"""Arguments of a call as hosts and models write them, brought into the form that a tool takes. Pure."""

import difflib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from sim_mcp.emnify import InvalidValueError
from sim_mcp.tools.blank_arguments import leave_out_blanks, refuse_blanks

HOST_ARGUMENTS = frozenset({"action", "chatInput", "sessionId", "tool", "toolCallId", "tool_call_id"})
"""What n8n's client sends besides the arguments (github.com/n8n-io/n8n, issues 21500, 21716 and 37308)."""

_FORMER_NAMES = {
    "organisation": "customer",
    "organization": "customer",
    "since": "start",
    "from": "start",
    "until": "end",
    "to": "end",
    "text_contains": "text",
}
"""What people and older versions call a parameter; taken only where the tool has that parameter and not this name."""
_SYNONYMS = {"active": "activated"}
_SEPARATORS = re.compile(r"[\s_\-]+")


def prepare(
    arguments: Mapping[str, Any], schema: Mapping[str, Any], *, changes: bool
) -> tuple[dict[str, Any], list[str]]:
    """Return the arguments without what says nothing and with choices in the schema's spelling, and whose were ignored.

    Args:
        arguments: by parameter, as they were sent.
        schema: the tool's input schema.
        changes: whether the tool changes something: then nothing is left out, but refused.

    Raises:
        InvalidValueError: A parameter is unknown, or says nothing where a change needs to know.
    """
    known = schema["properties"]
    ignored = [] if changes else [name for name in arguments if name in HOST_ARGUMENTS and name not in known]
    named = {name: value for name, value in arguments.items() if name not in ignored}
    _refuse_unknown(named, tuple(known))
    if changes:
        refuse_blanks(named, schema)
    else:
        named = leave_out_blanks(named, schema)
    return {name: _fit(value, known[name]) for name, value in named.items()}, ignored


def _refuse_unknown(arguments: Mapping[str, Any], known: Sequence[str]) -> None:
    for name in arguments:
        if name not in known:
            former = _FORMER_NAMES.get(name.lower())
            near = [former] if former in known else difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise InvalidValueError(
                f"There is no parameter {name[:40]!r}. {hint}Known: {', '.join(known) or 'none'}. Nothing was sent, "
                "nothing changed."
            )


def _fit(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return a value as a list where the schema wants one, and choices as the schema spells them."""
    if schema["type"] != "array":
        return _in_spelling(value, schema.get("enum", ()))
    choices = schema.get("items", {}).get("enum", ())
    return [_in_spelling(each, choices) for each in listed] if isinstance(listed := _list(value), list) else listed


def _list(value: Any) -> Any:
    """Return the list that JSON text spells, or a list of a value alone; anything else as it is."""
    if isinstance(value, str) and value.strip().startswith("["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return [value]
    return [value] if isinstance(value, str | int | float) else value


def _in_spelling(value: Any, choices: Sequence[str]) -> Any:
    """Return a choice as it is spelt among the choices; what is none of them stays as it is."""
    if not isinstance(value, str) or value in choices:
        return value
    word = _fold(value)
    return next((choice for choice in choices if _fold(choice) in {word, _SYNONYMS.get(word)}), value)


def _fold(text: str) -> str:
    return _SEPARATORS.sub("_", unicodedata.normalize("NFKC", text).strip(" \t\"'").casefold())
