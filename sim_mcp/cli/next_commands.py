"""The next calls of an answer as commands that a shell takes."""

import ast
import json
import shlex
from typing import Any


def with_commands(structure: Any, options: str = "") -> Any:
    """Return an answer whose calls, the values of `next`, are commands; whatever is no call stays."""
    if isinstance(structure, list):
        return [with_commands(part, options) for part in structure]
    if isinstance(structure, dict):
        return {
            key: command(value, options) if key == "next" and isinstance(value, str) else with_commands(value, options)
            for key, value in structure.items()
        }
    return structure


def command(call: str, options: str = "") -> str:
    """Return a call such as `list_sims(page=2)` as a command; a text that is none stays as it is."""
    try:
        parsed = ast.parse(call, mode="eval").body
        if not isinstance(parsed, ast.Call) or not isinstance(parsed.func, ast.Name) or parsed.args:
            return call
        # The values are JSON, which is not quite Python.
        words = [
            f"{word.arg}={_plain(json.loads(str(ast.get_source_segment(call, word.value))))}"
            for word in parsed.keywords
        ]
    except (SyntaxError, ValueError):
        return call
    return " ".join(["sim-mcp call", parsed.func.id, *map(shlex.quote, words), *options.split()])


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(map(_stands_alone, value)):
        return ",".join(value)
    return json.dumps(value, ensure_ascii=False)


def _stands_alone(value: Any) -> bool:
    """Tell whether a value of a list is read as it is, between commas."""
    return isinstance(value, str) and bool(value) and "," not in value and value[:1] != "[" and value == value.strip()
