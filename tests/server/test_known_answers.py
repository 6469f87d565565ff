"""While emnify's limits are spent, a question is answered by what is known, and says so; a change never is."""

import re
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from mcp import Client

from sim_mcp.sandbox import SandboxSettings, Unknowns
from sim_mcp.server.app import build_server
from tests.support import Fleet, fleet_of, structured, text_of

TOLD = re.compile(
    r"\[sandbox\] As of (\d\d:\d\d) UTC, to stay within emnify's rate limits; fresh again at (\d\d:\d\d) UTC\.",
    re.ASCII,
)


@pytest.fixture
async def fleet() -> AsyncIterator[Fleet]:
    """One that asks to wait for ten minutes when it is asked too much."""
    async with fleet_of(SandboxSettings(sims=60, unknowns=Unknowns(retry_after=600))) as made:
        yield made


async def spend(fleet: Fleet, client: Client) -> None:
    """Have emnify say that it was asked too much, some seconds after what was read before."""
    await anyio.sleep(2.1)
    await fleet.faults("throttle=1")
    refused = await client.call_tool("list_sim_statuses", {})
    assert refused.is_error
    assert "Try again in" in text_of(refused)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("get_sim", {"sim": "iccid"}),
        ("get_sim", {"sim": "imsi"}),
        ("get_sim_usage", {"sim": "iccid"}),
        ("list_sims", {"status": ["suspended"]}),
        ("list_sims", {"customer": ["tenant"]}),
        ("list_sim_events", {"sim": "iccid"}),
    ],
)
async def test_a_question_is_answered_as_before_and_says_as_of_when_in_both_forms(
    fleet: Fleet, client: Client, tool: str, arguments: dict[str, Any]
) -> None:
    named = {name: fleet.scenarios["healthy"][value] if name == "sim" else value for name, value in arguments.items()}
    if tool == "list_sims" and "customer" in named:
        named["customer"] = [str(structured(await client.call_tool("list_sims", {}))["customer"])]
    before = structured(await client.call_tool(tool, named))
    asked = len(await fleet.requests())
    await spend(fleet, client)
    answer = await client.call_tool(tool, named)
    after = structured(answer)
    told = TOLD.match(text_of(answer))
    assert told is not None, text_of(answer)
    assert after["known_as_of"][11:16] == told[1]
    assert after["fresh_again_at"][11:16] == told[2] > told[1]
    assert {key: value for key, value in after.items() if key in before and key != "as_of"} == {
        key: value for key, value in before.items() if key != "as_of"
    }
    assert len(await fleet.requests()) == asked + 1, "the one that was refused"


async def test_what_was_never_read_is_answered_from_the_inventory(fleet: Fleet, client: Client) -> None:
    named = fleet.scenarios["healthy"]
    structured(await client.call_tool("summarize_sims", {"group_by": ["status"]}))
    await spend(fleet, client)
    for name in (named["iccid"], named["iccid_with_luhn"], named["imsi"], named["device_name"]):
        answer = await client.call_tool("get_sim", {"sim": str(name)})
        sim = structured(answer)
        assert (sim["iccid"], sim["id"]) == (named["iccid_with_luhn"], named["sim_id"])
        assert TOLD.match(text_of(answer)) is not None
        assert "usage" in sim["unread"], "what is not in the inventory is told as unread"
    listed = structured(await client.call_tool("list_sims", {"status": ["suspended"], "per_page": 1}))
    assert listed["total"] > 0
    assert listed["as_of"]
    usage = await client.call_tool("get_sim_usage", {"sim": named["iccid"]})
    assert usage.is_error
    assert re.search(r"Try again in \d{3} s", text_of(usage))


async def test_two_sims_of_one_name_stay_two_also_in_the_inventory(fleet: Fleet, client: Client) -> None:
    structured(await client.call_tool("summarize_sims", {"group_by": ["status"]}))
    await spend(fleet, client)
    answer = await client.call_tool("get_sim", {"sim": fleet.scenarios["twin_a"]["device_name"]})
    assert answer.is_error


async def test_a_diagnosis_says_besides_what_is_not_known(fleet: Fleet, client: Client) -> None:
    named = {"sim": fleet.scenarios["healthy"]["iccid"]}
    before = structured(await client.call_tool("diagnose_sim", named))
    await spend(fleet, client)
    answer = await client.call_tool("diagnose_sim", named)
    assert TOLD.match(text_of(answer)) is not None
    assert structured(answer)["findings"] == before["findings"]
    assert "quota" in structured(answer)["unread"][0], "that there is none is no answer that is kept"


async def test_what_is_new_enough_says_nothing_of_the_kind(fleet: Fleet, client: Client) -> None:
    named = {"sim": fleet.scenarios["healthy"]["iccid"]}
    for _ in range(2):
        answer = await client.call_tool("get_sim", named)
        assert TOLD.search(text_of(answer)) is None
        assert "known_as_of" not in structured(answer)


async def test_a_change_is_never_planned_from_what_is_known_and_says_when_it_can_be(fleet: Fleet) -> None:
    named = fleet.scenarios["healthy"]["iccid"]
    async with Client(build_server(fleet.settings())) as client:
        structured(await client.call_tool("get_sim", {"sim": named}))
        await spend(fleet, client)
        refused = await client.call_tool("set_sim_status", {"sims": [named], "status": "suspended"})
    assert refused.is_error
    assert re.search(r"allow the next request in \d{3} s.*Try again in \d{3} s", text_of(refused))
    assert await fleet.writes() == []
