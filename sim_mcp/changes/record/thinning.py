"""Old plans that nobody agreed to lose their SIMs; that they were made stays on record."""

from datetime import datetime

from sim_mcp.changes.record.storage import Database

# A decision that cannot be read may have been a yes.
_THIN_OUT = """
DELETE FROM items WHERE plan IN (
    SELECT planned.plan FROM entries AS planned
    WHERE planned.kind = 'planned' AND planned.at < ?
    AND EXISTS (SELECT 1 FROM items WHERE items.plan = planned.plan)
    AND NOT EXISTS (
        SELECT 1 FROM entries AS other WHERE other.plan = planned.plan
        AND (other.kind IN ('intent', 'outcome') OR other.kind = 'decided' AND coalesce(CAST(CASE
            WHEN json_valid(other.body) THEN json_extract(other.body, '$.approved') END AS TEXT), '')
            NOT IN ('0', 'false'))
    )
)
"""


def thin_out(db: Database, *, before: datetime) -> None:
    """Forget the SIMs of plans that were made before a moment and that nobody agreed to."""
    db.execute(_THIN_OUT, (before.isoformat(),))
