"""A SIM is found by everything that names it, and its names are data."""

import json
import re

import pytest
from mcp import Client

from sim_mcp.emnify import Sim
from sim_mcp.fleet.diagnosis.evidence import Evidence
from sim_mcp.sandbox import SandboxSettings, Unknowns
from sim_mcp.server.app import build_server
from sim_mcp.tools.sims.get_sim import build, render
from tests.support import Fleet, fleet_of, structured, text_of
from tests.tools.asking import NOON, asked
from tests.tools.checking import tokens


async def test_a_sim_is_found_by_everything_that_names_it(fleet: Fleet, client: Client) -> None:
    story = fleet.scenarios["euicc"]
    printed = story["iccid_with_luhn"]
    names = [
        str(story["sim_id"]),
        story["iccid"],
        printed,
        " ".join(printed[i : i + 4] for i in range(0, 20, 4)),
        story["imsi"],
        story["msisdn"],
        f"+{story['msisdn']}",
        story["eid"],
        story["device_name"],
    ]
    for name in names:
        assert structured(await client.call_tool("get_sim", {"sim": name}))["id"] == story["sim_id"]


@pytest.mark.parametrize("story", ["injected_name", "injected_tags", "injected_control"])
async def test_text_of_customers_is_fenced_and_cannot_end_its_fence(fleet: Fleet, client: Client, story: str) -> None:
    text = text_of(await client.call_tool("get_sim", {"sim": fleet.scenarios[story]["iccid"]}))
    opening = re.search(r"^<(data-[0-9a-f]{8})>", text, re.MULTILINE)
    assert opening
    inside = text[opening.end() : text.index(f"</{opening[1]}>")]
    written = fleet.scenarios[story]["device_name"].split("\n")[0][:20]
    assert written in inside
    assert written not in text.replace(inside, "")
    assert not re.search(r"[\u0000-\u0009\u000b-\u001f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", text)


async def test_twins_are_listed_not_guessed(fleet: Fleet, client: Client) -> None:
    result = await client.call_tool("get_sim", {"sim": fleet.scenarios["twin_a"]["device_name"]})
    assert result.is_error
    assert all(fleet.scenarios[key]["iccid_with_luhn"] in text_of(result) for key in ("twin_a", "twin_b"))


async def test_the_imei_is_the_one_printed_on_the_device(known: Fleet, support: Client) -> None:
    found = structured(await asked(support, known, "get_sim", "healthy"))
    assert re.fullmatch(r"\d{15}", found["imei"])


async def test_it_says_whether_the_device_is_online_when_it_sent_data_and_what_to_ask_next(
    known: Fleet, support: Client
) -> None:
    result = await asked(support, known, "get_sim", "healthy")
    online = structured(result)
    number = known.scenarios["healthy"]["sim_id"]
    assert online["connectivity"] == "ONLINE"
    assert re.match(r"2026-11-22T\d\d:\d\dZ|within the last hour", online["last_data"])
    assert online["next"] == f'get_sim_timeline(sim="{number}")'
    assert f'connectivity ONLINE (data session open), network "{online["network"]}"' in text_of(result)
    silent = structured(await asked(support, known, "get_sim", "went_silent"))
    assert (silent["connectivity"], silent["last_data"][:10]) == ("OFFLINE", "2026-11-17")
    assert silent["next"] == f'diagnose_sim(sim="{known.scenarios["went_silent"]["sim_id"]}")'
    empty = structured(await asked(support, known, "get_sim", "wrong_apn"))
    assert empty["last_data"][:10] == "2026-11-16"
    without = structured(await asked(support, known, "get_sim", "no_device"))
    assert not {"connectivity", "last_data", "unread"} & set(without)


async def test_two_sims_can_be_compared_by_what_they_used_and_cost(known: Fleet, support: Client) -> None:
    result = await asked(support, known, "get_sim", "roaming_spike")
    assert re.fullmatch(r"2026-11 so far: [\d.]+ MB(, \d+ SMS)?, \d+\.\d\d EUR", structured(result)["this_month"])
    assert structured(result)["last_month"].startswith("2026-10: ")
    assert f"this month {structured(result)['this_month']}\n" in text_of(result)
    quiet = structured(await asked(support, known, "get_sim", "never_seen"))
    assert (quiet["this_month"], quiet["last_month"]) == ("2026-11 so far: no traffic", "2026-10: no traffic")


async def test_costs_that_cannot_be_known_are_not_told() -> None:
    pooled = SandboxSettings(sims=60, clock=NOON, unknowns=Unknowns(inclusive_volume="cost_absent"))
    async with fleet_of(pooled) as fleet, Client(build_server(fleet.settings())) as client:
        result = await asked(client, fleet, "get_sim", "roaming_spike")
    assert "EUR" not in text_of(result)
    assert "costs cannot be known: the workspace has inclusive volume" in text_of(result)


async def test_what_cannot_be_read_is_named_and_hides_nothing_else(known: Fleet, support: Client) -> None:
    await known.faults("error=403@GET /connectivity", "error=403@GET /stats")
    try:
        result = await asked(support, known, "get_sim", "healthy")
    finally:
        await known.faults()
    assert structured(result)["unread"] == "connectivity, usage"
    assert "Could not be read: connectivity, usage." in text_of(result)
    assert structured(result)["imsi"]
    assert not {"connectivity", "this_month"} & set(structured(result))


async def test_the_last_change_tells_what_it_was_before_and_its_plan() -> None:
    async with (
        fleet_of(SandboxSettings(sims=60, clock=NOON)) as fleet,
        Client(build_server(fleet.settings(policy=fleet.trusting()))) as client,
    ):
        sim = fleet.scenarios["healthy"]["iccid"]
        assert "last_change" not in structured(await asked(client, fleet, "get_sim", "healthy"))
        plans = [
            structured(await client.call_tool("set_sim_status", {"sims": [sim], "status": status}))["plan"]
            for status in ("suspended", "activated")
        ]
        await client.call_tool("set_sim_status", {"sims": [sim], "status": "activated"})
        result = await asked(client, fleet, "get_sim", "healthy")
        other = structured(await asked(client, fleet, "get_sim", "euicc"))
    told = structured(result)["last_change"]
    assert told.endswith(f"Suspended → Activated (changed), plan {plans[1]}")
    assert f"last change here {told}" in text_of(result)
    assert "last_change" not in other
    assert tokens(text_of(result)) < 350


async def test_every_sim_of_the_stories_is_told_in_less_than_350_tokens(known: Fleet, support: Client) -> None:
    spent = {}
    for key, story in known.scenarios.items():
        if "iccid" in story and not (result := await asked(support, known, "get_sim", key)).is_error:
            structure = json.dumps(structured(result), separators=(",", ":"))
            spent[key] = max(tokens(text_of(result)), tokens(structure))
    assert len(spent) > 35
    assert {key: count for key, count in spent.items() if count >= 350} == {}


def test_the_name_of_a_device_is_whole() -> None:
    name = "Pump " * 50 + "seven"
    sim = Sim.model_validate({"id": 7, "endpoint": {"id": 9, "name": name}})
    answer = build(Evidence(now=NOON, sim=sim))
    assert answer.device == name
    assert f'device "{name}"\n' in render(answer)
