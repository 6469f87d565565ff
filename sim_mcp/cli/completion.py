"""What a shell offers on Tab: the tools, and the keys of the tool that is there."""

import anyio
import click
from mcp.types import Tool

from sim_mcp.cli.call import list_tools
from sim_mcp.server.app import build_server
from sim_mcp.settings import Settings


def complete_tool(_: click.Context, __: click.Parameter, begun: str) -> list[str]:
    """Return the tools whose names begin so."""
    return [tool.name for tool in _tools() if tool.name.startswith(begun)]


def complete_key(ctx: click.Context, _: click.Parameter, begun: str) -> list[str]:
    """Return the keys that begin so, with `=`; after that, the values where they are few and known."""
    tool = next((tool for tool in _tools() if tool.name == ctx.params.get("tool")), None)
    keys = tool.input_schema["properties"] if tool is not None else {}
    key, equals, value = begun.partition("=")
    if not equals:
        return [f"{name}=" for name in keys if name.startswith(begun)]
    allowed = keys.get(key, {})
    words = allowed.get("enum") or allowed.get("items", {}).get("enum", ())
    return [f"{key}={word}" for word in words if word.startswith(value)]


def _tools() -> list[Tool]:
    # Nothing of the operator's is read, and nothing is asked of emnify.
    return anyio.run(list_tools, build_server(Settings()))
