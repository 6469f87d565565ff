"""The timeline of a SIM: its events as sessions, attaches, counted rejections and changes. Pure; no event is lost."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from sim_mcp.fleet.events.event import Event
from sim_mcp.fleet.events.event_type import DEVICE_CHANGES, PURGES, STATUS_CHANGES
from sim_mcp.fleet.events.sessions import Session, pair_sessions

What = Literal[
    "data session", "attached", "session rejected", "registration rejected", "absent", "status", "device", "policy",
    "other",
]  # fmt: skip
MERGED_FROM = 4
"""From so many on, like sessions of one day share an entry."""

_POLICY = frozenset({*range(11, 13), *range(18, 22), *range(52, 61)})
_ONE_ABSENCE = timedelta(minutes=10)
_NUMBERS = re.compile(r"\d+")
_Key = tuple[object, ...]
_Item = Event | Session
_ENDS_RUNS_OF: dict[What, tuple[What, ...]] = {
    "data session": ("data session", "session rejected", "registration rejected", "absent"),
    "attached": ("attached", "registration rejected", "absent"),
    "session rejected": ("data session", "absent"),
    "registration rejected": ("data session", "attached", "absent"),
    "absent": ("data session", "attached", "session rejected", "registration rejected"),
}


@dataclass(frozen=True)
class Entry:
    """Hold one line of a timeline: `count` events, sessions or absences from `first` to `last`; volumes in MB."""

    what: What
    first: datetime | None
    last: datetime | None
    count: int
    events: tuple[int, ...]
    """The ids of all events it stands for."""
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
    """Collect items of one kind until something else ends the run."""

    what: What
    items: list[_Item] = field(default_factory=list)


def build_entries(events: Iterable[Event]) -> tuple[Entry, ...]:
    """Return the entries, the newest first; every event is in exactly one, in whatever order events come."""
    unique = list({event.id: event for event in events}.values())
    sessions, rest = pair_sessions(unique)
    items: list[_Item] = [*sessions, *rest]
    runs: list[_Run] = []
    current: dict[tuple[What, _Key], _Run] = {}
    for item in sorted(items, key=_chronology):
        key = _run_key(item)
        for other in [each for each in current if _ends(key, each)]:
            del current[other]
        if key not in current:
            current[key] = _Run(key[0])
            runs.append(current[key])
        current[key].items.append(item)
    newest = sessions[-1] if sessions else None
    entries = [entry for run in runs for entry in _entries(run, newest)]
    return tuple(sorted(entries, key=_recency, reverse=True))


def _run_key(item: _Item) -> tuple[What, _Key]:
    """Return what an item is, and what it has in common with the items of the same run."""
    if isinstance(item, Session):
        if item.end is None or not item.started:
            return "data session", (item.events[0],)
        return "data session", (item.end.date(), item.network, item.country, item.radio, item.apn)
    what = _classify(item)
    if what == "attached":
        return what, (item.network, item.country)
    if what in ("status", "device"):
        return what, (item.id,)
    return what, () if what == "absent" else (item.type, _NUMBERS.sub("#", item.text))


def _classify(item: Event) -> What:
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


def _ends(key: tuple[What, _Key], other: tuple[What, _Key]) -> bool:
    """Tell whether an item ends a run of another kind: a success ends rejections, absence ends a stay."""
    if key == other:
        return False
    if key[0] in ("status", "device"):
        return True
    return other[0] in _ENDS_RUNS_OF.get(key[0], ())


def _entries(run: _Run, newest: Session | None) -> Iterator[Entry]:
    sessions = [item for item in run.items if isinstance(item, Session)]
    if sessions:
        groups = [sessions] if len(sessions) >= MERGED_FROM else [[session] for session in sessions]
        for group in groups:
            yield _session_entry(group, open_=group[0] is newest)
        return
    yield _event_entry(run.what, [item for item in run.items if isinstance(item, Event)])


def _session_entry(group: Sequence[Session], *, open_: bool) -> Entry:
    first, last = group[0], group[-1]
    lengths = [duration.total_seconds() / 60 for each in group if (duration := each.duration) is not None]
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


def _event_entry(what: What, group: Sequence[Event]) -> Entry:
    newest = group[-1]
    return Entry(
        what=what,
        first=group[0].at,
        last=newest.at,
        count=_count_absences(group) if what == "absent" else len(group),
        events=tuple(each.id for each in group),
        text="" if what == "attached" else newest.text or newest.name,
        network=newest.network,
        country=newest.country,
        radio=newest.radio,
        note=newest.name if what in ("policy", "other") and newest.text else None,
    )


def _count_absences(purges: Sequence[Event]) -> int:
    """Return how often the device was reported absent: VLR and SGSN each report the same absence."""
    counted: list[set[int | None]] = []
    latest: datetime | None = None
    for each in purges:
        same = latest is not None and each.at is not None and each.at - latest <= _ONE_ABSENCE
        if counted and same and each.type not in counted[-1]:
            counted[-1].add(each.type)
        else:
            counted.append({each.type})
        latest = each.at
    return len(counted)


def _chronology(item: _Item) -> tuple[bool, float, int]:
    """Return the sort key of an item by time; a session counts from its beginning."""
    at = item.at if isinstance(item, Event) else item.start or item.end
    number = item.id if isinstance(item, Event) else item.events[0]
    return (at is not None, at.timestamp() if at is not None else 0.0, number)


def _recency(entry: Entry) -> tuple[float, float, int]:
    known = [at.timestamp() for at in (entry.last, entry.first) if at is not None]
    return (known[0] if known else float("-inf"), known[-1] if known else float("-inf"), max(entry.events))


def _sum(volumes: Iterable[float | None]) -> float | None:
    known = [volume for volume in volumes if volume is not None]
    return sum(known) if known else None
