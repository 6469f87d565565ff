"""Bring the record in a database to this version, and tell whether it is: a server changes no tables by itself."""

from contextlib import closing

import psycopg
from pydantic import SecretStr

from sim_mcp.changes.record.postgres.migrations import MIGRATIONS, VERSION, migrate, version_of
from sim_mcp.changes.record.storage import JournalError
from sim_mcp.postgres import Connections


def upgrade(url: SecretStr) -> list[str]:
    """Carry out the migrations that are due, all or none; return their names.

    Raises:
        JournalError: The database cannot be reached or written, or a newer version was there before.
    """
    connections = Connections(url)
    try:
        with closing(connections.connect()) as db:
            if version_of(db) > VERSION:
                raise JournalError(
                    f"The record of changes in the database {connections.name} is of a newer version than this "
                    "program. Nothing changed. Update this program."
                )
            return migrate(db)
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise JournalError(
            f"The database {connections.name} cannot be prepared ({reason}). Nothing changed. SIM_MCP_DATABASE_URL "
            "has to name a database in whose schema its user may create tables."
        ) from None


def why_not_current(url: SecretStr) -> str | None:
    """Return why a server of this version must not start on a database, or None where it may.

    Raises:
        JournalError: It cannot be reached: whether it fits shows when it can.
    """
    connections = Connections(url)
    try:
        with closing(connections.connect()) as db:
            version = version_of(db)
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise JournalError(f"The database {connections.name} cannot be reached ({reason}).") from None
    if version > VERSION:
        return f"The record of changes in the database {connections.name} is of a newer version: update this program."
    if version < VERSION:
        due = "; ".join(step.name for step in MIGRATIONS[version:])
        return f"The database {connections.name} is not prepared ({due}): run sim-mcp migrate, after a backup."
    return None
