"""The reading tools answer what support desks ask, compactly, and send nothing but GET."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest
from mcp import Client

from sim_mcp.sandbox import SandboxSettings
from sim_mcp.server.app import build_server
from tests.support import Fleet, facts, fleet_of, said
from tests.tools.checking import leaves, shown, tokens


def calls_of_every_reading_tool(stories: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    sim = stories["roaming_spike"]["iccid"]
    return [
        ("list_sims", {}),
        ("list_sims", {"detail": "full", "per_page": 3}),
        ("list_sims", {"iccid": "99999"}),
        ("get_sim", {"sim": sim}),
        ("get_sim", {"sim": stories["no_device"]["iccid"]}),
        ("list_sim_statuses", {}),
        ("get_sim_usage", {"sim": sim}),
        ("get_sim_usage", {"sim": stories["fresh"]["iccid"]}),
        ("get_sim_daily_usage", {"sim": sim}),
        ("get_sim_daily_usage", {"sim": stories["fresh"]["iccid"]}),
        ("list_sim_events", {"sim": sim}),
        ("list_sim_events", {"sim": sim, "text_contains": "nothing like this"}),
        ("validate_sim_batch", {"bic": stories["batch_registrable"]["bic"]}),
    ]


async def test_reading_tools_send_nothing_but_get(fleet: Fleet, client: Client) -> None:
    for tool, arguments in calls_of_every_reading_tool(fleet.stories):
        facts(await client.call_tool(tool, arguments))
    assert {request["method"] for request in await fleet.requests()} == {"GET"}


async def test_structured_answers_fit_their_schema_and_the_text_holds_every_fact(fleet: Fleet, client: Client) -> None:
    schemas = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}
    for tool, arguments in calls_of_every_reading_tool(fleet.stories):
        result = await client.call_tool(tool, arguments)
        structure, text = facts(result), said(result)
        schema = schemas[tool]
        assert schema is not None
        jsonschema.validate(structure, schema)
        for name, value in leaves(structure):
            assert shown(name, value, text), f"{tool}: {name}={value!r} is not in the text:\n{text}"


async def test_a_page_of_25_sims_stays_under_its_budget_in_either_form(client: Client) -> None:
    result = await client.call_tool("list_sims", {})
    assert len(facts(result)["sims"]) == 25
    assert tokens(said(result)) < 1200
    assert tokens(json.dumps(facts(result), separators=(",", ":"))) < 1200


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("list_sims", {"per_page": 100}),
        ("list_sims", {"per_page": 40, "detail": "full"}),
        ("list_sim_events", {"per_page": 40, "sim": "roaming_spike"}),
        ("get_sim_daily_usage", {"sim": "roaming_spike", "start": "2026-01-14", "end": "2026-03-15"}),
    ],
)
async def test_the_longest_answers_stay_under_the_hard_stop(tool: str, arguments: dict[str, Any]) -> None:
    clock = datetime(2026, 3, 15, 9, tzinfo=UTC)
    async with (
        fleet_of(SandboxSettings(sims=200, clock=clock)) as fleet,
        Client(build_server(fleet.settings())) as client,
    ):
        if "sim" in arguments:
            arguments = arguments | {"sim": fleet.stories[arguments["sim"]]["iccid"]}
        result = await client.call_tool(tool, arguments)
        assert tokens(said(result)) < 5000
        assert tokens(json.dumps(facts(result), separators=(",", ":"))) < 5000


async def test_a_sim_is_found_by_everything_that_names_it(fleet: Fleet, client: Client) -> None:
    story = fleet.stories["euicc"]
    printed = story["iccid_with_luhn"]
    names = [
        str(story["sim_id"]),
        story["iccid"],
        printed,
        " ".join(printed[i : i + 4] for i in range(0, 20, 4)),
        story["imsi"],
        story["msisdn"],
        f"+{story['msisdn']}",
        story["eid"],
        story["device_name"],
    ]
    for name in names:
        assert facts(await client.call_tool("get_sim", {"sim": name}))["id"] == story["sim_id"]


async def test_a_list_counts_honestly_and_gives_the_next_call(client: Client) -> None:
    seen: list[str] = []
    page = facts(await client.call_tool("list_sims", {"per_page": 20}))
    total = page["total"]
    while True:
        seen += [row["iccid"] for row in page["sims"]]
        if "next" not in page:
            break
        following = re.fullmatch(r"list_sims\(per_page=20, page=(\d+)\)", page["next"])
        assert following
        page = facts(await client.call_tool("list_sims", {"per_page": 20, "page": int(following[1])}))
    assert len(seen) == len(set(seen)) == total


async def test_past_the_last_page_nothing_is_repeated(client: Client) -> None:
    page = facts(await client.call_tool("list_sims", {"page": 99}))
    assert page["sims"] == []
    assert "past the last" in page["hint"]


async def test_past_the_last_page_of_events_nobody_is_called_silent(fleet: Fleet, client: Client) -> None:
    page = facts(await client.call_tool("list_sim_events", {"sim": fleet.stories["healthy"]["iccid"], "page": 99}))
    assert page["events"] == []
    assert "past the last" in page["hint"]


@pytest.mark.parametrize(
    ("arguments", "holds"),
    [
        ({"status": "suspended"}, lambda row: row["status"] == "Suspended"),
        ({"status": "factory_test"}, lambda row: row["status"] == "Factory Test"),
        ({"has_device": False}, lambda row: "device" not in row),
        ({"has_device": True}, lambda row: row["device"]),
        ({"iccid": "89883030000047"}, lambda row: row["iccid"].startswith("89883030000047")),
        ({"device": "Solar inverter Basel"}, lambda row: row["device"].startswith("Solar inverter Basel")),
        ({"model": "DIM Industrial - 3FF", "detail": "full"}, lambda row: row["model"] == "DIM Industrial - 3FF"),
        ({"organisation": "alpenwerk devices"}, lambda row: "customer" not in row),
        ({"sort": "iccid", "descending": True}, lambda row: row["iccid"]),
    ],
)
async def test_filters_do_what_they_say(client: Client, arguments: dict[str, Any], holds: Any) -> None:
    page = facts(await client.call_tool("list_sims", {"per_page": 40, **arguments}))
    assert page["sims"]
    assert all(holds(row) for row in page["sims"])
    if "sort" in arguments:
        iccids = [row["iccid"] for row in page["sims"]]
        assert iccids == sorted(iccids, reverse=True)


async def test_numbers_and_dates_filter_exactly(fleet: Fleet, client: Client) -> None:
    story = fleet.stories["euicc"]
    detail = facts(await client.call_tool("get_sim", {"sim": story["iccid"]}))
    for arguments in (
        {"imsi": story["imsi"]},
        {"msisdn": f"+{story['msisdn']}"},
        {"eid": story["eid"]},
        {"iccid": story["iccid_with_luhn"]},
        {"produced": detail["produced"], "iccid": story["iccid"]},
    ):
        page = facts(await client.call_tool("list_sims", arguments))
        assert [row["iccid"] for row in page["sims"]] == [story["iccid_with_luhn"]]


async def test_with_and_without_device_add_up(client: Client) -> None:
    counts = [facts(await client.call_tool("list_sims", filters))["total"] for filters in CHOICES]
    assert counts[0] == counts[1] + counts[2]


CHOICES: list[dict[str, Any]] = [{}, {"has_device": True}, {"has_device": False}]


async def test_an_empty_list_says_what_was_searched_and_the_likeliest_mistake(client: Client) -> None:
    page = facts(await client.call_tool("list_sims", {"iccid": "8988303000006000999", "status": "suspended"}))
    assert page["total"] == 0
    assert 'iccid="8988303000006000999"' in page["hint"]
    assert "digit" in page["hint"]


async def test_events_come_newest_first_and_filter_by_type_severity_text_and_time(fleet: Fleet, client: Client) -> None:
    sim = fleet.stories["wrong_apn"]["iccid"]
    everything = facts(await client.call_tool("list_sim_events", {"sim": sim, "per_page": 40}))
    times = [row["time"] for row in everything["events"]]
    assert times == sorted(times, reverse=True)
    oldest = facts(await client.call_tool("list_sim_events", {"sim": sim, "newest_first": False}))
    assert oldest["events"][0]["time"] < times[-1]
    located = facts(await client.call_tool("list_sim_events", {"sim": sim, "type": ["update location"]}))
    assert {row["type"] for row in located["events"]} == {"Update location"}
    since = times[3]
    newer = facts(await client.call_tool("list_sim_events", {"sim": sim, "since": since}))
    assert 1 <= len(newer["events"]) <= 4
    assert all(row["time"] >= since for row in newer["events"])


@pytest.mark.parametrize(
    ("story", "severity", "words"),
    [
        ("rejected_by_network", "warn", "Location update rejected"),
        ("quota_exhausted", "warn", "quota volume of endpoint is exhausted"),
        ("imei_lock", "warn", "IMEI lock active"),
        ("traffic_limit", "warn", "traffic limit exceeded"),
        ("data_disabled", "warn", "data service disabled"),
        ("factory_test_ended", "info", "SIM activated after factory test volume reached."),
    ],
)
async def test_the_cause_of_a_story_stands_in_its_events(
    fleet: Fleet, client: Client, story: str, severity: str, words: str
) -> None:
    arguments = {"sim": fleet.stories[story]["iccid"], "severity": severity, "text_contains": words[:20]}
    page = facts(await client.call_tool("list_sim_events", arguments))
    assert any(words in row["text"] for row in page["events"])


async def test_statuses_say_what_they_cost_and_may_become(client: Client) -> None:
    rows = {row["status"]: row for row in facts(await client.call_tool("list_sim_statuses", {}))["statuses"]}
    assert set(rows) == {"Issued", "Activated", "Suspended", "Deleted", "Factory Test"}
    assert "hosting fee" in rows["Activated"]["bill"]
    assert rows["Factory Test"]["may_become"][0] == "Activated"
    assert rows["Deleted"]["may_become"] == []


@pytest.mark.parametrize("story", ["injected_name", "injected_tags", "injected_control"])
async def test_text_of_customers_is_fenced_and_cannot_end_its_fence(fleet: Fleet, client: Client, story: str) -> None:
    text = said(await client.call_tool("get_sim", {"sim": fleet.stories[story]["iccid"]}))
    opening = re.search(r"^<(data-[0-9a-f]{8})>", text, re.MULTILINE)
    assert opening
    inside = text[opening.end() : text.index(f"</{opening[1]}>")]
    written = fleet.stories[story]["device_name"].split("\n")[0][:20]
    assert written in inside
    assert written not in text.replace(inside, "")
    assert not re.search(r"[\u0000-\u0009\u000b-\u001f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", text)


async def test_twins_are_listed_not_guessed(fleet: Fleet, client: Client) -> None:
    result = await client.call_tool("get_sim", {"sim": fleet.stories["twin_a"]["device_name"]})
    assert result.is_error
    assert all(fleet.stories[key]["iccid_with_luhn"] in said(result) for key in ("twin_a", "twin_b"))
