"""A change is about SIMs that are named, or about all that fit a filter: counted, stated, and shown one by one."""

from typing import Any

import pytest
from mcp import Client

from sim_mcp.sandbox import SandboxSettings
from sim_mcp.server.app import build_server
from sim_mcp.settings import Confirm
from tests.support import Fleet, fleet_of, structured, text_of


async def of_status(fleet: Fleet, status: str, **more: Any) -> list[str]:
    async with Client(build_server(fleet.settings())) as client:
        listed = structured(await client.call_tool("list_sims", {"status": status, "per_page": 100, **more}))
    return sorted(row["iccid"] for row in listed["sims"])


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        ({"with_status": "activated", "has_device": False}, {"status": "activated", "has_device": False}),
        ({"with_status": "activated", "has_device": True}, {"status": "activated", "has_device": True}),
        ({"with_status": "activated", "customer": "13886"}, {"status": "activated", "customer": "13886"}),
        (
            {"with_status": "activated", "customer": "alpenwerk devices"},
            {"status": "activated", "customer": "13886"},
        ),
        (
            {"with_status": ["suspended", "Active"], "has_device": True},
            {"status": ["suspended", "activated"], "has_device": True},
        ),
        (
            {"with_status": "activated", "model": ["industrial", "DIM Classic"], "customer": ["13886", "77"]},
            {"status": "activated", "model": "industrial"},
        ),
    ],
)
async def test_a_filter_chooses_what_a_listing_with_it_shows(
    fleet: Fleet, chosen: dict[str, Any], shown: dict[str, Any]
) -> None:
    wanted = await of_status(fleet, **shown)
    async with Client(build_server(fleet.settings(confirm=Confirm.HOST))) as client:
        report = structured(await client.call_tool("set_sim_status", {"status": "suspended", **chosen}))
    assert report["counts"]["changed"] + report["counts"].get("already", 0) == len(wanted)
    assert f"chosen from all {len(wanted)} SIM" in report["summary"]
    assert "Activated" in report["summary"]
    assert not set(wanted) & set(await of_status(fleet, "activated"))


async def test_what_a_filter_chose_is_counted_and_stated_before_anybody_agrees(fleet: Fleet) -> None:
    suspended = await of_status(fleet, "suspended")
    async with Client(build_server(fleet.settings())) as client:
        waiting = structured(
            await client.call_tool("set_sim_status", {"status": "activated", "with_status": "suspended"})
        )
    assert f"chosen from all {len(suspended)} SIMs with status Suspended" in waiting["summary"]
    told = "\n".join(waiting["planned"])
    assert all(iccid in told for iccid in suspended)
    assert await fleet.writes() == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "Name them in sims, or choose them by the status"),
        ({"sims": ["1"], "status": "issued"}, "not both"),
        ({"model": "no such model"}, 'no SIM fits: model "no such model"'),
        ({"customer": "nobody we know"}, "No organisation seen is called"),
        ({"customer": "77777"}, 'no SIM fits: customer "77777"'),
    ],
)
@pytest.mark.parametrize("tool", ["set_sim_status", "assign_sims", "delete_sims"])
async def test_a_choice_that_chooses_nothing_says_so(
    fleet: Fleet, tool: str, arguments: dict[str, Any], words: str
) -> None:
    needed: dict[str, Any] = {"set_sim_status": {"status": "suspended"}, "assign_sims": {"customer": "none"}}
    # What a tool changes has the plain name there.
    other = {("set_sim_status", "status"): "with_status", ("assign_sims", "customer"): "of_customer"}
    arguments = {other.get((tool, name), name): value for name, value in arguments.items()}
    async with Client(build_server(fleet.settings(confirm=Confirm.HOST))) as client:
        result = await client.call_tool(tool, {**needed.get(tool, {}), **arguments})
    assert result.is_error
    assert words in text_of(result)
    assert "nothing changed" in text_of(result).lower()
    assert await fleet.writes() == []


async def test_one_more_sim_that_fits_makes_another_plan(fleet: Fleet) -> None:
    story = fleet.scenarios["healthy"]
    async with Client(build_server(fleet.settings())) as client:
        first = structured(
            await client.call_tool("set_sim_status", {"status": "activated", "with_status": "suspended"})
        )
        await fleet.api("PATCH", f"/sim/{story['sim_id']}", json={"status": {"id": 2}})
        second = structured(
            await client.call_tool("set_sim_status", {"status": "activated", "with_status": "suspended"})
        )
    assert first["plan"] != second["plan"]
    assert [report["planned"][0][:7] for report in (first, second)] == ["2 SIMs:", "3 SIMs:"]


async def test_in_a_fleet_too_large_to_look_through_a_change_wants_the_id_of_a_customer() -> None:
    """Another customer may be called the same, and a plan names what it found."""
    async with fleet_of(SandboxSettings(sims=3200)) as fleet, Client(build_server(fleet.settings())) as client:
        named = {"with_status": "suspended", "customer": "Alpenwerk Devices", "status": "activated"}
        refused = await client.call_tool("set_sim_status", named)
        given = await client.call_tool(
            "assign_sims", {"sims": [fleet.scenarios["healthy"]["iccid"]], "reseller": "Alpenwerk Devices"}
        )
        writes = await fleet.writes()
    for result in (refused, given):
        assert result.is_error
        assert "Use the id" in text_of(result)
        assert '"Alpenwerk Devices" (id 13886)' in text_of(result)
    assert writes == []
