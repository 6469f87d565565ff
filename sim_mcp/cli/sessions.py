"""Who is signed in on the approval pages, from the command line: list them, and end sign-ins."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

from sim_mcp.changes.record.place import open_record
from sim_mcp.changes.record.storage import JournalError
from sim_mcp.cli.options import env_file_option, json_option
from sim_mcp.cli.streams import Output, reader_may_leave
from sim_mcp.cli.tables import records
from sim_mcp.server.approvals.sign_ins import KeptSignIn, SignIns
from sim_mcp.settings import Settings

T = TypeVar("T")


def sessions_command(read_settings: Callable[[], Settings]) -> click.Group:
    """Return the group of commands; the settings are read when one of them runs."""

    @click.group()
    def sessions() -> None:
        """Show and end sign-ins on the approval pages; every server that shares the record notices at once."""

    @sessions.command("list")
    @json_option
    @env_file_option
    def list_sessions(*, as_json: bool) -> None:
        """List who is signed in."""
        _show([_row(each) for each in _done(read_settings(), SignIns.all)], as_json=as_json)

    @sessions.command()
    @click.option("--subject", help="Whose: the subject, or issuer and subject with a blank between.")
    @click.option("--all", "everybody", is_flag=True, help="Everybody's.")
    @env_file_option
    def revoke(*, subject: str | None, everybody: bool) -> None:
        """End sign-ins: the next page asks to sign in again, which the issuer may still allow."""
        if (subject is None) != everybody:
            raise click.UsageError("Say whose: --subject SUBJECT, as `sim-mcp sessions list` has it, or --all.")
        ended = _done(read_settings(), lambda kept: kept.end_all(subject))
        for name in ended:
            click.echo(f"ended: {name}")
        if not ended:
            whose = "Nobody is" if everybody else f"No subject {subject} is"
            click.echo(f"{whose} signed in on the approval pages. Nothing changed.")

    return sessions


def _done(settings: Settings, work: Callable[[SignIns], T]) -> T:
    try:
        record = open_record(settings.record_place())
    except OSError as error:
        raise click.ClickException(f"There is no place for the record of changes ({error}).") from None
    try:
        return work(SignIns(record))
    except JournalError as error:
        raise click.ClickException(str(error)) from None
    finally:
        record.close()


def _show(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    elif not rows:
        click.echo("Nobody is signed in on the approval pages.")
    else:
        output = Output()
        with reader_may_leave():
            output.print(records(rows, output))


def _row(kept: KeptSignIn) -> dict[str, Any]:
    minutes = {"since": kept.at[:16], "until": kept.ends[:16]}
    times = {name: f"{at.replace('T', ' ')} UTC" for name, at in minutes.items()}
    return {"name": kept.name, "subject": kept.subject, "issuer": kept.issuer, **times}
