"""Data sessions, paired from the events that begin and end them. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from sim_mcp.fleet.events.event import Event
from sim_mcp.fleet.events.event_type import EventType

_BEGINNING_TOLERANCE = timedelta(minutes=5)
"""How far the beginning that a session's end repeats may be off; further apart, it is another session's end."""

_LEAST_FOR_RHYTHM = 3
_LATE_WITHOUT_RHYTHM = timedelta(hours=48)
"""Without a rhythm of its own, a device is late once networks would have reported it absent (1 to 2 days)."""

_GAP_TOLERANCE = 1.2


@dataclass(frozen=True)
class Session:
    """Hold one data session; volumes in MB. Without an `end` it is still open, or its end was not seen."""

    start: datetime | None
    end: datetime | None
    started: bool
    """Whether its beginning was seen; if not, `start` is what the event of its end says."""
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
        """Return its latest known time."""
        return self.end or self.start

    @property
    def duration(self) -> timedelta | None:
        """Return how long it lasted where both ends are known; never negative, even if clocks disagree."""
        if self.start is None or self.end is None:
            return None
        return max(self.end - self.start, timedelta())


def pair_sessions(events: Iterable[Event]) -> tuple[tuple[Session, ...], tuple[Event, ...]]:
    """Return the data sessions, the oldest first, and the events that belong to none.

    Ends pair with beginnings by `session_id`, else by `pdp_context_id` (emnify docs: event types, detail of 3 and 5).
    """
    open_sessions: dict[str | None, list[Event]] = {}
    found: list[list[Event]] = []
    rest: list[Event] = []
    for each in sorted(events, key=lambda event: (event.when, event.id)):
        if each.session_opened:
            open_sessions[each.session] = [each]
            found.append(open_sessions[each.session])
        elif each.type == EventType.UPDATE_PDP_CONTEXT and each.session in open_sessions:
            open_sessions[each.session].append(each)
        elif each.type == EventType.DELETE_PDP_CONTEXT:
            beginning = open_sessions.pop(each.session, None)
            if beginning is not None and _belongs_to(beginning[0], each):
                beginning.append(each)
            else:
                found.append([each])
        else:
            rest.append(each)
    return tuple(sorted(map(_session, found), key=_start_order)), tuple(rest)


def last_data(sessions: Iterable[Session]) -> datetime | None:
    """Return when the newest session that carried data ended; what one sends before its end is not told by events."""
    return max((each.end for each in sessions if each.end is not None and each.mb), default=None)


def usual_gap(sessions: Sequence[Session]) -> timedelta | None:
    """Return the longest time between sessions that is usual for this SIM, or None for fewer than three sessions."""
    starts = sorted(session.start for session in sessions if session.start is not None)
    if len(starts) < _LEAST_FOR_RHYTHM:
        return None
    gaps_s = [(later - earlier).total_seconds() for earlier, later in pairwise(starts)]
    return timedelta(seconds=max(max(gaps_s) * _GAP_TOLERANCE, median(gaps_s) * 2))


def is_late(sessions: Sequence[Session], now: datetime) -> bool:
    """Tell whether the next session should have begun by now, by the SIM's own rhythm."""
    newest = max((session.start for session in sessions if session.start is not None), default=None)
    return newest is None or now - newest > (usual_gap(sessions) or _LATE_WITHOUT_RHYTHM)


def _belongs_to(beginning: Event, end: Event) -> bool:
    if end.opened is None or beginning.at is None:
        return True
    return abs(end.opened - beginning.at) <= _BEGINNING_TOLERANCE


def _session(events: list[Event]) -> Session:
    first, last = events[0], events[-1]
    ended = last.type == EventType.DELETE_PDP_CONTEXT
    started = first.type == EventType.CREATE_PDP_CONTEXT
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


def _start_order(session: Session) -> tuple[float, int]:
    moment = session.start or session.end
    return (moment.timestamp() if moment is not None else float("-inf"), session.events[0])
