"""Usage of one SIM day by day, up to emnify's today."""

from datetime import UTC, datetime

import pytest
from mcp import Client

from sim_mcp.sandbox import SandboxSettings
from sim_mcp.server.app import build_server
from tests.support import Fleet, fleet_of, structured, text_of


async def test_daily_usage_is_the_last_seven_days_and_its_total_is_their_sum(fleet: Fleet, client: Client) -> None:
    used = structured(await client.call_tool("get_sim_daily_usage", {"sim": fleet.scenarios["roaming_spike"]["iccid"]}))
    assert len(used["days"]) <= 7
    assert all(used["start"] <= day["date"] <= used["end"] for day in used["days"])
    assert used["total"]["data_mb"] == pytest.approx(sum(day["data_mb"] for day in used["days"]), abs=0.01)
    assert used["total"]["currency"] == "EUR"


async def test_today_is_emnifys_today_already_in_the_first_call() -> None:
    """A server that has not heard of emnify yet, or not since its machine slept, knows no better than that machine."""
    async with fleet_of(SandboxSettings(sims=60, clock=datetime(2026, 3, 31, 23, 50, tzinfo=UTC))) as fleet:
        sim = fleet.scenarios["healthy"]["iccid"]
        async with Client(build_server(fleet.settings())) as first:
            used = structured(await first.call_tool("get_sim_daily_usage", {"sim": sim}))
        async with Client(build_server(fleet.settings())) as second:
            await second.call_tool("list_sim_events", {"sim": sim, "start": "2026-03-30"})
            asked = (await fleet.requests())[-1]["query"]
            early = await second.call_tool("list_sim_events", {"sim": sim, "start": "2026-04-30"})
            tomorrow = await second.call_tool("get_sim_daily_usage", {"sim": sim, "start": "2026-04-30"})
    assert (used["start"], used["end"]) == ("2026-03-25", "2026-03-31")
    assert "until%3A2026-03-31T23%3A5" in asked
    assert "start 2026-04-30T00:00:00Z is still to come" in text_of(early)
    assert "start 2026-04-30 is still to come: today is 2026-03-31" in text_of(tomorrow)
