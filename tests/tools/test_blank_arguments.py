"""A word for nothing is no filter: a question is asked without it, and a change is refused before anything is sent."""

from typing import Any

import pytest
from mcp import Client

from sim_mcp.server.app import build_server
from sim_mcp.tools.blank_arguments import leave_out_blanks
from tests.support import Fleet, structured, text_of

WORDS: list[Any] = [
    "null",
    "None",
    " NULL ",
    "undefined",
    "nil",
    "",
    '"null"',
    ["null"],
    '["null"]',
    "[null]",
    "\u3164",
]
QUESTIONS: list[tuple[str, str, dict[str, Any]]] = [
    ("list_sims", "status", {}),
    ("list_sims", "customer", {"status": "activated"}),
    ("list_sims", "device", {"status": "activated"}),
    ("list_sims", "iccid", {"status": "issued"}),
    ("list_sims", "has_device", {"status": "activated"}),
    ("list_sims", "produced", {"status": "activated"}),
    ("summarize_sims", "customer", {"group_by": ["status"]}),
    ("list_sim_events", "type", {"sim": "healthy"}),
    ("list_sim_events", "start", {"sim": "healthy"}),
    ("rank_sims_by_usage", "customer", {}),
    ("find_waste", "group", {}),
]
CHANGES: list[tuple[str, str, dict[str, Any]]] = [
    (tool, name, needed if name == "sims" else {**needed, besides: "activated"})
    for tool, needed, besides, customer in (
        ("set_sim_status", {"status": "suspended"}, "with_status", "customer"),
        ("assign_sims", {"customer": "13886"}, "status", "of_customer"),
        ("delete_sims", {}, "status", "customer"),
    )
    for name in ("sims", besides, customer, "model", "has_device")
]
CHANGES += [("assign_sims", role, {"sims": ["healthy"], "issuer": "2"}) for role in ("customer", "reseller")]
CHANGES += [("set_sim_status", "status", {"sims": ["healthy"]}), ("register_sim_batch", "bic", {})]


@pytest.mark.parametrize("word", WORDS, ids=repr)
@pytest.mark.parametrize(("tool", "name", "besides"), CHANGES, ids=lambda value: str(value)[:30])
async def test_a_change_with_a_filter_that_says_nothing_is_refused_before_anything_is_sent(
    fleet: Fleet, tool: str, name: str, besides: dict[str, Any], word: Any
) -> None:
    if name in {"customer", "reseller"} and word == "None":
        word = "null"  # the word that clears them.
    arguments = _named(fleet, {**besides, name: word})
    async with Client(build_server(fleet.settings(confirm="host"))) as client:
        result = await client.call_tool(tool, arguments)
    assert result.is_error
    assert f"{name}=" in text_of(result)
    assert "says nothing" in text_of(result)
    assert "nothing changed" in text_of(result).lower()
    assert await fleet.requests() == []


@pytest.mark.parametrize("sims", [["8988303000006000000", "null"], '["8988303000006000000", "None"]'])
async def test_a_sim_that_says_nothing_among_others_is_refused_too(fleet: Fleet, sims: Any) -> None:
    async with Client(build_server(fleet.settings(confirm="host"))) as client:
        result = await client.call_tool("set_sim_status", {"sims": sims, "status": "suspended"})
    assert result.is_error
    assert await fleet.requests() == []


async def test_none_clears_a_customer_all_the_same(fleet: Fleet) -> None:
    async with Client(build_server(fleet.settings(role="issuer"))) as client:
        waiting = structured(
            await client.call_tool("assign_sims", {"sims": [fleet.scenarios["healthy"]["iccid"]], "customer": "None"})
        )
    assert "customer to nobody" in waiting["summary"]


@pytest.mark.parametrize("issuer", ["none", "None", '"none"'])
async def test_a_sim_without_an_issuer_is_refused_before_anything_is_sent(fleet: Fleet, issuer: str) -> None:
    arguments = {"sims": [fleet.scenarios["healthy"]["iccid"]], "issuer": issuer, "customer": "Alpenwerk Devices"}
    async with Client(build_server(fleet.settings(role="issuer", confirm="host"))) as client:
        result = await client.call_tool("assign_sims", arguments)
    assert result.is_error
    assert "no SIM without an issuer; leave issuer out, or name the organisation" in text_of(result)
    assert "nothing changed" in text_of(result)
    assert await fleet.requests() == []


@pytest.mark.parametrize(("tool", "name", "besides"), QUESTIONS, ids=lambda value: str(value)[:30])
async def test_a_question_with_a_filter_that_says_nothing_is_asked_without_it(
    fleet: Fleet, tool: str, name: str, besides: dict[str, Any]
) -> None:
    async with Client(build_server(fleet.settings())) as client:
        plain = structured(await client.call_tool(tool, _named(fleet, besides)))
        for word in WORDS:
            asked = structured(await client.call_tool(tool, _named(fleet, {**besides, name: word})))
            assert asked.keys() == plain.keys()
            assert asked.get("total") == plain.get("total")


async def test_a_device_may_be_called_null_and_goes_by_its_name_where_one_is_needed(fleet: Fleet) -> None:
    story = fleet.scenarios["healthy"]
    device = (await fleet.api("GET", f"/sim/{story['sim_id']}")).json()["endpoint"]["id"]
    (await fleet.api("PATCH", f"/endpoint/{device}", role="enterprise", json={"name": "null"})).raise_for_status()
    async with Client(build_server(fleet.settings())) as client:
        assert structured(await client.call_tool("get_sim", {"sim": "null"}))["iccid"] == story["iccid_with_luhn"]
        assert structured(await client.call_tool("find_sims", {"text": "null"}))["total"] == 1


def test_a_word_that_a_parameter_may_take_is_kept() -> None:
    schema = {"properties": {"order": {"enum": ["most", "none"]}, "customer": {"type": "string"}}}
    assert leave_out_blanks({"order": "none", "customer": "none"}, schema) == {"order": "none"}


def _named(fleet: Fleet, arguments: dict[str, Any]) -> dict[str, Any]:
    def iccid(value: Any) -> Any:
        return fleet.scenarios["healthy"]["iccid"] if value == "healthy" else value

    return {
        name: [iccid(each) for each in value] if isinstance(value, list) else iccid(value)
        for name, value in arguments.items()
    }
