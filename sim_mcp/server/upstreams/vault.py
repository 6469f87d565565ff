"""The tokens that callers bring, kept sealed in the record: every server reads the newest when it is used."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

from pydantic import SecretStr

from sim_mcp.changes.record.storage import JournalError, Record
from sim_mcp.logs import hide
from sim_mcp.recorder import Recorder
from sim_mcp.sealing import Sealed, SealError
from sim_mcp.server.upstreams.token_keys import TokenKeys

log = logging.getLogger(__name__)

_COLUMNS = "workspace, issuer, subject, sealed_with, sealed, organisation, entered, used"
_OF_ONE = "WHERE workspace = ? AND issuer = ? AND subject = ?"
_KEEP = f"""
INSERT INTO own_tokens ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, NULL)
ON CONFLICT (workspace, issuer, subject) DO UPDATE SET sealed_with = excluded.sealed_with, sealed = excluded.sealed,
    organisation = excluded.organisation, entered = excluded.entered, used = NULL
"""  # noqa: S608  # names of columns.
_NOTED_EVERY_S = 300.0
"""How exactly it is known when a token was last used."""


class Owner(NamedTuple):
    """Somebody who signed in."""

    issuer: str
    subject: str


class Kept(NamedTuple):
    """A token that is kept, as its owner may be shown it: never the token."""

    workspace: str
    owner: Owner
    sealed: Sealed
    organisation: int | None
    """The emnify organisation that it belonged to when it was entered."""
    entered: datetime
    used: datetime | None

    @property
    def about(self) -> tuple[str, ...]:
        """Return what it is sealed for: a row that is moved to another owner or workspace does not open."""
        return ("own token", self.workspace, *self.owner)


class Vault:
    """Keep the callers' own tokens."""

    def __init__(self, record: Record, keys: TokenKeys, *, elapsed_s: Callable[[], float] = time.monotonic) -> None:
        self._record = record
        self._keys = keys
        self._in_turn = Recorder()
        self._elapsed_s = elapsed_s
        self._noted: dict[tuple[str, Owner], float] = {}

    async def find(self, workspace: str, owner: Owner) -> Kept | None:
        """Return what is kept of somebody for a workspace, or None.

        Raises:
            JournalError: The record cannot be read.
        """
        return await self._in_turn(self._find, workspace, owner)

    async def open(self, kept: Kept) -> SecretStr:
        """Return the token, which no log shows from now on.

        Raises:
            SealError: It does not open: its key is gone, or it was kept for somebody else.
            TokenKeysError: The keys cannot be had.
        """
        token = (await self._keys.read()).open(kept.sealed, kept.about)
        hide(token)
        return SecretStr(token)

    async def keep(self, workspace: str, owner: Owner, token: SecretStr, organisation: int | None) -> None:
        """Keep somebody's token for a workspace, in place of the one before.

        Raises:
            TokenKeysError: The keys cannot be had.
            JournalError: The record cannot be written.
        """
        now = datetime.now(UTC)
        kept = Kept(workspace, owner, Sealed("", ""), organisation, now, None)
        sealed = (await self._keys.read()).seal(token.get_secret_value(), kept.about)
        values = (workspace, *owner, *sealed, organisation, now.isoformat())

        def write() -> None:
            with self._record.writing() as db:
                db.execute(_KEEP, values)

        await self._in_turn(write)
        self._noted.pop((workspace, owner), None)

    async def remove(self, workspace: str, owner: Owner) -> None:
        """Forget somebody's token for a workspace.

        Raises:
            JournalError: The record cannot be written.
        """

        def write() -> None:
            with self._record.writing() as db:
                db.execute(f"DELETE FROM own_tokens {_OF_ONE}", (workspace, *owner))  # noqa: S608  # as above.

        await self._in_turn(write)

    async def note_use(self, kept: Kept) -> None:
        """Note that a token is used now; what cannot be noted is none of its user's trouble."""
        now, one = self._elapsed_s(), (kept.workspace, kept.owner)
        if now - self._noted.get(one, -_NOTED_EVERY_S) < _NOTED_EVERY_S:
            return
        self._noted[one] = now
        values = (datetime.now(UTC).isoformat(), kept.workspace, *kept.owner)

        def write() -> None:
            with self._record.writing() as db:
                db.execute(f"UPDATE own_tokens SET used = ? {_OF_ONE}", values)  # noqa: S608  # as above.

        with suppress(JournalError):
            await self._in_turn(write)

    async def all(self) -> list[Kept]:
        """Return what is kept of everybody.

        Raises:
            JournalError: The record cannot be read.
        """
        return await self._in_turn(self._all)

    async def rotate(self) -> tuple[int, int]:
        """Seal anew, with the first key, what another one sealed; return how many, and how many do not open.

        Raises:
            TokenKeysError: The keys cannot be had.
            JournalError: The record cannot be read or written.
        """
        ring, changed, closed = await self._keys.read(), 0, 0
        for kept in await self.all():
            if kept.sealed.key == ring.first:
                continue
            try:
                anew = ring.seal(ring.open(kept.sealed, kept.about), kept.about)
            except SealError:
                closed += 1
                continue
            changed += await self._in_turn(self._replace, kept, anew)
        return changed, closed

    def _replace(self, kept: Kept, anew: Sealed) -> bool:
        with self._record.writing() as db:
            # Not what its owner entered meanwhile.
            statement = f"UPDATE own_tokens SET sealed_with = ?, sealed = ? {_OF_ONE} AND sealed = ? RETURNING 1"  # noqa: S608
            done = db.execute(statement, (*anew, kept.workspace, *kept.owner, kept.sealed.body)).fetchone()
        return done is not None

    def _find(self, workspace: str, owner: Owner) -> Kept | None:
        if not self._record.exists:
            return None
        with self._record.reading() as db:
            row = db.execute(f"SELECT {_COLUMNS} FROM own_tokens {_OF_ONE}", (workspace, *owner)).fetchone()  # noqa: S608
        return None if row is None else _kept(row)

    def _all(self) -> list[Kept]:
        if not self._record.exists:
            return []
        with self._record.reading() as db:
            query = f"SELECT {_COLUMNS} FROM own_tokens ORDER BY workspace, issuer, subject"  # noqa: S608
            return [_kept(row) for row in db.execute(query).fetchall()]


def _kept(row: tuple[str, str, str, str, str, int | None, str, str | None]) -> Kept:
    workspace, issuer, subject, key, sealed, organisation, entered, used = row
    return Kept(
        workspace,
        Owner(issuer, subject),
        Sealed(key, sealed),
        organisation,
        datetime.fromisoformat(entered),
        None if used is None else datetime.fromisoformat(used),
    )
