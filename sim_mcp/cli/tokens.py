"""The tokens that callers bring, from the command line: listed, never shown, and sealed anew with the first key."""

import json
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Any, TypeVar

import anyio
import click

from sim_mcp.changes.record.place import open_record
from sim_mcp.changes.record.storage import JournalError
from sim_mcp.cli.options import env_file_option, json_option
from sim_mcp.cli.streams import Output, reader_may_leave
from sim_mcp.cli.tables import records
from sim_mcp.server.upstreams.own_tokens import OwnTokens, why_nobody_can
from sim_mcp.server.upstreams.token_keys import TokenKeys, TokenKeysError
from sim_mcp.server.upstreams.vault import Kept
from sim_mcp.settings import Settings

T = TypeVar("T")


def tokens_command(read_settings: Callable[[], Settings]) -> click.Group:
    """Return the group of commands; the settings are read when one of them runs."""

    @click.group()
    def tokens() -> None:
        """List the emnify tokens that callers entered, and seal them anew with another key."""

    @tokens.command("list")
    @json_option
    @env_file_option
    def list_tokens(*, as_json: bool) -> None:
        """List whose tokens are kept, never the tokens themselves."""
        found = _held(read_settings(), lambda own: own.vault.all())
        rows = [_row(kept) for kept in found]
        if as_json:
            click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        elif not rows:
            click.echo("No caller has entered a token.")
        else:
            output = Output()
            with reader_may_leave():
                output.print(records(rows, output))

    @tokens.command()
    @env_file_option
    def rotate() -> None:
        """Seal every token anew with the first key of SIM_MCP_TOKEN_KEYS; the others may be taken off it then."""
        changed, closed = _held(read_settings(), lambda own: own.vault.rotate())
        click.echo(f"{changed} sealed anew with the first key.")
        if closed:
            raise click.ClickException(
                f"{closed} could not be opened by any key, and stay as they are: their owners have to enter them again."
            )

    return tokens


def why_not_to_serve(settings: Settings) -> str | None:
    """Return why a server that is reached over HTTP must not start with these settings, or None."""
    if not any(workspace.own_tokens for workspace in settings.workspaces):
        return None
    if (missing := why_nobody_can(settings)) is not None:
        return f"A workspace of SIM_MCP_WORKSPACES has own_tokens = true, which people enter on a page, and {missing}."
    try:
        anyio.run(TokenKeys(settings).read)
    except TokenKeysError as error:
        return f"{error}."
    return None


def _held(settings: Settings, work: Callable[[OwnTokens], Awaitable[T]]) -> T:
    async def run() -> T:
        with closing(open_record(settings.record_place())) as record:
            return await work(OwnTokens(settings, record))

    try:
        return anyio.run(run)
    except (JournalError, OSError, TokenKeysError) as error:
        raise click.ClickException(str(error)) from None


def _row(kept: Kept) -> dict[str, Any]:
    return {
        "workspace": kept.workspace,
        "issuer": kept.owner.issuer,
        "subject": kept.owner.subject,
        "organisation": "" if kept.organisation is None else str(kept.organisation),
        "entered": f"{kept.entered:%Y-%m-%d %H:%M} UTC",
        "used": "never" if kept.used is None else f"{kept.used:%Y-%m-%d %H:%M} UTC",
        "key": kept.sealed.key,
    }
