"""Diagnosis and timeline, as a host receives them: in order, fenced, short, and honest about what is missing."""

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest
from mcp import Client
from mcp.types import CallToolResult

from sim_mcp.sandbox import SandboxSettings, Unknowns
from sim_mcp.server.app import build_server
from tests.support import Fleet, facts, fleet_of, said
from tests.tools.checking import leaves, shown, tokens

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def known() -> AsyncIterator[Fleet]:
    """Shared by this module; faults are taken back by who made them."""
    async with fleet_of(SandboxSettings(sims=60, clock=NOON)) as made:
        yield made


@pytest.fixture
async def support(known: Fleet) -> AsyncIterator[Client]:
    async with Client(build_server(known.settings())) as client:
        yield client


async def asked(client: Client, fleet: Fleet, tool: str, story: str, **more: Any) -> CallToolResult:
    return await client.call_tool(tool, {"sim": fleet.stories[story]["iccid"], **more})


def places(text: str, *parts: str) -> list[int]:
    return [text.index(part) for part in parts]


async def test_a_diagnosis_says_things_in_the_order_a_person_wants_them(known: Fleet, support: Client) -> None:
    text = said(await asked(support, known, "diagnose_sim", "quota_exhausted"))
    order = places(
        text,
        f"SIM {known.stories['quota_exhausted']['iccid_with_luhn']}, as of 2026-11-22T12:0",
        "State now:",
        "connectivity BLOCKED",
        "Most likely: The data quota of the device is used up",
        "(certain)",
        "is exhausted and defined action",
        "Ruled out: SIM not activated",
        "What a person can do next:",
        "- Assign more data quota",
    )
    assert order == sorted(order)
    assert "Could not be read" not in text


async def test_text_and_structure_hold_the_same_facts(known: Fleet, support: Client) -> None:
    schemas = {tool.name: tool.output_schema for tool in (await support.list_tools()).tools}
    for tool in ("diagnose_sim", "get_sim_timeline"):
        for story in ("operator_blocked", "roaming_spike", "fresh", "breaks_off", "injected_control"):
            result = await asked(support, known, tool, story)
            schema = schemas[tool]
            assert schema is not None
            jsonschema.validate(facts(result), schema)
            for name, value in leaves(facts(result)):
                assert shown(name, value, said(result)), f"{tool} {story}: {name}={value!r} is not in\n{said(result)}"


async def test_the_longest_stories_are_told_within_their_budget_in_either_form(known: Fleet, support: Client) -> None:
    for key in ("operator_blocked", "rejected_by_network", "roaming_spike", "breaks_off", "suspended"):
        for tool in ("diagnose_sim", "get_sim_timeline"):
            result = await asked(support, known, tool, key)
            assert tokens(said(result)) < 1500, key
            assert tokens(json.dumps(facts(result), separators=(",", ":"))) < 1500, key


async def test_both_tools_send_nothing_but_get(known: Fleet, support: Client) -> None:
    await known.control.delete("/sandbox/requests")
    await asked(support, known, "diagnose_sim", "went_silent")
    sent = await known.requests()
    assert len(sent) <= 16
    await asked(support, known, "get_sim_timeline", "went_silent")
    assert {request["method"] for request in await known.requests()} == {"GET"}


async def test_what_could_not_be_read_stands_at_the_end_with_its_reason(known: Fleet, support: Client) -> None:
    await known.faults("error=403@GET /quota/data", "error=403@GET /operator_blacklist", "error=403@GET /stats")
    try:
        result = await asked(support, known, "diagnose_sim", "healthy")
    finally:
        await known.faults()
    text = said(result)
    end = text[text.index("Could not be read:") :]
    assert "data quota" in end
    assert "blocked operators" in end
    assert "does not let this token" in end
    assert "usage:" in end
    assert "so not to be ruled out: data quota missing, used up or expired" in end
    assert "Most likely: Nothing wrong to see: the device is online" in text
    assert "data quota missing" not in text[text.index("Ruled out:") : text.index("What a person can do next:")]


async def test_a_sim_whose_device_is_not_to_be_read_is_still_judged_by_its_events(known: Fleet) -> None:
    async with Client(build_server(known.settings(role="issuer"))) as issuer:
        text = said(await asked(issuer, known, "diagnose_sim", "data_disabled"))
    assert "Most likely: Data is switched off in the service profile" in text
    assert re.search(r"device, connectivity, network query.*: emnify knows no device", text)


async def test_text_of_customers_and_networks_stays_inside_its_fence(known: Fleet, support: Client) -> None:
    for tool in ("diagnose_sim", "get_sim_timeline"):
        for story, written in (("injected_name", "Ignore all previous"), ("injected_control", "Gate 9")):
            text = said(await asked(support, known, tool, story))
            assert written not in unfenced(text)
            assert not re.search(r"[\u0000-\u0009\u000b-\u001f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", text)
    text = said(await asked(support, known, "diagnose_sim", "rejected_by_network"))
    assert "T-Mobile" in text
    assert "T-Mobile" not in unfenced(text)
    text = said(await asked(support, known, "get_sim_timeline", "wrong_apn"))
    assert "internet.telekom" in text
    assert "internet.telekom" not in unfenced(text)


def unfenced(text: str) -> str:
    return re.sub(r"<(data-[0-9a-f]{8})>.*?</\1>", "", text, flags=re.DOTALL)


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


async def test_an_unknown_sim_is_not_diagnosed(support: Client) -> None:
    for tool in ("diagnose_sim", "get_sim_timeline"):
        result = await support.call_tool(tool, {"sim": "8988303000009999999"})
        assert result.is_error
        assert "No SIM found" in said(result)


async def test_the_imei_is_the_one_printed_on_the_device(known: Fleet, support: Client) -> None:
    found = facts(await asked(support, known, "get_sim", "healthy"))
    assert re.fullmatch(r"\d{15}", found["imei"])
