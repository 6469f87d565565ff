"""The record of changes as a person reads it in a terminal, or as CSV."""

import csv
import sys
from collections.abc import Mapping, Sequence

from rich.console import Console

from sim_mcp.changes.record.audit import AuditRow
from sim_mcp.cli.tables import records
from sim_mcp.sanitize import spreadsheet_safe

_MINUTE = len("2026-11-25T09:41")


def print_csv(rows: Sequence[Mapping[str, str]]) -> None:
    """Print every column of every row; no cell is taken for a formula."""
    writer = csv.DictWriter(sys.stdout, AuditRow._fields)
    writer.writeheader()
    writer.writerows({name: spreadsheet_safe(value) for name, value in row.items()} for row in rows)


def print_summary(rows: Sequence[Mapping[str, str]], console: Console) -> None:
    """Print who changed what, when, and how it was agreed to; --json and --csv have every column."""
    console.print(records([_summary(row) for row in rows], console))


def _summary(row: Mapping[str, str]) -> dict[str, str]:
    step = f"{row['before']} → {row['after']}" if row["before"] != row["after"] else row["before"]
    return {
        "at": row["at"][:_MINUTE].replace("T", " "),
        "sim": row["sim"],
        "outcome": f"{row['outcome']}{', read again' if row['event'] == 'read again' else ''}",
        "change": step or row["note"],
        "by": f"{row['principal']}, {row['client']}",
        "agreed": row["agreed"],
    }
