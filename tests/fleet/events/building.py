"""Events made by hand, and any that may come."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from sim_mcp.fleet.events.event import Event

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


events_of_any_kind = st.builds(
    Event,
    id=st.integers(1, 10**6),
    at=st.none() | st.integers(0, 5000).map(lambda minutes: NOW - timedelta(minutes=minutes)),
    type=st.none() | st.sampled_from([*range(1, 6), 8, 9, 11, 15, 16, 19, 43, 50, 60, 68, 99]),
    name=st.sampled_from(["Create PDP Context", "other"]),
    text=st.sampled_from(["", "refused 1", "refused 2", "moved"]),
    network=st.sampled_from([None, "A", "B"]),
    country=st.sampled_from([None, "Germany"]),
    radio=st.sampled_from([None, "LTE"]),
    apn=st.sampled_from([None, "em"]),
    mb=st.none() | st.floats(0, 100),
    session=st.sampled_from([None, "a", "b", "c"]),
    opened=st.none() | st.integers(0, 5000).map(lambda minutes: NOW - timedelta(minutes=minutes)),
    rejected=st.booleans(),
)


some_events = st.lists(events_of_any_kind, max_size=60, unique_by=lambda each: each.id)


def begin(minutes_ago: float, key: str | None = "a", **known: object) -> Event:
    return event(3, minutes_ago, session=key, network="Telekom", **known)


def end(minutes_ago: float, key: str | None = "a", mb: float = 1.0, **known: object) -> Event:
    return event(5, minutes_ago, session=key, mb=mb, network="Telekom", **known)


def event(kind: int, minutes_ago: float, **known: object) -> Event:
    at = NOW - timedelta(minutes=minutes_ago)
    made = Event(id=int(at.timestamp() * 10) * 100 + kind, at=at, type=kind, name=f"type {kind}")
    return replace(made, **known)  # type: ignore[arg-type]  # fields of an Event.


def rejected(kind: int, minutes_ago: float, text: str) -> Event:
    return event(kind, minutes_ago, text=text, rejected=True)
