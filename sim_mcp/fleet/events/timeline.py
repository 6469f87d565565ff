"""Events condensed to what happened: sessions, attaches, rejections with counts, changes. Pure; no event is lost."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sim_mcp.fleet.events.event import DEVICE_CHANGES, PURGES, STATUS_CHANGES, Happening
from sim_mcp.fleet.events.sessions import Session, sessions_of

What = Literal[
    "data session", "attached", "session rejected", "registration rejected", "absent", "status", "device", "policy",
    "other",
]  # fmt: skip
RUN = 4
"""Like sessions of one day from so many on are told together."""

_POLICY = frozenset({*range(11, 13), *range(18, 22), *range(52, 61)})
_NUMBERS = re.compile(r"\d+")
_Key = tuple[object, ...]
_Item = Happening | Session
_ENDS: dict[What, tuple[What, ...]] = {
    "data session": ("data session", "session rejected", "registration rejected", "absent"),
    "attached": ("attached", "registration rejected", "absent"),
    "session rejected": ("data session", "absent"),
    "registration rejected": ("data session", "attached", "absent"),
    "absent": ("data session", "attached", "session rejected", "registration rejected"),
}


@dataclass(frozen=True)
class Entry:
    """Hold one line of a timeline: `count` alike things between `first` and `last`; volumes in MB."""

    what: What
    first: datetime | None
    last: datetime | None
    count: int
    events: tuple[int, ...]
    """The ids of all events that it stands for."""
    text: str = ""
    network: str | None = None
    country: str | None = None
    radio: str | None = None
    apn: str | None = None
    mb: float | None = None
    rx_mb: float | None = None
    tx_mb: float | None = None
    minutes: float | None = None
    note: str | None = None


@dataclass
class _Run:
    """Collect alike things until something else comes between."""

    what: What
    items: list[_Item] = field(default_factory=list)


def condense(events: Iterable[Happening]) -> tuple[Entry, ...]:
    """Return the timeline, the newest first; every event is in exactly one entry, whatever the order they came in."""
    unique = list({event.id: event for event in events}.values())
    sessions, rest = sessions_of(unique)
    items: list[_Item] = [*sessions, *rest]
    runs: list[_Run] = []
    going: dict[tuple[What, _Key], _Run] = {}
    for item in sorted(items, key=_place):
        told = _told_as(item)
        for other in [each for each in going if _ends(told, each)]:
            del going[other]
        if told not in going:
            going[told] = _Run(told[0])
            runs.append(going[told])
        going[told].items.append(item)
    newest = sessions[-1] if sessions else None
    entries = [entry for run in runs for entry in _entries(run, newest)]
    return tuple(sorted(entries, key=_recency, reverse=True))


def _told_as(item: _Item) -> tuple[What, _Key]:
    """Return what an item is, and what it has to share with others to be told with them."""
    if isinstance(item, Session):
        if item.end is None or not item.started:
            return "data session", (item.events[0],)
        return "data session", (item.end.date(), item.network, item.country, item.radio, item.apn)
    what = _what(item)
    if what == "attached":
        return what, (item.network, item.country)
    if what in ("status", "device"):
        return what, (item.id,)
    return what, () if what == "absent" else (item.type, _NUMBERS.sub("#", item.text))


def _what(item: Happening) -> What:
    kinds: tuple[tuple[What, bool], ...] = (
        ("attached", item.attached),
        ("registration rejected", item.location_refused),
        ("session rejected", item.session_refused),
        ("absent", item.type in PURGES),
        ("status", item.type in STATUS_CHANGES),
        ("device", item.type in DEVICE_CHANGES),
        ("policy", item.type in _POLICY),
    )
    return next((what for what, fits in kinds if fits), "other")


def _ends(told: tuple[What, _Key], other: tuple[What, _Key]) -> bool:
    """Tell whether one thing ends a run of others: a success ends rejections, absence ends a stay, and so on."""
    if told == other:
        return False
    if told[0] in ("status", "device"):
        return True
    return other[0] in _ENDS.get(told[0], ())


def _entries(run: _Run, newest: Session | None) -> Iterator[Entry]:
    sessions = [item for item in run.items if isinstance(item, Session)]
    if sessions:
        groups = [sessions] if len(sessions) >= RUN else [[session] for session in sessions]
        for group in groups:
            yield _of_sessions(group, open_=group[0] is newest)
        return
    yield _of_happenings(run.what, [item for item in run.items if isinstance(item, Happening)])


def _of_sessions(group: Sequence[Session], *, open_: bool) -> Entry:
    first, last = group[0], group[-1]
    lengths = [lasted.total_seconds() / 60 for each in group if (lasted := each.lasted) is not None]
    note = None
    if last.end is None:
        note = "still open, or its end was not seen" if open_ else "its end was not seen"
    elif not first.started:
        note = "its beginning was not seen"
    return Entry(
        what="data session",
        first=first.start or first.end,
        last=last.end or last.start,
        count=len(group),
        events=tuple(number for each in group for number in each.events),
        network=last.network,
        country=last.country,
        radio=last.radio,
        apn=last.apn,
        mb=_sum(each.mb for each in group),
        rx_mb=_sum(each.rx_mb for each in group),
        tx_mb=_sum(each.tx_mb for each in group),
        minutes=sum(lengths) if lengths else None,
        note=note,
    )


def _of_happenings(what: What, group: Sequence[Happening]) -> Entry:
    newest = group[-1]
    return Entry(
        what=what,
        first=group[0].at,
        last=newest.at,
        count=len(group),
        events=tuple(each.id for each in group),
        text="" if what == "attached" else newest.text or newest.name,
        network=newest.network,
        country=newest.country,
        radio=newest.radio,
        note=newest.name if what in ("policy", "other") and newest.text else None,
    )


def _place(item: _Item) -> tuple[bool, float, int]:
    """Return where an item stands: a session where it began."""
    at = item.at if isinstance(item, Happening) else item.start or item.end
    number = item.id if isinstance(item, Happening) else item.events[0]
    return (at is not None, at.timestamp() if at is not None else 0.0, number)


def _recency(entry: Entry) -> tuple[float, float, int]:
    known = [at.timestamp() for at in (entry.last, entry.first) if at is not None]
    return (known[0] if known else float("-inf"), known[-1] if known else float("-inf"), max(entry.events))


def _sum(volumes: Iterable[float | None]) -> float | None:
    known = [volume for volume in volumes if volume is not None]
    return sum(known) if known else None
