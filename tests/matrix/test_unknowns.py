"""Where emnify's real answer is not known, the tools work with each of them."""

from dataclasses import fields
from typing import Any, get_args, get_type_hints

import pytest
from mcp import Client

from sim_mcp.sandbox import SandboxSettings, Unknowns
from sim_mcp.server.app import build_server
from tests.support import Fleet, fleet_of, structured, text_of


def alternatives() -> list[str]:
    """Every choice other than the default, as `name=value`."""
    defaults, hints = Unknowns(), get_type_hints(Unknowns)
    found = []
    for each in fields(Unknowns):
        default, kind = getattr(defaults, each.name), hints[each.name]
        if isinstance(default, bool):
            found.append(f"{each.name}={str(not default).lower()}")
        else:
            found += [f"{each.name}={value}" for value in get_args(kind) if isinstance(value, str) and value != default]
    return found


@pytest.mark.parametrize("choice", alternatives())
async def test_a_support_desks_morning_works_with_either_answer(choice: str) -> None:
    settings = SandboxSettings(sims=60, unknowns=Unknowns.parse([choice]))
    async with (
        fleet_of(settings) as fleet,
        Client(build_server(fleet.settings(policy=fleet.trusting()))) as client,
    ):
        await morning(fleet, client)


async def morning(fleet: Fleet, client: Client) -> None:
    stories = fleet.scenarios
    sim, idle = stories["healthy"], stories["no_device"]

    async def ask(tool: str, **arguments: Any) -> dict[str, Any]:
        return structured(await client.call_tool(tool, arguments))

    assert (await ask("get_sim", sim=sim["iccid_with_luhn"]))["id"] == sim["sim_id"]
    assert (await ask("get_sim", sim=sim["iccid"]))["iccid"] == sim["iccid_with_luhn"]
    assert (await ask("get_sim", sim=sim["device_name"]))["id"] == sim["sim_id"]
    page = await ask("list_sims", per_page=10)
    assert page["sims"]
    assert not (await ask("list_sims", page=99))["sims"]
    assert (await ask("get_sim_usage", sim=sim["iccid"]))["current_month"]["data_mb"] > 0
    days = (await ask("get_sim_daily_usage", sim=sim["iccid"]))["days"]
    assert days
    assert "TOTAL" not in {day["date"] for day in days}
    assert (await ask("list_sim_events", sim=sim["iccid"], severity="info"))["events"]
    assert (await ask("list_sim_events", sim=stories["fresh"]["iccid"], type=["Update location"]))["events"] == []
    assert (await ask("get_sim_timeline", sim=sim["iccid"]))["totals"]["events"]
    unknown = await client.call_tool("list_sim_events", {"sim": "999999"})
    assert "No SIM found" in text_of(unknown)
    report = await ask("set_sim_status", sims=[sim["iccid"]], status="suspended")
    assert report["counts"] == {"changed": 1}
    again = await ask("set_sim_status", sims=[sim["iccid"]], status="suspended")
    assert again["counts"] == {"already": 1}
    deleted = await ask("delete_sims", sims=[idle["iccid"]])
    assert deleted["counts"] == {"changed": 1}
    bic = stories["batch_registrable"]["bic"]
    assert (await ask("register_sim_batch", bic=bic))["counts"] == {"changed": 10}
