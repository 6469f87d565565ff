"""Where the record of changes is kept: in a directory of this machine, or in a database that servers share."""

from pathlib import Path

from pydantic import SecretStr

from sim_mcp.changes.record.record_file import RecordFile
from sim_mcp.changes.record.storage import Record

Place = Path | SecretStr
"""A directory, or the address of a PostgreSQL database, which may hold a password."""


def open_record(place: Place | Record) -> Record:
    """Return the record of a place; nothing is opened before it is read or written."""
    if isinstance(place, Path):
        return RecordFile(place)
    if not isinstance(place, SecretStr):
        return place
    # A driver that only several servers need is loaded only for them.
    from sim_mcp.changes.record.postgres.record import PostgresRecord  # noqa: PLC0415

    return PostgresRecord(place)
