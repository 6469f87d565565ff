"""Sessions pair a beginning with its end, and have a rhythm."""

from datetime import timedelta

import pytest
from hypothesis import given

from sim_mcp.fleet.events.event import Event
from sim_mcp.fleet.events.sessions import is_late, pair_sessions, usual_gap
from tests.fleet.events.building import NOW, begin, end, some_events


@given(some_events)
def test_a_session_has_at_most_one_beginning_and_one_end(events: list[Event]) -> None:
    kinds = {event.id: event.type for event in events}
    found, rest = pair_sessions(events)
    for session in found:
        parts = [kinds[number] for number in session.events]
        assert parts.count(3) <= 1
        assert parts.count(5) <= 1
        assert session.started is (3 in parts)
        assert (session.end is None) or 5 in parts
    assert sorted([number for session in found for number in session.events] + [each.id for each in rest]) == sorted(
        kinds
    )


@pytest.mark.parametrize(
    ("hours", "gap_h"), [([1, 2], None), ([0, 24, 48], 48), ([0, 2, 4, 6, 30], 28.8), ([0, 12, 24, 36], 24)]
)
def test_a_sim_is_late_by_its_own_rhythm(hours: list[int], gap_h: float | None) -> None:
    pairs = [each for hour in hours for each in (begin(hour * 60 + 1, str(hour)), end(hour * 60, str(hour)))]
    found, _ = pair_sessions(pairs)
    gap = usual_gap(found)
    assert gap == (None if gap_h is None else timedelta(hours=gap_h))
    assert not is_late(found, NOW)
    assert is_late(found, NOW + (gap or timedelta(hours=48)))
    assert is_late((), NOW)


def test_without_a_rhythm_a_sim_is_late_after_two_days() -> None:
    only, _ = pair_sessions([begin(1, "1"), end(0, "1")])
    assert usual_gap(only) is None
    start = only[0].start
    assert start is not None
    assert not is_late(only, start + timedelta(hours=48))
    assert is_late(only, start + timedelta(hours=48, seconds=1))
