"""The usage of SIMs where several servers share it: what one has read, none reads again; without the others, alone."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, TypeVar

from sim_mcp.fleet.inventory.sharing import SharedAwayError
from sim_mcp.fleet.usage.cache import Amount, Claim, UsageStore

log = logging.getLogger(__name__)

T = TypeVar("T")

_AWAY = "the usage that other servers read cannot be reached: this one goes by what it read itself, and reads the rest"


class KeptUsage(Protocol):
    """Keep usage, and who is reading which SIM; every method blocks.

    Each raises SharedAwayError where it is kept in a place that cannot be reached.
    """

    def known(self, workspace: str, period: str, since: float) -> dict[int, Amount]:
        """Return what SIMs used in a period, by SIM id: final, or read at or after `since` (Unix time)."""

    def claim(self, workspace: str, kind: str, sim: int, periods: Iterable[str], since: float, now: float) -> Claim:
        """Claim the reading of a SIM for this process."""

    def renew(self, now: float) -> None:
        """Keep the claims of this process, whose readings wait for their turn."""

    def keep(self, workspace: str, kind: str, sim: int, read: Mapping[str, tuple[Amount, bool]]) -> None:
        """Keep what a SIM used, by period and with whether that is final, and end the claim on it."""

    def release(self, workspace: str, kind: str, sim: int) -> None:
        """End a claim without a result."""

    def forget_old(self, now: float) -> None:
        """Delete usage that was read more than 400 days ago."""


class SharedUsage:
    """Keep usage with the other servers, and a copy of what this one read, for when they cannot be reached."""

    def __init__(self, own: UsageStore, shared: KeptUsage) -> None:
        self._own = own
        self._shared = shared
        self._untold: list[tuple[str, str, int, Mapping[str, tuple[Amount, bool]]]] = []
        self.note: str | None = None
        """What is to be told of answers from here."""

    def known(self, workspace: str, period: str, since: float) -> dict[int, Amount]:
        """Return what SIMs used in a period, by SIM id: final, or read at or after `since` (Unix time)."""
        return self._either(lambda kept: kept.known(workspace, period, since))

    def claim(self, workspace: str, kind: str, sim: int, periods: Iterable[str], since: float, now: float) -> Claim:
        """Claim the reading of a SIM for this process."""
        return self._either(lambda kept: kept.claim(workspace, kind, sim, periods, since, now))

    def renew(self, now: float) -> None:
        """Keep the claims of this process, whose readings wait for their turn."""
        self._either(lambda kept: kept.renew(now))

    def keep(self, workspace: str, kind: str, sim: int, read: Mapping[str, tuple[Amount, bool]]) -> None:
        """Keep what a SIM used, by period and with whether that is final, and end the claim on it."""
        self._own.keep(workspace, kind, sim, read)
        self._untold.append((workspace, kind, sim, read))
        self._either(lambda _: None)

    def release(self, workspace: str, kind: str, sim: int) -> None:
        """End a claim without a result."""
        self._either(lambda kept: kept.release(workspace, kind, sim))

    def forget_old(self, now: float) -> None:
        """Delete usage that was read more than 400 days ago."""
        self._own.forget_old(now)
        self._either(lambda kept: kept.forget_old(now))

    def close(self) -> None:
        """Close the copy; claims that are left lapse."""
        self._own.close()

    def _either(self, ask: Callable[[KeptUsage], T]) -> T:
        """Ask what is shared, once it knows all that was read here; where it cannot be reached, the copy."""
        try:
            while self._untold:
                self._shared.keep(*self._untold[0])
                del self._untold[0]
            answer = ask(self._shared)
        except SharedAwayError as error:
            if self.note is None:
                log.warning("Usage is not shared with the other servers until their database is back: %s", error)
            self.note = _AWAY
            return ask(self._own)
        self.note = None
        return answer
