"""A timeline tells every event exactly once, in the same way whatever order it came in."""

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_mcp.emnify import EmnifyClient, EmnifyError, Event, EventFilter, Limits
from sim_mcp.fleet.events import event as happenings
from sim_mcp.fleet.events.event import Happening
from sim_mcp.fleet.events.reader import MOST_EVENTS, read_timeline, totals_of
from sim_mcp.fleet.events.sessions import is_late, sessions_of, usual_gap
from sim_mcp.fleet.events.timeline import RUN, Entry, condense
from sim_mcp.sandbox import SandboxSettings, Unknowns
from tests.support import fleet_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
WIRE = {"id": 1, "timestamp": "2026-11-22T10:00:00.5Z", "event_type": {"id": 3, "description": "Create PDP Context"}}

events_of_any_kind = st.builds(
    Happening,
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


@given(some_events)
def test_every_event_is_in_exactly_one_entry(events: list[Happening]) -> None:
    told = Counter(number for entry in condense(events) for number in entry.events)
    assert told == Counter(event.id for event in events)


@given(some_events, st.randoms(use_true_random=False))
def test_the_order_in_which_events_arrive_and_arriving_twice_change_nothing(
    events: list[Happening], chance: random.Random
) -> None:
    shuffled = [*events, *events[: len(events) // 2]]
    chance.shuffle(shuffled)
    assert condense(shuffled) == condense(events)


@given(some_events)
def test_entries_come_newest_first_and_no_time_is_negative(events: list[Happening]) -> None:
    entries = condense(events)
    newest = [entry.last or entry.first for entry in entries]
    known = [moment for moment in newest if moment is not None]
    assert known == sorted(known, reverse=True)
    assert newest[: len(known)] == known
    assert all(entry.minutes is None or entry.minutes >= 0 for entry in entries)
    assert all(entry.count >= 1 for entry in entries)


@given(some_events)
def test_totals_are_the_sums_of_the_events(events: list[Happening]) -> None:
    totals = totals_of(condense(events))
    ends = [event.mb or 0.0 for event in events if event.type == 5]
    assert totals.events == len(events)
    assert totals.mb == pytest.approx(sum(ends))
    assert sum(totals.by_network.values()) == pytest.approx(totals.mb)
    assert totals.rejections == sum(event.rejected and event.type in (1, 2, 3) for event in events)


@given(some_events)
def test_a_session_has_at_most_one_beginning_and_one_end(events: list[Happening]) -> None:
    kinds = {event.id: event.type for event in events}
    found, rest = sessions_of(events)
    for session in found:
        parts = [kinds[number] for number in session.events]
        assert parts.count(3) <= 1
        assert parts.count(5) <= 1
        assert session.started is (3 in parts)
        assert (session.end is None) or 5 in parts
    assert sorted([number for session in found for number in session.events] + [each.id for each in rest]) == sorted(
        kinds
    )


def begin(minutes_ago: float, key: str | None = "a", **known: object) -> Happening:
    return event(3, minutes_ago, session=key, network="Telekom", **known)


def end(minutes_ago: float, key: str | None = "a", mb: float = 1.0, **known: object) -> Happening:
    return event(5, minutes_ago, session=key, mb=mb, network="Telekom", **known)


def event(kind: int, minutes_ago: float, **known: object) -> Happening:
    at = NOW - timedelta(minutes=minutes_ago)
    made = Happening(id=int(at.timestamp() * 10) * 100 + kind, at=at, type=kind, name=f"type {kind}")
    return replace(made, **known)  # type: ignore[arg-type]  # fields of a Happening.


def rejected(kind: int, minutes_ago: float, text: str) -> Happening:
    return event(kind, minutes_ago, text=text, rejected=True)


def told(events: list[Happening]) -> list[tuple[str, int]]:
    return [(entry.what, entry.count) for entry in condense(events)]


def only(events: list[Happening]) -> Entry:
    (entry,) = condense(events)
    return entry


def test_a_beginning_and_its_end_are_one_session_with_its_length() -> None:
    entry = only([begin(60, apn="em", radio="LTE"), end(30, mb=2.5, rx_mb=2.0, tx_mb=0.5)])
    assert (entry.what, entry.minutes, entry.mb, entry.apn, entry.radio) == ("data session", 30, 2.5, "em", "LTE")
    assert entry.note is None


def test_sessions_that_overlap_are_told_apart_by_their_keys() -> None:
    entries = condense([begin(60, "a"), begin(50, "b"), end(40, "a", 1), end(30, "b", 2)])
    assert [(entry.minutes, entry.mb) for entry in entries] == [(20, 2), (20, 1)]


def test_an_end_that_was_not_seen_leaves_a_session_open_only_if_it_is_the_newest() -> None:
    older, newest = condense([begin(60, "a"), begin(30, "b")])[::-1]
    assert older.note == "its end was not seen"
    assert newest.note == "still open, or its end was not seen"
    assert newest.minutes is None


def test_a_beginning_that_was_not_seen_is_known_from_the_end() -> None:
    entry = only([end(30, opened=NOW - timedelta(minutes=90))])
    assert (entry.minutes, entry.note) == (60, "its beginning was not seen")


def test_an_end_of_another_session_with_the_same_number_is_not_paired() -> None:
    entries = condense([begin(600), end(30, opened=NOW - timedelta(minutes=90))])
    assert [entry.note for entry in entries] == ["its beginning was not seen", "its end was not seen"]


def test_an_end_before_its_beginning_makes_no_negative_time() -> None:
    entries = condense([begin(30), end(31, opened=NOW - timedelta(minutes=30))])
    assert [entry.minutes for entry in entries] == [None, 0]


def test_like_sessions_of_a_day_are_told_together_and_few_are_not() -> None:
    many = [each for number in range(RUN) for each in (begin(100 - number * 9), end(95 - number * 9))]
    entry = only(many)
    assert (entry.what, entry.count, entry.mb, entry.minutes) == ("data session", RUN, RUN, RUN * 5)
    assert told(many[2:]) == [("data session", 1)] * (RUN - 1)


def test_sessions_of_two_days_or_networks_are_not_told_together() -> None:
    days = [each for number in range(8) for each in (begin(60 * 6 * number + 60), end(60 * 6 * number + 30))]
    assert len(condense(days)) > 1
    networks = [replace(each, network="A" if number % 4 < 2 else "B") for number, each in enumerate(days[:8])]
    assert all(entry.count == 1 for entry in condense(networks))


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
    assert told([*stay, *gone, event(1, 10, network="Telekom")]) == [("attached", 1), ("absent", 2), ("attached", 6)]


@pytest.mark.parametrize(
    ("hours", "gap_h"), [([1, 2], None), ([0, 24, 48], 48), ([0, 2, 4, 6, 30], 28.8), ([0, 12, 24, 36], 24)]
)
def test_a_sim_is_late_by_its_own_rhythm(hours: list[int], gap_h: float | None) -> None:
    pairs = [each for hour in hours for each in (begin(hour * 60 + 1, str(hour)), end(hour * 60, str(hour)))]
    found, _ = sessions_of(pairs)
    gap = usual_gap(found)
    assert gap == (None if gap_h is None else timedelta(hours=gap_h))
    assert not is_late(found, NOW)
    assert is_late(found, NOW + (gap or timedelta(hours=48)))
    assert is_late((), NOW)


@pytest.mark.parametrize(
    "detail",
    [
        None,
        "not json {",
        [],
        {"pdp_context": "gone", "volume": [1], "country": 7},
        {"pdp_context": {"rat_type": "six", "tunnel_created": "soon", "apn": 5, "pdp_context_id": {}}, "name": 9},
        {"volume": {"total": "1e999999"}, "session_id": ""},
    ],
)
def test_a_detail_that_cannot_be_read_loses_nothing_else(detail: object) -> None:
    read = happenings.read(Event.model_validate(WIRE | {"detail": detail}))
    assert (read.id, read.type, read.session, read.apn, read.mb) == (1, 3, None, None, None)
    assert read.session_opened


def test_numbers_may_be_strings_and_text_is_cleaned() -> None:
    detail = {
        "name": "Tele\u202ekom\n",
        "pdp_context": {"rat_type": "6", "pdp_context_id": 5, "tunnel_created": "2026-11-22T09:00:00"},
        "volume": {"total": "1.5", "rx": 1, "tx": 0.5},
    }
    read = happenings.read(Event.model_validate(WIRE | {"detail": detail, "description": "a\u200bb\x07" + "c" * 999}))
    assert (read.network, read.radio, read.session, read.mb) == ("Telekom", "LTE", "context 5", 1.5)
    assert read.opened == datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert len(read.text) == happenings.TEXT_LIMIT
    assert read.text.startswith("abc")


@pytest.mark.parametrize(
    ("kind", "severity", "text", "refused"),
    [
        (3, 1, "anything", True),
        (3, 0, "PDP Context Request rejected, because", True),
        (3, 0, "New PDP Context successfully activated", False),
        (1, 2, "", True),
        (5, 1, "rejected", False),
    ],
)
def test_severity_or_text_tells_a_rejection(
    kind: int, severity: int, text: str, refused: bool
) -> None:  # the expectation.
    wire = WIRE | {"event_type": {"id": kind}, "event_severity": {"id": severity}, "description": text}
    assert happenings.read(Event.model_validate(wire)).rejected is refused


async def all_events(client: EmnifyClient, sim: int, start: datetime, end_: datetime) -> int | None:
    return (await client.list_sim_events(sim, EventFilter(since=start, until=end_), per_page=1)).total


async def test_a_month_is_read_to_its_first_event_whatever_the_page_size() -> None:
    async with (
        fleet_of(SandboxSettings(sims=60, clock=NOW, unknowns=Unknowns(max_event_page=40))) as fleet,
        EmnifyClient(
            base_url=fleet.world.base_url, application_token=fleet.world.tokens["enterprise"], limits=Limits()
        ) as small,
    ):
        sim = await small.get_sim(fleet.stories["went_silent"]["sim_id"])
        start = NOW - timedelta(days=30)
        read = await read_timeline(small, sim, start, NOW)
        assert read.totals.events == await all_events(small, sim.id, start, NOW)
        assert (read.left_out, read.read_back_to, read.why) == (0, None, None)
        await fleet.faults("error=403:x1@/event")
        with pytest.raises(EmnifyError):
            await read_timeline(small, sim, start, NOW)


async def test_a_month_is_read_where_emnify_refuses_pages_over_a_hundred() -> None:
    refusing = SandboxSettings(sims=60, clock=NOW, unknowns=Unknowns(event_page_over_100="400"))
    async with (
        fleet_of(refusing) as fleet,
        EmnifyClient(
            base_url=fleet.world.base_url, application_token=fleet.world.tokens["enterprise"], limits=Limits()
        ) as client,
    ):
        sim = await client.get_sim(fleet.stories["went_silent"]["sim_id"])
        start = NOW - timedelta(days=30)
        read = await read_timeline(client, sim, start, NOW)
        assert read.totals.events == await all_events(client, sim.id, start, NOW)
        assert read.totals.events > 200
        assert (read.left_out, read.read_back_to, read.why) == (0, None, None)
        before = len(await fleet.requests())
        await read_timeline(client, sim, start, NOW)
        queries = [request["query"] for request in (await fleet.requests())[before:]]
        assert queries
        assert all("per_page=100" in query for query in queries)
        await fleet.faults("error=400@/event")
        with pytest.raises(EmnifyError):
            await read_timeline(client, sim, start, NOW)


async def test_what_could_not_be_read_is_counted_and_dated() -> None:
    settings = SandboxSettings(sims=60, clock=NOW, unknowns=Unknowns(max_event_page=5))
    async with (
        fleet_of(settings) as fleet,
        EmnifyClient(
            base_url=fleet.world.base_url, application_token=fleet.world.tokens["enterprise"], limits=Limits()
        ) as client,
    ):
        sim = await client.get_sim(fleet.stories["went_silent"]["sim_id"])
        start = NOW - timedelta(days=30)
        total = await all_events(client, sim.id, start, NOW)
        first = await read_timeline(client, sim, start, NOW)
        assert total is not None
        assert first.totals.events + first.left_out == total
        assert first.totals.events == 100 < MOST_EVENTS
        assert first.read_back_to is not None
        rest = await read_timeline(client, sim, start, first.read_back_to)
        assert rest.totals.events >= first.left_out - 20
