"""A timeline, as a host receives it: counted, paged, and honest about what is missing."""

import json
import re

from mcp import Client

from sim_mcp.sandbox import SandboxSettings, Unknowns
from sim_mcp.server.app import build_server
from tests.support import Fleet, facts, fleet_of, said
from tests.tools.asking import NOON, asked


async def test_a_timeline_counts_what_a_list_of_events_only_repeats(known: Fleet, support: Client) -> None:
    page = facts(await asked(support, known, "get_sim_timeline", "quota_exhausted"))
    first, second = page["entries"][:2]
    assert (first["what"], first["count"]) == ("session rejected", 26)
    assert second["text"].startswith("Quota volume is completely used up")
    assert page["totals"]["rejections"] == 26
    events = facts(await asked(support, known, "list_sim_events", "quota_exhausted"))["total"]
    assert page["totals"]["events"] == events


async def test_the_next_call_is_ready_and_its_pages_hold_every_entry_once(known: Fleet, support: Client) -> None:
    seen: list[str] = []
    page = facts(await asked(support, known, "get_sim_timeline", "rejected_by_network"))
    pages = page["pages"]
    assert pages > 2
    while "next" in page:
        seen += [json.dumps(entry) for entry in page["entries"]]
        ready = re.fullmatch(r'get_sim_timeline\(sim="(\d+)", end="([^"]+)", page=(\d+)\)', page["next"])
        assert ready is not None
        arguments = {"sim": ready[1], "end": ready[2], "page": int(ready[3])}
        page = facts(await support.call_tool("get_sim_timeline", arguments))
    seen += [json.dumps(entry) for entry in page["entries"]]
    assert len(seen) == len(set(seen))
    assert -(-len(seen) // 15) == pages
    beyond = facts(await asked(support, known, "get_sim_timeline", "rejected_by_network", page=99))
    assert "past the last" in beyond["hint"]


async def test_a_time_range_is_kept_and_one_that_is_none_is_explained(known: Fleet, support: Client) -> None:
    page = facts(
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
    assert "start 2026-11-12T00:00:00Z is after end 2026-11-10T00:00:00Z; swap them" in said(swapped)
    early = await asked(support, known, "get_sim_timeline", "healthy", start="2027-01-01T00:00:00Z")
    assert "start 2027-01-01T00:00:00Z is still to come" in said(early)
    empty = facts(await asked(support, known, "get_sim_timeline", "fresh", end="2026-11-20T00:00:00Z"))
    assert "No events in this time" in empty["hint"]


async def test_events_that_were_left_out_are_told_with_where_to_go_on() -> None:
    settings = SandboxSettings(sims=60, clock=NOON, unknowns=Unknowns(max_event_page=5))
    async with fleet_of(settings) as fleet, Client(build_server(fleet.settings())) as client:
        text = said(await asked(client, fleet, "get_sim_timeline", "went_silent"))
    assert re.search(r"\d+ events before 2026-11-\S+ were not read; ask again with that as end", text)
