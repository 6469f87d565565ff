"""Usage of one SIM this month and last."""

import json
import re

import pytest
from mcp import Client

from sim_mcp.emnify import Sim, SimUsage
from sim_mcp.sandbox import SandboxSettings, Unknowns
from sim_mcp.server.app import build_server
from sim_mcp.tools.usage.get_sim_usage import build_usage, render_usage
from tests.support import Fleet, fleet_of, structured, text_of
from tests.tools.usage.calls import CLOCK, costs_told, usage_told


async def test_costs_in_two_currencies_are_told_apart_and_never_added_up(mixed: Fleet) -> None:
    sim, costs = next(found for found in (await costs_told(mixed)).items() if all(map(found[1].get, ("EUR", "USD"))))
    async with Client(build_server(mixed.settings())) as client:
        result = await client.call_tool("get_sim_usage", {"sim": sim})
    month = structured(result)["last_month"]
    assert month["data_cost_EUR"] == pytest.approx(costs["EUR"], abs=0.0051)
    assert month["sms_cost_USD"] == pytest.approx(costs["USD"], abs=0.0051)
    assert not {"data_cost", "sms_cost", "currency"} & set(month)
    line = next(line for line in text_of(result).splitlines() if line.startswith("Last month"))
    assert f", {month['data_cost_EUR']:,.2f} EUR; " in line
    together = f"together {month['data_cost_EUR']:,.2f} EUR, {month['sms_cost_USD']:,.2f} USD"
    assert line.endswith(f", {month['sms_cost_USD']:,.2f} USD; {together}")


async def test_each_month_is_named_and_its_data_and_sms_are_added_up(known: Fleet, client: Client) -> None:
    told = await usage_told(known, "last_month")
    results = [(used, await client.call_tool("get_sim_usage", {"sim": sim})) for sim, used in told.items()]
    used, result = next(each for each in results if "cost" in structured(each[1])["last_month"])
    month = structured(result)["last_month"]
    assert month["month"] == "2026-10"
    assert month["cost"] == pytest.approx(used["cost"], abs=0.0051)
    assert month["cost"] == pytest.approx(month["data_cost"] + month["sms_cost"], abs=0.011)
    text = text_of(result)
    assert f"together {month['cost']:,.2f} EUR" in text
    assert ", as of 2026-11-22T12:0" in text
    assert "This month, 2026-11 so far: " in text
    assert "hosting fees are not included" in text


async def test_where_the_workspace_has_inclusive_volume_no_cost_is_told_and_why() -> None:
    pooled = SandboxSettings(sims=60, clock=CLOCK, unknowns=Unknowns(inclusive_volume="cost_zero"))
    async with fleet_of(pooled) as fleet, Client(build_server(fleet.settings())) as client:
        sim = {"sim": fleet.scenarios["roaming_spike"]["iccid"]}
        for tool in ("get_sim_usage", "get_sim_daily_usage"):
            result = await client.call_tool(tool, sim)
            assert "What it costs cannot be known: the workspace has inclusive volume." in text_of(result)
            assert not re.search("EUR|cost_|_cost|currency", json.dumps(structured(result)))
            assert "EUR" not in text_of(result)


async def test_costs_that_may_say_nothing_are_told_as_such(known: Fleet) -> None:
    await known.faults("error=403@GET /organisation/my/inclusive_volume")
    try:
        async with Client(build_server(known.settings())) as client:
            result = await client.call_tool("get_sim_usage", {"sim": known.scenarios["roaming_spike"]["iccid"]})
            idle = await client.call_tool("get_sim_usage", {"sim": known.scenarios["never_seen"]["iccid"]})
    finally:
        await known.faults()
    assert " EUR" in text_of(result)
    assert "could not be read; if so, these costs say nothing" in text_of(result)
    assert "inclusive" not in text_of(idle)


def test_a_sim_says_what_it_used_or_that_it_used_nothing() -> None:
    sim = Sim.model_validate({"id": 7, "iccid": "8988303000000000129"})
    used = build_usage(sim, SimUsage.model_validate({"last_month": {"data": {"volume": "1.5"}}}), CLOCK)
    assert used.wire() == {
        "iccid": "89883030000000001294",
        "as_of": "2026-11-22T12:00:00Z",
        "current_month": {"month": "2026-11"},
        "last_month": {"month": "2026-10", "data_mb": 1.5},
    }
    assert render_usage(used).splitlines() == [
        "Usage of SIM 89883030000000001294, as of 2026-11-22T12:00:00Z",
        "This month, 2026-11 so far: no traffic",
        "Last month, 2026-10: 1.5 MB",
    ]
    minutes = {"data": {"rx": [["06:39", 0.1]], "tx": []}}
    read = SimUsage.model_validate({"current_month": {"sms": {"volume": 1}}, "last_hour": minutes})
    now = build_usage(sim, read, CLOCK)
    assert (now.hint, now.last_hour_mb) == (None, 0.1)
    assert render_usage(now).splitlines()[1:] == [
        "This month, 2026-11 so far: 1 SMS",
        "Last month, 2026-10: no traffic",
        "Last hour: 0.1 MB",
    ]
    assert build_usage(Sim.model_validate({"id": 7}), SimUsage(), CLOCK).iccid == "id 7"


def test_a_month_that_emnify_states_is_that_month() -> None:
    stated = {"current_month": {"sms": {"volume": 1, "month": "2026-12-01T00:00:00.000Z"}}}
    used = build_usage(Sim(id=7), SimUsage.model_validate(stated), CLOCK)
    assert (used.current_month.month, used.last_month.month) == ("2026-12", "2026-10")
