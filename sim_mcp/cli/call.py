"""The tools from a shell: words in, a table or JSON out, forms answered at the terminal."""

import json
from collections.abc import Sequence
from typing import Any

import anyio.to_thread
import click
from mcp import Client
from mcp.client.session import ClientRequestContext
from mcp.types import CallToolResult, ElicitRequestParams, ElicitResult, TextContent, Tool

from sim_mcp.cli.streams import Output, reader_may_leave
from sim_mcp.cli.tables import print_answer
from sim_mcp.server.app import SimServer

_TRUE, _FALSE = {"true", "yes", "1", "on"}, {"false", "no", "0", "off"}


class ArgumentError(Exception):
    """Say which word of the command line does not fit the tool, and what would."""


async def list_tools(server: SimServer) -> list[Tool]:
    """Return the tools as a client sees them."""
    async with Client(server) as client:
        return (await client.list_tools()).tools


async def call(server: SimServer, tool: str, words: Sequence[str], *, interactive: bool) -> CallToolResult:
    """Call one tool and wait until it is done; a form is put to the person at the terminal, if there is one.

    Raises:
        ArgumentError: There is no such tool, or a word is not `key=value` with a key of the tool.
    """
    known = {found.name: found for found in await list_tools(server)}
    if tool not in known:
        raise ArgumentError(f"There is no tool {tool!r}. Tools: {', '.join(known)}.")
    arguments = parse_arguments(known[tool], words)
    answer = _answer_at_terminal if interactive else None
    async with Client(server, elicitation_callback=answer) as client:
        tell = _show_progress if interactive else None
        result = await client.call_tool(tool, arguments, progress_callback=tell)
        # What goes on in the background would end with this process.
        while (result.structured_content or {}).get("state") == "running":
            result = await client.call_tool(tool, arguments, progress_callback=tell)
        return result


def parse_arguments(tool: Tool, words: Sequence[str]) -> dict[str, Any]:
    """Turn `key=value` words into arguments of the tool's types; a list key may be repeated.

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
            arguments.setdefault(key, []).append(value)
        elif key in arguments:
            raise ArgumentError(f"{key} is given twice; it takes one value.")
        else:
            arguments[key] = _typed(key, value, properties[key].get("type"))
    return arguments


def succeeded(result: CallToolResult) -> bool:
    """Tell whether a tool did as asked: a change does if every item is as wanted now."""
    counts: dict[str, int] = (result.structured_content or {}).get("counts", {})
    return not result.is_error and not set(counts) - {"changed", "already"}


def print_result(result: CallToolResult, *, as_json: bool) -> None:
    """Print what a tool answered, for a person or for a program."""
    text = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
    with reader_may_leave():
        if as_json:
            click.echo(json.dumps({"error": text} if result.is_error else result.structured_content, indent=2))
        elif result.is_error:
            click.echo(text, err=True)
        else:
            print_answer(result.structured_content or {}, Output())


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


async def _show_progress(progress: float, total: float | None, message: str | None) -> None:
    of = "" if total is None else f" of {total:,.0f}"
    click.echo(f"{progress:,.0f}{of}{f', {message}' if message else ''}", err=True)


async def _answer_at_terminal(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
    """Put a form to the person at the terminal; anything but a clear answer is no answer."""
    del context  # the callback's form is the SDK's; who asks is this process itself.

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

    # Ctrl-C ends the call; a thread that waits for a key must not keep it alive.
    return await anyio.to_thread.run_sync(prompt, abandon_on_cancel=True)
