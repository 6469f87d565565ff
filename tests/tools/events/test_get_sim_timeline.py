"""A timeline, as a host receives it: counted, paged, and honest about what is missing."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from mcp import Client

from sim_mcp.emnify import Sim
from sim_mcp.fleet.events.reader import Timeline, Totals
from sim_mcp.fleet.events.timeline import Entry
from sim_mcp.sandbox import SandboxSettings, Unknowns
from sim_mcp.server.app import build_server
from sim_mcp.tools.events.get_sim_timeline import build
from tests.support import Fleet, fleet_of, structured, text_of
from tests.tools.asking import NOON, asked


async def test_a_timeline_counts_what_a_list_of_events_only_repeats(known: Fleet, support: Client) -> None:
    page = structured(await asked(support, known, "get_sim_timeline", "quota_exhausted"))
    first, second = page["entries"][:2]
    assert (first["what"], first["count"]) == ("session rejected", 26)
    assert second["text"].startswith("Quota volume is completely used up")
    assert page["totals"]["rejections"] == 26
    events = structured(await asked(support, known, "list_sim_events", "quota_exhausted"))["total"]
    assert page["totals"]["events"] == events


async def test_the_next_call_is_ready_and_its_pages_hold_every_entry_once(known: Fleet, support: Client) -> None:
    seen: list[str] = []
    page = structured(await asked(support, known, "get_sim_timeline", "rejected_by_network"))
    pages = page["pages"]
    assert pages > 2
    while "next" in page:
        seen += [json.dumps(entry) for entry in page["entries"]]
        ready = re.fullmatch(r'get_sim_timeline\(sim="(\d+)", end="([^"]+)", page=(\d+)\)', page["next"])
        assert ready is not None
        arguments = {"sim": ready[1], "end": ready[2], "page": int(ready[3])}
        page = structured(await support.call_tool("get_sim_timeline", arguments))
    seen += [json.dumps(entry) for entry in page["entries"]]
    assert len(seen) == len(set(seen))
    assert -(-len(seen) // 15) == pages
    beyond = structured(await asked(support, known, "get_sim_timeline", "rejected_by_network", page=99))
    assert "past the last" in beyond["hint"]


async def test_a_time_range_is_kept_and_one_that_is_none_is_explained(known: Fleet, support: Client) -> None:
    page = structured(
        await asked(
            support, known, "get_sim_timeline", "healthy", start="2026-11-10T00:00:00Z", end="2026-11-12T00:00:00Z"
        )
    )
    assert (page["start"], page["end"]) == ("2026-11-10T00:00:00Z", "2026-11-12T00:00:00Z")
    assert page["entries"]
    assert all("2026-11-1" in entry["from"] for entry in page["entries"])
    swapped = await asked(
        support, known, "get_sim_timeline", "healthy", start="2026-11-12T00:00:00Z", end="2026-11-10T00:00:00Z"
    )
    assert swapped.is_error
    assert "start 2026-11-12T00:00:00Z is after end 2026-11-10T00:00:00Z; swap them" in text_of(swapped)
    early = await asked(support, known, "get_sim_timeline", "healthy", start="2027-01-01T00:00:00Z")
    assert "start 2027-01-01T00:00:00Z is still to come" in text_of(early)
    empty = structured(await asked(support, known, "get_sim_timeline", "fresh", end="2026-11-20T00:00:00Z"))
    assert "No events in this time" in empty["hint"]


async def test_events_that_were_left_out_are_told_with_where_to_go_on() -> None:
    settings = SandboxSettings(sims=60, clock=NOON, unknowns=Unknowns(max_event_page=5))
    async with fleet_of(settings) as fleet, Client(build_server(fleet.settings())) as client:
        text = text_of(await asked(client, fleet, "get_sim_timeline", "went_silent"))
    assert re.search(r"\d+ events before 2026-11-\S+ were not read; ask again with that as end", text)


def timeline_of(entries: int = 0, **known: Any) -> Timeline:
    sim = Sim.model_validate({"id": 7, "iccid": "8988303000000000129"})
    at = datetime(2026, 11, 22, 10, tzinfo=UTC)
    made = tuple(Entry("attached", at, at, 1, (number,)) for number in range(entries))
    totals = known.pop("totals", Totals(events=entries, sessions=0, mb=0, rejections=0))
    return Timeline(sim=sim, start=NOON, end=NOON, entries=made, totals=totals, **known)


@pytest.mark.parametrize(("entries", "pages"), [(0, 1), (15, 1), (16, 2), (30, 2), (31, 3)])
def test_a_page_holds_fifteen_entries_and_the_last_one_offers_no_next(entries: int, pages: int) -> None:
    first, last = (build(timeline_of(entries), page, "the next call") for page in (1, pages))
    assert first.pages == last.pages == pages
    assert len(last.entries) == entries - 15 * (pages - 1)
    assert (first.next, last.next) == ("the next call" if pages > 1 else None, None)


@pytest.mark.parametrize(("networks", "shown"), [(5, 5), (6, 6), (8, 6)])
def test_networks_beyond_the_fifth_are_summed(networks: int, shown: int) -> None:
    by_network = {f"network {number}": 10.0 - number for number in range(networks)}
    totals = Totals(events=1, sessions=1, mb=sum(by_network.values()), rejections=0, by_network=by_network)
    found = build(timeline_of(totals=totals), 1, "").totals.data_mb_by_network
    assert len(found) == shown
    assert sum(found.values()) == pytest.approx(totals.mb)
    assert ("other networks" in found) is (networks > 5)


@pytest.mark.parametrize(("minutes", "told"), [(None, None), (0.04, 0.0), (9.94, 9.9), (10.0, 10), (10.6, 11)])
def test_minutes_are_whole_from_ten_on(minutes: float | None, told: float | None) -> None:
    entry = Entry("data session", NOON, NOON, 1, (1,), minutes=minutes)
    row = build(replace(timeline_of(), entries=(entry,)), 1, "").entries[0]
    assert (row.minutes, type(row.minutes)) == (told, type(told))


def test_what_was_left_out_is_counted_with_its_reason() -> None:
    cut = build(timeline_of(1, left_out=1234, read_back_to=NOON, why="too slow"), 1, "").hint
    assert cut == "1,234 events before 2026-11-22T12:00:00Z were not read (too slow); ask again with that as end."
    assert build(timeline_of(1, unreadable=2), 1, "").hint == "2 events could not be read."
    assert build(timeline_of(1), 1, "").hint is None
