"""The usage of SIMs that servers read together, and which of them is reading which SIM."""

import secrets
from collections.abc import Iterable, Mapping

from sim_mcp.fleet.usage.cache import KEPT_S, Amount, Claim, dump_costs, load_costs
from sim_mcp.shared_fleet.database import SharedDatabase

_CLAIMED_S = 20.0
"""How long a SIM is left to a server that does not renew its claims."""

_KNOWN = """
SELECT sim, data_mb, sms, costs, read_at FROM usage
WHERE workspace = %s AND period = %s AND (final OR read_at >= %s)
"""
_CLAIM = """
INSERT INTO usage_claims (workspace, kind, sim, owner, until)
VALUES (%s, %s, %s, %s, clock_timestamp() + %s * interval '1 second')
ON CONFLICT (workspace, kind, sim) DO UPDATE SET owner = EXCLUDED.owner, until = EXCLUDED.until
WHERE usage_claims.until <= clock_timestamp() OR usage_claims.owner = EXCLUDED.owner
RETURNING owner
"""
_IS_KNOWN = """
SELECT count(*) FROM usage
WHERE workspace = %s AND period = ANY(%s) AND sim = %s AND (final OR read_at >= %s)
"""
_RENEW = "UPDATE usage_claims SET until = clock_timestamp() + %s * interval '1 second' WHERE owner = %s"
# Who wakes late, and whose claim another took over, keeps nothing over what was read since.
_KEEP = """
INSERT INTO usage (workspace, period, sim, data_mb, sms, costs, read_at, final) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (workspace, period, sim) DO UPDATE SET data_mb = EXCLUDED.data_mb, sms = EXCLUDED.sms,
    costs = EXCLUDED.costs, read_at = EXCLUDED.read_at, final = EXCLUDED.final
WHERE usage.read_at <= EXCLUDED.read_at
"""
_RELEASE = "DELETE FROM usage_claims WHERE workspace = %s AND kind = %s AND sim = %s AND owner = %s"


class PostgresUsage:
    """Keep usage for all servers; each method raises SharedAwayError where the database cannot be reached."""

    def __init__(self, database: SharedDatabase) -> None:
        self._database = database
        self._owner = secrets.token_hex(8)

    def known(self, workspace: str, period: str, since: float) -> dict[int, Amount]:
        """Return what SIMs used in a period, by SIM id: final, or read at or after `since` (Unix time)."""
        with self._database.lent() as db:
            rows = db.execute(_KNOWN, (workspace, period, since))
            return {sim: Amount(data, sms, load_costs(costs), at) for sim, data, sms, costs, at in rows}

    def claim(self, workspace: str, kind: str, sim: int, periods: Iterable[str], since: float, now: float) -> Claim:
        """Claim the reading of a SIM for this process, by the database's clock.

        Returns:
            "known" if all its periods are final or were read at or after `since`, "taken" if another process is
            reading it, else "mine".
        """
        del now
        wanted = [*periods]
        with self._database.lent() as db, db.transaction():
            # In this order: what another kept as it ended its claim is seen once the claim is ours.
            if db.execute(_CLAIM, (workspace, kind, sim, self._owner, _CLAIMED_S)).fetchone() is None:
                return "taken"
            if db.execute(_IS_KNOWN, (workspace, wanted, sim, since)).fetchone() != (len(wanted),):
                return "mine"
            db.execute(_RELEASE, (workspace, kind, sim, self._owner))
            return "known"

    def renew(self, now: float) -> None:
        """Keep the claims of this process, whose readings wait for their turn."""
        del now
        with self._database.lent() as db:
            db.execute(_RENEW, (_CLAIMED_S, self._owner))

    def keep(self, workspace: str, kind: str, sim: int, read: Mapping[str, tuple[Amount, bool]]) -> None:
        """Keep what a SIM used, by period and with whether that is final, and end the claim on it."""
        rows = [
            (workspace, period, sim, one.data_mb, one.sms, dump_costs(one.costs), one.read_at, final)
            for period, (one, final) in read.items()
        ]
        with self._database.lent() as db, db.transaction(), db.cursor() as cursor:
            cursor.executemany(_KEEP, rows)
            cursor.execute(_RELEASE, (workspace, kind, sim, self._owner))

    def release(self, workspace: str, kind: str, sim: int) -> None:
        """End a claim without a result."""
        with self._database.lent() as db:
            db.execute(_RELEASE, (workspace, kind, sim, self._owner))

    def forget_old(self, now: float) -> None:
        """Delete usage that was read more than 400 days ago, and claims of servers that are gone."""
        with self._database.lent() as db:
            db.execute("DELETE FROM usage WHERE read_at < %s", (now - KEPT_S,))
            db.execute("DELETE FROM usage_claims WHERE until < clock_timestamp() - interval '1 hour'")
