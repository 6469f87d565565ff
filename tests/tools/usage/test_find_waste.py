"""What costs and does nothing: as the SIMs and devices themselves have it."""

from typing import Any

import pytest
from mcp import Client

from sim_mcp.sandbox import SandboxSettings
from sim_mcp.server.app import build_server
from sim_mcp.tools.usage import find_waste
from tests.support import Fleet, facts, fleet_of, said
from tests.tools.usage.calls import CLOCK, WASTE


async def waste_told(fleet: Fleet) -> dict[str, set[str]]:
    """Sort the activated SIMs by hand, one call each."""
    found: dict[str, set[str]] = {"no_device": set(), "disabled_device": set(), "no_traffic": set()}
    for sim in (await fleet.api("GET", "/sim?q=status:1", role="enterprise")).json():
        iccid = sim["iccid_with_luhn"]
        if "endpoint" not in sim:
            found["no_device"].add(iccid)
            continue
        device = (await fleet.api("GET", f"/endpoint/{sim['endpoint']['id']}", role="enterprise")).json()
        usage = (await fleet.api("GET", f"/sim/{sim['id']}/stats", role="enterprise")).json()
        if device["status"]["id"] == 1:
            found["disabled_device"].add(iccid)
        elif not {"current_month", "last_month"} & set(usage):
            found["no_traffic"].add(iccid)
    return found


async def test_waste_is_grouped_counted_and_priced_as_the_sims_are() -> None:
    async with fleet_of(SandboxSettings(sims=30, clock=CLOCK)) as fleet:
        await fleet.control.post("/sandbox/clock", json={"advance_s": 75 * 86_400})
        expected = await waste_told(fleet)
        async with Client(build_server(fleet.settings())) as client:
            result = await client.call_tool(WASTE, {"examples": 100})
        answer = facts(result)
        found = {group["why"]: {row["iccid"] for row in group["examples"]} for group in answer["groups"]}
        assert found == expected
        assert fleet.stories["no_device"]["iccid_with_luhn"] in found["no_device"]
        assert fleet.stories["disabled_device"]["iccid_with_luhn"] in found["disabled_device"]
        assert fleet.stories["went_silent"]["iccid_with_luhn"] in found["no_traffic"]
        assert fleet.stories["healthy"]["iccid_with_luhn"] not in found["no_traffic"]
        assert answer["total"] == sum(len(sims) for sims in expected.values())
        assert answer["saves"] == f"{answer['total'] * 0.4:.2f} EUR a month"
        assert {request["method"] for request in await fleet.requests()} == {"GET"}


async def test_a_factory_test_about_to_end_is_told_apart_and_costs_nothing_yet(known: Fleet, client: Client) -> None:
    answer = facts(await client.call_tool(WASTE, {}))
    ending = next(group for group in answer["groups"] if group["why"] == "factory_test_ending")
    assert [row["iccid"] for row in ending["examples"]] == [known.stories["factory_test_ending"]["iccid_with_luhn"]]
    assert "saves" not in ending
    assert any("by a date, which emnify's API does not tell" in note for note in answer["notes"])
    assert any("1 more in factory test" in note for note in answer["notes"])


async def test_a_group_leads_to_all_of_its_sims(client: Client) -> None:
    few = facts(await client.call_tool(WASTE, {"group": "no_device", "examples": 1}))
    (group,) = few["groups"]
    assert len(group["examples"]) == 1
    if group["sims"] > 1:
        assert group["next"] == f'find_waste(group="no_device", examples={group["sims"]})'
    everything = facts(await client.call_tool(WASTE, {"group": "no_device", "examples": group["sims"]}))
    assert len(everything["groups"][0]["examples"]) == group["sims"]


async def test_one_group_is_counted_for_itself_and_reads_only_the_usage_it_needs() -> None:
    async with fleet_of(SandboxSettings(sims=30, clock=CLOCK)) as fleet:
        await fleet.control.post("/sandbox/clock", json={"advance_s": 40 * 86_400})
        alone: dict[str, tuple[Any, str, int]] = {}
        for group in ("no_device", "disabled_device", "factory_test_ending", "no_traffic"):
            await fleet.control.delete("/sandbox/requests")
            async with Client(build_server(fleet.settings())) as client:
                result = await client.call_tool(WASTE, {"group": group})
            usage = [
                request for request in await fleet.requests() if request["path"].partition("?")[0].endswith("/stats")
            ]
            alone[group] = facts(result), said(result), len([each for each in usage if "/sim/" in each["path"]])
        async with Client(build_server(fleet.settings())) as client:
            whole = facts(await client.call_tool(WASTE, {}))
    sizes = {group["why"]: group["sims"] for group in whole["groups"]}
    for group, (answer, text, _) in alone.items():
        assert answer["total"] == sizes.get(group, 0)
        assert f" in {group}" in text.splitlines()[0]
        assert ("saves" in answer) is (group != "factory_test_ending")
    assert alone["no_device"][2] == alone["disabled_device"][2] == 0
    assert 0 < alone["factory_test_ending"][2] < alone["no_traffic"][2]


async def test_devices_that_take_too_long_to_list_cost_only_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find_waste, "_DEVICES_WITHIN_S", 2.0)
    async with fleet_of(SandboxSettings(sims=1, clock=CLOCK)) as fleet:
        await fleet.faults("latency=3@/api/v1/endpoint")
        async with Client(build_server(fleet.settings())) as client:
            answer = facts(await client.call_tool(WASTE, {}))
            await fleet.faults("latency=3@/tariff_plan")
            unpriced = facts(await client.call_tool(WASTE, {}))
    assert answer["price"] == "0.40 EUR per SIM and month (tariff plan)"
    assert any("Which devices are disabled could not be read" in note for note in answer["notes"])
    assert not any("Which devices are disabled could not be read" in note for note in unpriced["notes"])


async def test_without_a_tariff_plan_the_fees_tell_the_price_and_without_those_nobody() -> None:
    no_plan, no_fees = "error=404@/tariff_plan", "error=403@/organisation"
    async with fleet_of(SandboxSettings(sims=1, clock=CLOCK)) as fleet:
        await fleet.faults(no_plan)
        async with Client(build_server(fleet.settings())) as client:
            averaged = facts(await client.call_tool(WASTE, {"group": "no_device"}))
            await fleet.faults(no_plan, no_fees)
            unknown = facts(await client.call_tool(WASTE, {"group": "no_device"}))
            await fleet.faults("error=403@/api/v1/endpoint")
            blind = facts(await client.call_tool(WASTE, {}))
    assert averaged["price"] == "0.40 EUR per SIM and month (this month's hosting fees, averaged)"
    assert unknown["price"].startswith("not known")
    assert unknown["saves"] == unknown["groups"][0]["saves"] == "price not known"
    assert any("Which devices are disabled could not be read" in note for note in blind["notes"])
