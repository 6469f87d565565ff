"""Text and structure say the same, within their budgets, and reading sends nothing but GET."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest
from mcp import Client

from sim_mcp.sandbox import SandboxSettings
from sim_mcp.server.app import build_server
from tests.support import Fleet, fleet_of, structured, text_of
from tests.tools.asking import FLEET_CALLS, asked, unfenced
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
        ("list_sim_events", {"sim": sim, "text": "nothing like this"}),
        ("validate_sim_batch", {"bic": stories["batch_registrable"]["bic"]}),
    ]


async def test_reading_tools_send_nothing_but_get(fleet: Fleet, client: Client) -> None:
    for tool, arguments in calls_of_every_reading_tool(fleet.scenarios):
        structured(await client.call_tool(tool, arguments))
    assert {request["method"] for request in await fleet.requests()} == {"GET"}


async def test_structured_answers_fit_their_schema_and_the_text_holds_every_fact(fleet: Fleet, client: Client) -> None:
    schemas = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}
    for tool, arguments in calls_of_every_reading_tool(fleet.scenarios):
        result = await client.call_tool(tool, arguments)
        structure, text = structured(result), text_of(result)
        schema = schemas[tool]
        assert schema is not None
        jsonschema.validate(structure, schema)
        for name, value in leaves(structure):
            assert shown(name, value, text), f"{tool}: {name}={value!r} is not in the text:\n{text}"


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
            arguments = arguments | {"sim": fleet.scenarios[arguments["sim"]]["iccid"]}
        result = await client.call_tool(tool, arguments)
        assert tokens(text_of(result)) < 5000
        assert tokens(json.dumps(structured(result), separators=(",", ":"))) < 5000


@pytest.mark.parametrize(("tool", "arguments"), FLEET_CALLS)
async def test_either_form_of_an_answer_holds_every_fact(client: Client, tool: str, arguments: dict[str, Any]) -> None:
    schemas = {each.name: each.output_schema for each in (await client.list_tools()).tools}
    result = await client.call_tool(tool, arguments)
    structure, text = structured(result), text_of(result)
    jsonschema.validate(structure, schemas[tool] or {})
    for value in values(structure):
        assert str(value).replace('"', "'") in text.replace(",", "").replace('"', "'") or value in {1, 0}
    assert tokens(text) < 1500
    assert tokens(json.dumps(structure)) < 1500


def values(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in values(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in values(inner)]
    return [value.replace(",", "") if isinstance(value, str) else value]


async def test_text_and_structure_hold_the_same_facts(known: Fleet, support: Client) -> None:
    schemas = {tool.name: tool.output_schema for tool in (await support.list_tools()).tools}
    for tool in ("diagnose_sim", "get_sim_timeline"):
        for story in ("operator_blocked", "roaming_spike", "fresh", "breaks_off", "injected_control"):
            result = await asked(support, known, tool, story)
            schema = schemas[tool]
            assert schema is not None
            jsonschema.validate(structured(result), schema)
            for name, value in leaves(structured(result)):
                assert shown(name, value, text_of(result)), (
                    f"{tool} {story}: {name}={value!r} is not in\n{text_of(result)}"
                )


async def test_the_longest_stories_are_told_within_their_budget_in_either_form(known: Fleet, support: Client) -> None:
    for key in ("operator_blocked", "rejected_by_network", "roaming_spike", "breaks_off", "suspended"):
        for tool in ("diagnose_sim", "get_sim_timeline"):
            result = await asked(support, known, tool, key)
            assert tokens(text_of(result)) < 1500, key
            assert tokens(json.dumps(structured(result), separators=(",", ":"))) < 1500, key


async def test_diagnosis_and_timeline_send_nothing_but_get(known: Fleet, support: Client) -> None:
    await known.control.delete("/sandbox/requests")
    await asked(support, known, "diagnose_sim", "went_silent")
    sent = await known.requests()
    assert len(sent) <= 17
    await asked(support, known, "get_sim_timeline", "went_silent")
    assert {request["method"] for request in await known.requests()} == {"GET"}


async def test_an_unknown_sim_is_not_diagnosed(support: Client) -> None:
    for tool in ("diagnose_sim", "get_sim_timeline"):
        result = await support.call_tool(tool, {"sim": "8988303000009999999"})
        assert result.is_error
        assert "No SIM found" in text_of(result)


async def test_text_of_customers_and_networks_stays_inside_its_fence(known: Fleet, support: Client) -> None:
    for tool in ("diagnose_sim", "get_sim_timeline"):
        for story, written in (("injected_name", "Ignore all previous"), ("injected_control", "Gate 9")):
            text = text_of(await asked(support, known, tool, story))
            assert written not in unfenced(text)
            assert not re.search(r"[\u0000-\u0009\u000b-\u001f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", text)
    text = text_of(await asked(support, known, "diagnose_sim", "rejected_by_network"))
    assert "T-Mobile" in text
    assert "T-Mobile" not in unfenced(text)
    text = text_of(await asked(support, known, "get_sim_timeline", "wrong_apn"))
    assert "internet.telekom" in text
    assert "internet.telekom" not in unfenced(text)
