"""Data sessions, put together from the events that begin and end them. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from sim_mcp.fleet.events.event import CREATE, DELETE, UPDATE, Happening

_SAME = timedelta(minutes=5)
"""A session's end repeats when it began; further apart, the end belongs to another session of the same number."""

_RHYTHM = 3
_UNKNOWN_RHYTHM = timedelta(hours=48)
"""Without a rhythm of its own a device is late when networks would have reported it absent (1 to 2 days)."""

_TOLERANCE = 1.2


@dataclass(frozen=True)
class Session:
    """Hold one data session; volumes in MB. A missing `end` means: still open, or its end was not seen."""

    start: datetime | None
    end: datetime | None
    started: bool
    """Whether its beginning was seen; if not, `start` is what its end said."""
    events: tuple[int, ...]
    network: str | None = None
    country: str | None = None
    radio: str | None = None
    apn: str | None = None
    mb: float | None = None
    rx_mb: float | None = None
    tx_mb: float | None = None

    @property
    def when(self) -> datetime | None:
        """Return its newest known moment."""
        return self.end or self.start

    @property
    def lasted(self) -> timedelta | None:
        """Return how long it lasted, where both ends are known; clocks that disagree make no negative time."""
        if self.start is None or self.end is None:
            return None
        return max(self.end - self.start, timedelta())


def sessions_of(happenings: Iterable[Happening]) -> tuple[tuple[Session, ...], tuple[Happening, ...]]:
    """Return the sessions, the oldest first, and the happenings that belong to none.

    Ends pair with beginnings by `session_id`, else by `pdp_context_id` (emnify docs: event types, detail of 3 and 5).
    """
    waiting: dict[str | None, list[Happening]] = {}
    found: list[list[Happening]] = []
    rest: list[Happening] = []
    for each in sorted(happenings, key=lambda one: (one.when, one.id)):
        if each.session_opened:
            waiting[each.session] = [each]
            found.append(waiting[each.session])
        elif each.type == UPDATE and each.session in waiting:
            waiting[each.session].append(each)
        elif each.type == DELETE:
            begun = waiting.pop(each.session, None)
            if begun is not None and _ends(begun[0], each):
                begun.append(each)
            else:
                found.append([each])
        else:
            rest.append(each)
    return tuple(sorted(map(_session, found), key=_age)), tuple(rest)


def usual_gap(sessions: Sequence[Session]) -> timedelta | None:
    """Return the longest time between sessions that is still usual for this SIM; None of fewer than three."""
    starts = sorted(session.start for session in sessions if session.start is not None)
    if len(starts) < _RHYTHM:
        return None
    gaps_s = [(later - earlier).total_seconds() for earlier, later in pairwise(starts)]
    return timedelta(seconds=max(max(gaps_s) * _TOLERANCE, median(gaps_s) * 2))


def is_late(sessions: Sequence[Session], now: datetime) -> bool:
    """Tell whether the next session should have begun by now, by the SIM's own rhythm."""
    newest = max((session.start for session in sessions if session.start is not None), default=None)
    return newest is None or now - newest > (usual_gap(sessions) or _UNKNOWN_RHYTHM)


def _ends(beginning: Happening, end: Happening) -> bool:
    if end.opened is None or beginning.at is None:
        return True
    return abs(end.opened - beginning.at) <= _SAME


def _session(events: list[Happening]) -> Session:
    first, last = events[0], events[-1]
    ended = last.type == DELETE
    started = first.type == CREATE
    known = (last, *reversed(events))
    return Session(
        start=first.at if started else first.opened,
        end=last.at if ended else None,
        started=started,
        events=tuple(each.id for each in events),
        network=next((each.network for each in known if each.network), None),
        country=next((each.country for each in known if each.country), None),
        radio=next((each.radio for each in known if each.radio), None),
        apn=next((each.apn for each in known if each.apn), None),
        mb=last.mb if ended else None,
        rx_mb=last.rx_mb if ended else None,
        tx_mb=last.tx_mb if ended else None,
    )


def _age(session: Session) -> tuple[float, int]:
    moment = session.start or session.end
    return (moment.timestamp() if moment is not None else float("-inf"), session.events[0])
