"""How much was sent and is not known to have happened: what an operator is woken for."""

from sim_mcp.changes.record.storage import Record

_UNSETTLED = """
SELECT count(*) FROM entries AS intent WHERE intent.kind = 'intent' AND NOT EXISTS (
    SELECT 1 FROM entries AS later
    WHERE later.plan = intent.plan AND later.item = intent.item AND later.kind IN ('outcome', 'reading')
    AND json_valid(later.body) AND json_extract(later.body, '$.kind') != 'unknown'
)
"""
_WAIT_S = 1.0


def count_unsettled(record: Record) -> int:
    """Count the items that were sent and have no outcome yet, or only one in doubt.

    Raises:
        JournalError: The record cannot be read.
    """
    if not record.exists:
        return 0
    with record.reading(wait_s=_WAIT_S) as db:
        return int(db.execute(_UNSETTLED).fetchone()[0])
