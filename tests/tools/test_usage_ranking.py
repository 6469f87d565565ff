"""Who used most, and what costs and does nothing: as emnify's own numbers have it, in either form of the answer."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any

import bpe_openai
import jsonschema
import pytest
from mcp import Client

from sim_mcp.emnify import RateLimitedError
from sim_mcp.fleet.usage.periods import month_of
from sim_mcp.fleet.usage.scan import UsageResult
from sim_mcp.sandbox import SandboxSettings
from sim_mcp.server.app import build_server
from sim_mcp.tools import usage_facts, usage_ranking
from tests.support import Fleet, facts, fleet_of, said
from tests.tools.checking import leaves, shown

CLOCK = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOVEMBER = month_of(date(2026, 11, 1))
RANK, WASTE = "rank_sims_by_usage", "find_waste"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def known() -> AsyncIterator[Fleet]:
    """Shared by a module, which must not change it; what was read of it once is known from then on."""
    async with fleet_of(SandboxSettings(sims=30, clock=CLOCK)) as made:
        yield made


@pytest.fixture(scope="module")
async def client(known: Fleet) -> AsyncIterator[Client]:
    async with Client(build_server(known.settings())) as client:
        yield client


async def usage_told(fleet: Fleet, month: str) -> dict[str, dict[str, float]]:
    """What emnify tells of each SIM that ever had service, by ICCID."""
    found = {}
    for sim in (await fleet.api("GET", "/sim", role="enterprise")).json():
        if sim["status"]["id"] == 0:
            continue
        told = (await fleet.api("GET", f"/sim/{sim['id']}/stats", role="enterprise")).json().get(month, {})
        found[sim["iccid_with_luhn"]] = {
            "data": float(told.get("data", {}).get("volume", 0)),
            "sms": float(told.get("sms", {}).get("volume", 0)),
            "cost": sum(float(told[kind]["cost"]) for kind in told),
        }
    return found


@pytest.mark.parametrize("by", ["data", "sms", "cost"])
@pytest.mark.parametrize("order", ["most", "least"])
async def test_the_ranking_is_that_of_emnifys_own_numbers(known: Fleet, client: Client, by: str, order: str) -> None:
    told = await usage_told(known, "last_month")
    sign = -1 if order == "most" else 1
    expected = sorted((sign * used[by], iccid) for iccid, used in told.items() if used[by] > 0)
    answer = facts(await client.call_tool(RANK, {"period": "last_month", "by": by, "order": order, "top": 5}))
    assert [row["iccid"] for row in answer["sims"]] == [iccid for _, iccid in expected[:5]]
    assert answer["ranked"] == len(expected)
    assert answer["read"] == answer["of"] == len(told)
    assert answer["state"] == "complete"
    assert ("next" in answer) is (len(expected) > 5)


async def test_sums_are_the_sum_and_agree_with_emnifys_own_total(known: Fleet, client: Client) -> None:
    told = await usage_told(known, "last_month")
    answer = facts(await client.call_tool(RANK, {"period": "last_month"}))
    assert answer["sum"]["data_mb"] == pytest.approx(sum(used["data"] for used in told.values()), abs=0.01)
    assert answer["sum"]["sms"] == sum(used["sms"] for used in told.values())
    assert answer["sum"]["cost_EUR"] == pytest.approx(sum(used["cost"] for used in told.values()), abs=0.01)
    assert answer["emnify_total"] == pytest.approx(answer["sum"], abs=0.01)
    of_some = facts(await client.call_tool(RANK, {"period": "last_month", "status": "activated"}))
    assert "emnify_total" not in of_some
    assert of_some["of"] < answer["of"]


async def test_none_lists_the_sims_without_any_usage(known: Fleet, client: Client) -> None:
    told = await usage_told(known, "last_month")
    idle = sorted(iccid for iccid, used in told.items() if not used["data"] + used["sms"])
    answer = facts(await client.call_tool(RANK, {"period": "last_month", "order": "none", "top": 50}))
    assert [row["iccid"] for row in answer["sims"]] == idle
    assert known.stories["no_device"]["iccid_with_luhn"] in idle
    assert known.stories["fresh"]["iccid_with_luhn"] not in idle
    assert any("Issued SIMs never had service" in note for note in answer["notes"])


async def test_days_are_ranked_by_what_was_used_on_them(known: Fleet, client: Client) -> None:
    answer = facts(await client.call_tool(RANK, {"period": "2026-11-16..2026-11-18", "customer": "Alpenwerk Devices"}))
    assert answer["period"] == "2026-11-16 to 2026-11-18"
    first = answer["sims"][0]
    sim = next(
        sim["id"]
        for sim in (await known.api("GET", "/sim", role="enterprise")).json()
        if sim["iccid_with_luhn"] == first["iccid"]
    )
    path = f"/sim/{sim}/stats/daily?start_date=2026-11-16&end_date=2026-11-18"
    *days, total = (await known.api("GET", path, role="enterprise")).json()
    assert len(days) == 3
    assert first["data_mb"] == pytest.approx(float(total["data"]["volume"]), abs=0.001)


async def test_asking_again_costs_no_reading(known: Fleet, client: Client) -> None:
    await client.call_tool(RANK, {})
    before = await known.requests()
    await client.call_tool(RANK, {"by": "cost", "order": "least"})
    await client.call_tool(RANK, {"status": "activated"})
    asked = [request["path"] for request in (await known.requests())[len(before) :]]
    assert [path for path in asked if "/sim/" in path] == []


CALLS: list[tuple[str, dict[str, Any]]] = [
    (RANK, {}),
    (RANK, {"period": "last_month", "by": "cost", "top": 50}),
    (RANK, {"order": "none", "status": "factory_test"}),
    (RANK, {"period": "last month", "order": "least", "by": "sms"}),
    (RANK, {"status": "issued"}),
    (WASTE, {}),
    (WASTE, {"customer": "13886", "group": "no_device", "examples": 100}),
]


@pytest.mark.parametrize(("tool", "arguments"), CALLS)
async def test_either_form_of_the_answer_holds_every_fact_and_fits(
    client: Client, tool: str, arguments: dict[str, Any]
) -> None:
    result = await client.call_tool(tool, arguments)
    structure, text = facts(result), said(result)
    schema = next(each.output_schema for each in (await client.list_tools()).tools if each.name == tool)
    assert schema is not None
    jsonschema.validate(structure, schema)
    for name, value in leaves(structure):
        assert shown(name, value, text), f"{name}={value!r} is not in the text:\n{text}"
    for form in (text, json.dumps(structure, separators=(",", ":"))):
        assert len(bpe_openai.get_encoding("o200k_base").encode(form)) < 5000


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"period": "yesterday"}, "is not current_month, last_month or days such as"),
        ({"period": "2026-11-09..2026-11-01"}, "swap them"),
        ({"period": "2024-01-01..2026-01-01"}, "longer than 366 days"),
        ({"period": "1024-01-01..1024-01-02"}, "too long ago"),
        ({"customer": "nobody of that name"}, "nobody of that name"),
        ({"top": 51}, "top=51"),
    ],
)
async def test_what_cannot_be_asked_says_why(client: Client, arguments: dict[str, Any], problem: str) -> None:
    result = await client.call_tool(RANK, arguments)
    assert result.is_error
    assert problem in said(result)


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
    monkeypatch.setattr(usage_ranking, "_DEVICES_WITHIN_S", 2.0)
    async with fleet_of(SandboxSettings(sims=1, clock=CLOCK)) as fleet:
        await fleet.faults("latency=3@/api/v1/endpoint")
        async with Client(build_server(fleet.settings())) as client:
            answer = facts(await client.call_tool(WASTE, {}))
            await fleet.faults("latency=3@/tariff_plan")
            unpriced = facts(await client.call_tool(WASTE, {}))
    assert answer["price"] == "0.40 EUR per SIM and month (tariff plan)"
    assert any("Which devices are disabled could not be read" in note for note in answer["notes"])
    assert not any("Which devices are disabled could not be read" in note for note in unpriced["notes"])


async def test_days_to_come_are_not_read(known: Fleet, client: Client) -> None:
    await client.call_tool(RANK, {"status": "suspended"})
    before = len(await known.requests())
    result = await client.call_tool(RANK, {"period": "2026-11-23..2026-11-30", "status": "suspended"})
    assert result.is_error
    assert "is still to come: today is 2026-11-22" in said(result)
    assert len(await known.requests()) == before


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


async def test_a_token_revoked_in_the_middle_leaves_a_partial_answer_that_says_so() -> None:
    async with fleet_of(SandboxSettings(sims=1, clock=CLOCK)) as fleet:
        async with Client(build_server(fleet.settings())) as client:
            some = facts(await client.call_tool(RANK, {"status": "suspended"}))
            await fleet.faults("error=401@/stats")
            result = await client.call_tool(RANK, {"customer": "Alpenwerk Devices"})
        answer = facts(result)
        assert answer["read"] == some["read"] > 0
        assert "stopped" in answer["state"]
        assert "renew EMNIFY_APPLICATION_TOKEN" in answer["state"]
        assert answer["next"] == 'rank_sims_by_usage(customer="Alpenwerk Devices")'
        assert "renew EMNIFY_APPLICATION_TOKEN" in said(result)


@pytest.mark.parametrize("month", ["current_month", "last_month"])
async def test_sims_without_usage_are_listed_filtered_and_paged(known: Fleet, client: Client, month: str) -> None:
    used = {iccid for iccid, amounts in (await usage_told(known, month)).items() if any(amounts.values())}
    fleet = (await known.api("GET", "/sim", role="enterprise")).json()
    idle = {sim["iccid_with_luhn"]: sim["status"]["id"] for sim in fleet if sim["iccid_with_luhn"] not in used}
    asked: dict[str, Any] = {"without_usage": month, "per_page": 10}
    found: list[str] = []
    answer: dict[str, Any] = {"next": ""}
    while "next" in answer:
        answer = facts(await client.call_tool("list_sims", asked | {"page": len(found) // 10 + 1}))
        found += [row["iccid"] for row in answer["sims"]]
        assert answer["as_of"]
        assert "complete, as of" in answer["hint"]
    assert sorted(found) == sorted(idle)
    assert answer["total"] == len(idle)
    activated = facts(await client.call_tool("list_sims", asked | {"status": "activated", "sort": "iccid"}))
    assert activated["total"] == sum(status == 1 for status in idle.values()) > 0
    nothing = facts(await client.call_tool("list_sims", asked | {"status": "activated", "device": "elevator"}))
    assert nothing["total"] == 0
    assert f'without_usage="{month}"' in nothing["hint"]


async def test_a_list_without_usage_that_cannot_be_finished_says_how_far_it_is() -> None:
    async with (
        fleet_of(SandboxSettings(sims=1, clock=CLOCK)) as fleet,
        Client(build_server(fleet.settings())) as client,
    ):
        await client.call_tool(RANK, {"status": "suspended"})
        await fleet.faults("error=401@/stats")
        result = await client.call_tool(
            "list_sims", {"without_usage": "current_month", "status": ["issued", "activated", "suspended"]}
        )
        answer = facts(result)
        issued = facts(await client.call_tool("list_sims", {"status": "issued"}))
    assert answer["total"] >= issued["total"] > 0
    assert "stopped" in answer["hint"]
    assert "renew EMNIFY_APPLICATION_TOKEN" in said(result)
    assert answer["next"] == 'list_sims(status=["issued", "activated", "suspended"], without_usage="current_month")'


def test_a_scan_under_way_says_how_far_it_is_and_when_it_will_be_done() -> None:
    reading = UsageResult(amounts={NOVEMBER: {}}, wanted=2000, left=1500, eta_s=150, slowed_down=True, gone=2)
    assert usage_facts.state(reading) == (
        "so far; 1,500 SIMs are still being read in the background, done in about 3 min; the same call picks it up"
    )
    assert usage_facts.notes(reading) == [
        "emnify asks to slow down (429): reading goes on slower.",
        "2 SIMs are no longer known to emnify.",
    ]
    assert reading.read == 498
    stopped = UsageResult(
        amounts={}, wanted=9, left=3, trouble=RateLimitedError("emnify asks to slow down (429) for 9 s")
    )
    assert usage_facts.state(stopped).startswith("stopped: 3 SIMs not read. emnify asks to slow down")


@pytest.mark.parametrize(
    ("seconds", "told"), [(1, "1 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (9000, "2.5 h")]
)
def test_durations_are_told_as_people_tell_them(seconds: float, told: str) -> None:
    assert usage_facts.duration(seconds) == told
