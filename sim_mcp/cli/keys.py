"""Give out keys for programs that connect over HTTP, list them, and take them back."""

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import click

from sim_mcp.cli.options import env_file_option, json_option
from sim_mcp.cli.streams import Output, reader_may_leave
from sim_mcp.cli.tables import records
from sim_mcp.formatting import as_utc
from sim_mcp.principal import SCOPES, Scope
from sim_mcp.server.signin.key_file import Key, KeyFile, KeyFileError, key_file
from sim_mcp.settings import Settings
from sim_mcp.workspaces.file import Workspace

T = TypeVar("T")


def keys_command(read_settings: Callable[[], Settings]) -> click.Group:
    """Return the group of commands; the settings are read when one of them runs."""

    def file() -> KeyFile:
        return key_file(read_settings())

    @click.group()
    def keys() -> None:
        """Give out keys for programs that connect over HTTP; a running server notices at once."""

    @keys.command()
    @click.argument("name")
    @click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="Default: sims:read; repeatable.")
    @click.option("--workspace", "workspaces", multiple=True, help="Only this workspace; may be repeated.")
    @env_file_option
    def add(*, name: str, scopes: Sequence[str], workspaces: Sequence[str]) -> None:
        """Make a key and print it, this once: only its hash is kept."""
        granted = cast("frozenset[Scope]", frozenset(scopes or ["sims:read"]))
        place = _held(file)
        secret = _held(lambda: place.add(name, granted, frozenset(workspaces) or None))
        click.echo(secret)
        click.echo(
            f"{name} may {', '.join(sorted(granted))}. The key is not shown again: put it where the program keeps its "
            f"secrets. It is sent as 'Authorization: Bearer KEY'. To take it back: sim-mcp keys remove {name}.",
            err=True,
        )

    @keys.command("list")
    @json_option
    @env_file_option
    def list_keys(*, as_json: bool) -> None:
        """List the keys: names, scopes and the workspaces that they open, never the keys themselves."""
        place = _held(file)
        workspaces = read_settings().workspaces
        rows = [_row(key, workspaces) for key in _held(place.keys)]
        if as_json:
            click.echo(json.dumps(rows, indent=1))
        elif not rows:
            click.echo(f"No keys in {place.path}. sim-mcp keys add NAME makes one.")
        else:
            output = Output()
            with reader_may_leave():
                output.print(records(rows, output))

    @keys.command()
    @click.argument("name")
    @env_file_option
    def remove(*, name: str) -> None:
        """Take a key back; what its holder planned stays on record."""
        place = _held(file)
        _held(lambda: place.remove(name))
        click.echo(f"The key {name} opens nothing any more.")

    return keys


def _held(work: Callable[[], T]) -> T:
    try:
        return work()
    except KeyFileError as error:
        raise click.ClickException(str(error)) from None


def _row(key: Key, workspaces: Sequence[Workspace]) -> dict[str, Any]:
    return {
        "key": key.name,
        "scopes": " ".join(sorted(key.scopes)),
        "workspaces": _opened_by(key, workspaces),
        "added": f"{as_utc(key.added):%Y-%m-%d %H:%M} UTC",
    }


def _opened_by(key: Key, workspaces: Sequence[Workspace]) -> str:
    """Return what a key opens on a server of these settings; where workspaces are named, their file decides."""
    if not workspaces:
        return "all" if key.workspaces is None else "none, for none is named here"
    found = [(each.name, each.principal(key.principal)) for each in workspaces]
    return " ".join(name for name, there in found if there is not None and there.scopes) or "none"
