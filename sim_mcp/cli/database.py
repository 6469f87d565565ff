"""The database that servers share, from the command line: prepared by command, checked at the start."""

import click

from sim_mcp.changes.record.storage import JournalError
from sim_mcp.settings import Settings


def migrate(settings: Settings) -> None:
    """Prepare the database and print what was done.

    Raises:
        click.ClickException: There is no database, or it cannot be prepared.
    """
    if settings.database_url is None:
        raise click.ClickException(
            "SIM_MCP_DATABASE_URL is not set: the record is kept in a file, which prepares itself. Nothing to do."
        )
    # The driver is loaded only where a database is used.
    from sim_mcp.changes.record.postgres.upgrade import upgrade  # noqa: PLC0415

    try:
        done = upgrade(settings.database_url)
    except JournalError as error:
        raise click.ClickException(str(error)) from None
    for name in done:
        click.echo(f"done: {name}")
    if not done:
        click.echo("The database is prepared for this version already.")


def why_not_to_start(settings: Settings) -> str | None:
    """Return why a server must not start on its database; one out of reach may be back when it is needed."""
    if settings.database_url is None:
        return None
    from sim_mcp.changes.record.postgres.upgrade import why_not_current  # noqa: PLC0415

    try:
        return why_not_current(settings.database_url)
    except JournalError as error:
        click.echo(f"sim-mcp: {error} Until it can be, nothing can be changed.", err=True)
        return None
