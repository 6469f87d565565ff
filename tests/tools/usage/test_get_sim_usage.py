"""Usage of one SIM this month and last."""

import pytest
from mcp import Client

from sim_mcp.emnify import Sim, SimUsage
from sim_mcp.server.app import build_server
from sim_mcp.tools.usage.get_sim_usage import build_usage, render_usage
from tests.support import Fleet, structured, text_of
from tests.tools.usage.calls import costs_told


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
    assert line.endswith(f", {month['sms_cost_USD']:,.2f} USD")


def test_a_sim_says_what_it_used_or_that_it_used_nothing() -> None:
    sim = Sim.model_validate({"id": 7, "iccid": "8988303000000000129"})
    used = build_usage(sim, SimUsage.model_validate({"last_month": {"data": {"volume": "1.5"}}}))
    assert used.wire() == {"iccid": "89883030000000001294", "last_month": {"data_mb": 1.5}}
    assert render_usage(used) == "Usage of SIM 89883030000000001294\nLast month: 1.5 MB"
    minutes = {"data": {"rx": [["06:39", 0.1]], "tx": []}}
    now = build_usage(sim, SimUsage.model_validate({"current_month": {"sms": {"volume": 1}}, "last_hour": minutes}))
    assert (now.hint, now.last_hour_mb) == (None, 0.1)
    assert render_usage(now).splitlines()[1:] == ["This month: 1 SMS", "Last hour: 0.1 MB"]
    nothing = build_usage(Sim.model_validate({"id": 7}), SimUsage())
    assert nothing.iccid == "id 7"
    assert (nothing.hint or "").startswith("No traffic this month or last")
    assert (nothing.hint or "") in render_usage(nothing)
