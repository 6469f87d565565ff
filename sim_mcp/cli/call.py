"""Call tools from a shell: `key=value` words in, a table or JSON out; forms are answered at the terminal."""

import json
import math
from collections.abc import Sequence
from typing import Any

import anyio.to_thread
import click
from mcp import Client
from mcp.client.session import ClientRequestContext
from mcp.types import CallToolResult, ElicitRequestParams, ElicitResult, TextContent, Tool

from sim_mcp.cli.next_commands import with_commands
from sim_mcp.cli.streams import Output, reader_may_leave
from sim_mcp.cli.tables import print_answer
from sim_mcp.formatting import format_count
from sim_mcp.server.app import SimServer

_TRUE, _FALSE = {"true", "yes", "1", "on"}, {"false", "no", "0", "off"}


class ArgumentError(Exception):
    """A word of the command line does not fit the tool; the message says what would."""


async def list_tools(server: SimServer) -> list[Tool]:
    """Return the tools as a client lists them (`tools/list`)."""
    async with Client(server) as client:
        return (await client.list_tools()).tools


async def call(server: SimServer, tool: str, words: Sequence[str], *, interactive: bool) -> CallToolResult:
    """Call one tool and wait until it is done; if interactive, forms are answered at the terminal.

    Raises:
        ArgumentError: There is no such tool, or a word is not `key=value` with a key of the tool.
    """
    known = {found.name: found for found in await list_tools(server)}
    if tool not in known:
        raise ArgumentError(f"There is no tool {tool!r}. Tools: {', '.join(known)}.")
    arguments = parse_arguments(known[tool], words)
    answer = _answer_at_terminal if interactive else None
    async with Client(server, elicitation_callback=answer) as client:
        on_progress = _print_progress if interactive else None
        result = await client.call_tool(tool, arguments, progress_callback=on_progress)
        # Work in the background would end with this process.
        while (result.structured_content or {}).get("state") == "running":
            result = await client.call_tool(tool, arguments, progress_callback=on_progress)
        return result


def parse_arguments(tool: Tool, words: Sequence[str]) -> dict[str, Any]:
    """Parse `key=value` words into arguments of the tool's types.

    A key that takes a list may be repeated, and its values may stand with commas between them, or as a JSON list.

    Raises:
        ArgumentError: A word is not `key=value`, or its key or value does not fit the tool.
    """
    properties: dict[str, Any] = tool.input_schema["properties"]
    arguments: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or key not in properties:
            raise ArgumentError(f"{word!r} does not fit {tool.name}: use key=value with {', '.join(properties)}.")
        if properties[key].get("type") == "array":
            arguments.setdefault(key, []).extend(_values(key, value))
        elif key in arguments:
            raise ArgumentError(f"{key} is given twice, but takes one value.")
        else:
            arguments[key] = _typed(key, value, properties[key].get("type"))
    return arguments


def succeeded(result: CallToolResult) -> bool:
    """Return whether a tool succeeded; a change only does if every item is in the requested state."""
    counts: dict[str, int] = (result.structured_content or {}).get("counts", {})
    return not result.is_error and not set(counts) - {"changed", "already"}


def print_result(result: CallToolResult, *, as_json: bool, options: str = "") -> None:
    """Print an answer as tables, with the next calls as commands with those options; or as JSON, as a client has it."""
    text = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
    with reader_may_leave():
        if as_json:
            click.echo(json.dumps({"error": text} if result.is_error else result.structured_content, indent=2))
        elif result.is_error:
            click.echo(text, err=True)
        else:
            print_answer(with_commands(result.structured_content or {}, options), Output())


def _values(key: str, text: str) -> list[str]:
    """Split the values of a list; what holds a comma itself has to stand in a JSON list."""
    if not text.startswith("["):
        return [value.strip() for value in text.split(",") if value.strip()] or [text]
    try:
        values = json.loads(text)
    except ValueError:
        raise ArgumentError(f'{key}={text!r}: should be a,b or a JSON list such as ["a, b","c"].') from None
    return [value if isinstance(value, str) else str(value) for value in values]


def _typed(key: str, value: str, kind: str | None) -> Any:
    if kind == "boolean":
        if value.lower() in _TRUE | _FALSE:
            return value.lower() in _TRUE
        raise ArgumentError(f"{key}={value!r}: should be true or false.")
    if kind == "integer":
        try:
            return int(value)
        except ValueError:
            raise ArgumentError(f"{key}={value!r}: should be a whole number.") from None
    return value


async def _print_progress(progress: float, total: float | None, message: str | None) -> None:
    of = "" if total is None else f" of {format_count(total)}"
    click.echo(f"{format_count(math.floor(progress))}{of}{f', {message}' if message else ''}", err=True)


async def _answer_at_terminal(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
    """Ask a form's fields at the terminal; Ctrl-C or the end of input cancels it."""
    del context  # the SDK passes it.

    def prompt() -> ElicitResult:
        click.echo(params.message, err=True)
        content: dict[str, Any] = {}
        fields: dict[str, Any] = getattr(params, "requested_schema", {}).get("properties", {})
        try:
            for name, field in fields.items():
                title = field.get("title", name)
                if field.get("type") == "boolean":
                    content[name] = click.confirm(title, default=False, err=True)
                else:
                    content[name] = click.prompt(title, default="", show_default=False, err=True)
        except click.Abort:
            return ElicitResult(action="cancel")
        return ElicitResult(action="accept", content=content)

    # Ctrl-C must end the call although the thread still reads the keyboard.
    return await anyio.to_thread.run_sync(prompt, abandon_on_cancel=True)
