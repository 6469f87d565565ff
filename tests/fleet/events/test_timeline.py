"""A timeline tells every event exactly once, in the same way whatever order it came in."""

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from sim_mcp.fleet.events.event import Event
from sim_mcp.fleet.events.timeline import MERGED_FROM, Entry, build_entries
from tests.fleet.events.building import NOW, begin, end, event, rejected, some_events


@given(some_events)
def test_every_event_is_in_exactly_one_entry(events: list[Event]) -> None:
    told = Counter(number for entry in build_entries(events) for number in entry.events)
    assert told == Counter(event.id for event in events)


@given(some_events, st.randoms(use_true_random=False))
def test_the_order_in_which_events_arrive_and_arriving_twice_change_nothing(
    events: list[Event], chance: random.Random
) -> None:
    shuffled = [*events, *events[: len(events) // 2]]
    chance.shuffle(shuffled)
    assert build_entries(shuffled) == build_entries(events)


@given(some_events)
def test_entries_come_newest_first_and_no_time_is_negative(events: list[Event]) -> None:
    entries = build_entries(events)
    newest = [entry.last or entry.first for entry in entries]
    known = [moment for moment in newest if moment is not None]
    assert known == sorted(known, reverse=True)
    assert newest[: len(known)] == known
    assert all(entry.minutes is None or entry.minutes >= 0 for entry in entries)
    assert all(entry.count >= 1 for entry in entries)


def told(events: list[Event]) -> list[tuple[str, int]]:
    return [(entry.what, entry.count) for entry in build_entries(events)]


def only(events: list[Event]) -> Entry:
    (entry,) = build_entries(events)
    return entry


def test_a_beginning_and_its_end_are_one_session_with_its_length() -> None:
    entry = only([begin(60, apn="em", radio="LTE"), end(30, mb=2.5, rx_mb=2.0, tx_mb=0.5)])
    assert (entry.what, entry.minutes, entry.mb, entry.apn, entry.radio) == ("data session", 30, 2.5, "em", "LTE")
    assert entry.note is None


def test_sessions_that_overlap_are_told_apart_by_their_keys() -> None:
    entries = build_entries([begin(60, "a"), begin(50, "b"), end(40, "a", 1), end(30, "b", 2)])
    assert [(entry.minutes, entry.mb) for entry in entries] == [(20, 2), (20, 1)]


def test_an_end_that_was_not_seen_leaves_a_session_open_only_if_it_is_the_newest() -> None:
    older, newest = build_entries([begin(60, "a"), begin(30, "b")])[::-1]
    assert older.note == "its end was not seen"
    assert newest.note == "still open, or its end was not seen"
    assert newest.minutes is None


def test_a_beginning_that_was_not_seen_is_known_from_the_end() -> None:
    entry = only([end(30, opened=NOW - timedelta(minutes=90))])
    assert (entry.minutes, entry.note) == (60, "its beginning was not seen")


def test_an_end_of_another_session_with_the_same_number_is_not_paired() -> None:
    entries = build_entries([begin(600), end(30, opened=NOW - timedelta(minutes=90))])
    assert [entry.note for entry in entries] == ["its beginning was not seen", "its end was not seen"]


def test_an_end_before_its_beginning_makes_no_negative_time() -> None:
    entries = build_entries([begin(30), end(31, opened=NOW - timedelta(minutes=30))])
    assert [entry.minutes for entry in entries] == [None, 0]


def test_like_sessions_of_a_day_are_told_together_and_few_are_not() -> None:
    many = [each for number in range(MERGED_FROM) for each in (begin(100 - number * 9), end(95 - number * 9))]
    entry = only(many)
    assert (entry.what, entry.count, entry.mb, entry.minutes) == (
        "data session",
        MERGED_FROM,
        MERGED_FROM,
        MERGED_FROM * 5,
    )
    assert told(many[2:]) == [("data session", 1)] * (MERGED_FROM - 1)


def test_sessions_of_two_days_or_networks_are_not_told_together() -> None:
    days = [each for number in range(8) for each in (begin(60 * 6 * number + 60), end(60 * 6 * number + 30))]
    assert len(build_entries(days)) > 1
    networks = [replace(each, network="A" if number % 4 < 2 else "B") for number, each in enumerate(days[:8])]
    assert all(entry.count == 1 for entry in build_entries(networks))


def test_rejections_are_counted_until_a_success() -> None:
    events = [rejected(3, 60 - number, f"no quota {number}") for number in range(5)]
    events += [begin(50), end(40), rejected(3, 30, "no quota 9")]
    assert told(events) == [("session rejected", 1), ("data session", 1), ("session rejected", 5)]


def test_rejections_for_two_reasons_taking_turns_are_two_counts() -> None:
    reasons = ["T-Mobile", "Plus"]
    events = [rejected(1, 60 - number, f"rejected by {reasons[number % 2]}") for number in range(10)]
    assert told(events) == [("registration rejected", 5), ("registration rejected", 5)]


def test_a_change_of_status_stands_between_what_was_before_and_after() -> None:
    events = [rejected(3, 60, "no"), event(8, 50, text="activated"), rejected(3, 40, "no")]
    assert told(events) == [("session rejected", 1), ("status", 1), ("session rejected", 1)]


def test_attaches_to_one_network_are_one_stay_and_an_absence_ends_it() -> None:
    stay = [event(kind, ago, network="Telekom") for ago in (90, 60, 30) for kind in (1, 2)]
    gone = [event(15, 20), event(16, 20)]
    assert told([*stay, *gone, event(1, 10, network="Telekom")]) == [("attached", 1), ("absent", 1), ("attached", 6)]


def test_vlr_and_sgsn_report_one_absence_and_two_reports_of_one_of_them_are_two() -> None:
    assert told([event(15, 30), event(16, 25)]) == [("absent", 1)]
    assert told([event(15, 30), event(16, 19)]) == [("absent", 2)]
    assert told([event(15, 30), event(15, 29)]) == [("absent", 2)]
    assert told([event(15, 30), event(16, 30), event(15, 20), event(16, 20)]) == [("absent", 2)]
    (one,) = build_entries([event(15, 30), event(16, 30)])
    assert len(one.events) == 2
