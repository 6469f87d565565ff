"""The audit as CSV, piece by piece, so that a record of years is never in memory at once."""

import csv
import io
from collections.abc import Iterable, Iterator

from sim_mcp.changes.record.audit import AuditRow
from sim_mcp.sanitize import spreadsheet_safe

_ROWS_IN_A_PIECE = 200


def audit_csv(rows: Iterable[AuditRow]) -> Iterator[str]:
    """Yield the rows as CSV with a line of names first; no cell is a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(AuditRow._fields)
    for number, row in enumerate(rows, 1):
        writer.writerow(map(spreadsheet_safe, row))
        if number % _ROWS_IN_A_PIECE == 0:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()
