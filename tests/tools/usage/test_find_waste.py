"""What costs and does nothing: as the SIMs and devices themselves have it."""

from decimal import Decimal
from typing import Any

import pytest
from mcp import Client

from sim_mcp.emnify.money import Money
from sim_mcp.fleet.usage.ranking import Brief
from sim_mcp.fleet.usage.scan import UsageResult
from sim_mcp.fleet.usage.waste import Price, Waste, Why
from sim_mcp.sandbox import SandboxSettings
from sim_mcp.server.app import build_server
from sim_mcp.tools.usage import find_waste
from sim_mcp.tools.usage.find_waste import build_waste, render_waste
from tests.support import Fleet, fleet_of, structured, text_of
from tests.tools.usage.calls import CLOCK, WASTE, fleet_sim


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
        answer = structured(result)
        found = {group["why"]: {row["iccid"] for row in group["examples"]} for group in answer["groups"]}
        assert found == expected
        assert fleet.scenarios["no_device"]["iccid_with_luhn"] in found["no_device"]
        assert fleet.scenarios["disabled_device"]["iccid_with_luhn"] in found["disabled_device"]
        assert fleet.scenarios["went_silent"]["iccid_with_luhn"] in found["no_traffic"]
        assert fleet.scenarios["healthy"]["iccid_with_luhn"] not in found["no_traffic"]
        assert answer["total"] == sum(len(sims) for sims in expected.values())
        assert answer["saves"] == f"{answer['total'] * 0.4:.2f} EUR a month"
        assert {request["method"] for request in await fleet.requests()} == {"GET"}


async def test_a_factory_test_about_to_end_is_told_apart_and_costs_nothing_yet(known: Fleet, client: Client) -> None:
    answer = structured(await client.call_tool(WASTE, {}))
    ending = next(group for group in answer["groups"] if group["why"] == "factory_test_ending")
    assert [row["iccid"] for row in ending["examples"]] == [known.scenarios["factory_test_ending"]["iccid_with_luhn"]]
    assert "saves" not in ending
    assert any("by a date, which emnify's API does not tell" in note for note in answer["notes"])
    assert any("1 more in factory test" in note for note in answer["notes"])


async def test_a_group_leads_to_all_of_its_sims(client: Client) -> None:
    few = structured(await client.call_tool(WASTE, {"group": "no_device", "examples": 1}))
    (group,) = few["groups"]
    assert len(group["examples"]) == 1
    if group["sims"] > 1:
        assert group["next"] == f'find_waste(group="no_device", examples={group["sims"]})'
    everything = structured(await client.call_tool(WASTE, {"group": "no_device", "examples": group["sims"]}))
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
            alone[group] = structured(result), text_of(result), len([each for each in usage if "/sim/" in each["path"]])
        async with Client(build_server(fleet.settings())) as client:
            whole = structured(await client.call_tool(WASTE, {}))
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
            answer = structured(await client.call_tool(WASTE, {}))
            await fleet.faults("latency=3@/tariff_plan")
            unpriced = structured(await client.call_tool(WASTE, {}))
    assert answer["price"] == "0.40 EUR per SIM and month (tariff plan)"
    assert any("Which devices are disabled could not be read" in note for note in answer["notes"])
    assert not any("Which devices are disabled could not be read" in note for note in unpriced["notes"])


async def test_without_a_tariff_plan_the_fees_tell_the_price_and_without_those_nobody() -> None:
    no_plan, no_fees = "error=404@/tariff_plan", "error=403@/organisation"
    async with fleet_of(SandboxSettings(sims=1, clock=CLOCK)) as fleet:
        await fleet.faults(no_plan)
        async with Client(build_server(fleet.settings())) as client:
            averaged = structured(await client.call_tool(WASTE, {"group": "no_device"}))
        await fleet.faults(no_plan, no_fees)
        async with Client(build_server(fleet.settings())) as client:
            unknown = structured(await client.call_tool(WASTE, {"group": "no_device"}))
        await fleet.faults("error=403@/api/v1/endpoint")
        async with Client(build_server(fleet.settings())) as client:
            blind = structured(await client.call_tool(WASTE, {}))
    assert averaged["price"] == "0.40 EUR per SIM and month (this month's hosting fees, averaged)"
    assert unknown["price"].startswith("not known")
    assert unknown["saves"] == unknown["groups"][0]["saves"] == "price not known"
    assert any("Which devices are disabled could not be read" in note for note in blind["notes"])


def brief(number: int) -> Brief:
    return Brief(number, None, None, None, None)


def waste_of(why: Why, sims: int, *, new: int = 0, in_factory_test: int = 0, past_default_test: int = 0) -> Waste:
    waste = Waste(new=new, in_factory_test=in_factory_test, past_default_test=past_default_test)
    waste.found[why] = [brief(number) for number in range(sims)]
    return waste


PRICE = Price(Money({"EUR": Decimal("0.405")}), "tariff plan")


def test_a_saving_is_exact_and_rounded_once() -> None:
    details = {number: fleet_sim(number) for number in range(2)}
    given = {"customer": None, "group": None, "examples": 2}
    reading = UsageResult(amounts={}, wanted=0)
    waste = waste_of(Why.NO_TRAFFIC, 7)
    answer = build_waste(given, tuple(Why), waste, details, PRICE, reading)
    assert (answer.total, answer.saves, answer.price) == (
        7,
        "2.84 EUR a month",
        "0.40 EUR per SIM and month (tariff plan)",
    )
    (group,) = answer.groups
    assert (group.saves, len(group.examples)) == ("2.84 EUR a month", 2)
    assert group.next == 'find_waste(examples=7, group="no_traffic")'
    assert answer.notes == [note for note in answer.notes if note.startswith("Suspending: ")]
    text = render_waste(answer, None)
    assert text.startswith(
        "7 SIMs cost money and are not used; suspending saves 2.84 EUR a month. Price: 0.40 EUR per SIM"
    )
    assert "2 of them:" in text


@pytest.mark.parametrize(
    ("why", "sims", "examples", "following"),
    [
        (Why.NO_DEVICE, 150, 3, 'find_waste(group="no_device", examples=100)'),
        (Why.NO_DEVICE, 150, 100, 'list_sims(status=["activated"], has_device=false)'),
        (Why.NO_TRAFFIC, 150, 100, None),
        (Why.NO_DEVICE, 3, 3, None),
    ],
)
def test_a_group_offers_the_rest_where_a_call_can_show_it(
    why: Why, sims: int, examples: int, following: str | None
) -> None:
    details = {number: fleet_sim(number) for number in range(examples)}
    given = {"customer": None, "group": None, "examples": examples}
    for left in (0, 1):
        reading = UsageResult(amounts={}, wanted=9, left=left)
        answer = build_waste(given, (why,), waste_of(why, sims), details, None, reading)
        assert answer.groups[0].next == following
        text = render_waste(answer, why.value)
        assert ("All of them so far:" if left else "All of them:") in text or examples < sims
        assert (answer.next is not None) is bool(left)
        assert answer.saves == answer.groups[0].saves == "price not known"


def test_factory_tests_are_counted_alone_only_if_nothing_else_is_asked() -> None:
    given = {"customer": None, "group": None, "examples": 1}
    waste = waste_of(Why.FACTORY_TEST_ENDING, 2, new=1, in_factory_test=6, past_default_test=1)
    reading = UsageResult(amounts={}, wanted=0)
    alone = build_waste(given, (Why.FACTORY_TEST_ENDING,), waste, {}, PRICE, reading)
    assert (alone.total, alone.saves, alone.groups[0].saves) == (2, None, None)
    among = build_waste(given, tuple(Why), waste, {}, PRICE, reading)
    assert (among.total, among.saves) == (0, "0.00 EUR a month")
    assert among.notes == [
        "Not counted: 1 SIMs without traffic first activated within 30 days.",
        "3 more in factory test: far from the default volume.",
        "1 in factory test: past the default volume, so this workspace has its own limits.",
        "A factory test can also end by a date, which emnify's API does not tell.",
    ]
    assert "(100 KB or 10 SMS)" in among.groups[0].means
    assert not build_waste(given, tuple(Why), Waste(), {}, PRICE, reading).notes
