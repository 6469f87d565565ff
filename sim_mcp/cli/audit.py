"""The rows of the audit as a table for a terminal, as JSON, or as CSV."""

import json
import sys
from collections.abc import Sequence
from datetime import datetime

import click

from sim_mcp.changes.record.audit import AuditRow, audit
from sim_mcp.changes.record.audit_csv import audit_csv
from sim_mcp.changes.record.place import open_record
from sim_mcp.changes.record.storage import JournalError
from sim_mcp.cli.streams import Output, reader_may_leave
from sim_mcp.cli.tables import records
from sim_mcp.settings import Settings

_MINUTE = len("2026-11-25T09:41")


def audit_rows(settings: Settings, since: datetime | None, sim: str | None) -> list[AuditRow]:
    """Return the rows of the audit.

    Raises:
        click.ClickException: There is no record, or it cannot be read.
    """
    try:
        place = settings.record_place()
        if not open_record(place).exists:
            raise click.ClickException(
                f"There is no record of changes in {place}. Either nothing was ever planned from here, or the "
                "record is elsewhere (SIM_MCP_STATE_DIR) or was removed."
            )
        return list(audit(place, since, sim))
    except (JournalError, OSError) as error:
        raise click.ClickException(str(error)) from None


def print_audit(rows: Sequence[AuditRow], *, as_json: bool, as_csv: bool) -> None:
    """Print rows of the audit, oldest first; JSON and CSV hold every field, the table what a person looks for."""
    with reader_may_leave():
        if as_json:
            click.echo(json.dumps([row._asdict() for row in rows], indent=2, ensure_ascii=False))
        elif as_csv:
            sys.stdout.writelines(audit_csv(rows))
        elif rows:
            output = Output()
            several = any(row.workspace not in ("", "?") for row in rows)
            output.print(records([_table_row(row, several=several) for row in rows], output))
        else:
            click.echo("Nothing is on record about that.")


def _table_row(row: AuditRow, *, several: bool) -> dict[str, str]:
    step = f"{row.before} → {row.after}" if row.before != row.after else row.before
    return {
        "at": row.at[:_MINUTE].replace("T", " "),
        **({"workspace": row.workspace} if several else {}),
        "sim": row.sim,
        "outcome": f"{row.outcome}{', read again' if row.event == 'read again' else ''}",
        "change": step or row.note,
        "by": f"{row.principal}, {row.client}",
        "agreed": row.agreed,
    }
