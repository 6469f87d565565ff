"""A diagnosis, as a host receives it: in order, and honest about what is missing."""

import json
import re
from datetime import UTC, datetime

import pytest
from mcp import Client

from sim_mcp.emnify import ConnectivityInfo, Network, Quota, Sim, SimUsage
from sim_mcp.fleet.diagnosis.evidence import Evidence
from sim_mcp.sandbox import SandboxSettings, Unknowns
from sim_mcp.server.app import build_server
from sim_mcp.tools.events.diagnose_sim import build_state
from tests.support import Fleet, fleet_of, structured, text_of
from tests.tools.asking import NOON, asked
from tests.tools.checking import tokens


def places(text: str, *parts: str) -> list[int]:
    return [text.index(part) for part in parts]


async def test_a_diagnosis_says_things_in_the_order_a_person_wants_them(known: Fleet, support: Client) -> None:
    text = text_of(await asked(support, known, "diagnose_sim", "quota_exhausted"))
    order = places(
        text,
        f"SIM {known.scenarios['quota_exhausted']['iccid_with_luhn']}, as of 2026-11-22T12:0",
        "State now:",
        "connectivity BLOCKED",
        "Cause (certain): The data quota of the device is used up",
        "is exhausted and defined action",
        "Ruled out: SIM not activated",
        "What to do next:",
        "- Assign more data quota",
    )
    assert order == sorted(order)
    assert "Could not be read" not in text


async def test_an_expensive_sim_is_told_the_money_first(known: Fleet, support: Client) -> None:
    text = text_of(await asked(support, known, "diagnose_sim", "roaming_spike"))
    assert "No fault found" not in text
    order = places(
        text,
        "Cause (certain): It cost ",
        "EUR in 2026-11 so far (",
        "in all of 2026-10 (",
        "(cost)",
        "data 7",
        "; SMS ",
        "data cost by the countries of each day (rounded, the sum may differ slightly): ",
        "far more data than usual from 2026-11-15 to 2026-11-19 (days are UTC)",
        "Also found:",
        "Its connection is not at fault",
        "Ruled out:",
    )
    assert order == sorted(order)
    assert '"Turkey" 6' in text[order[6] : order[7]]
    assert "(days are UTC)" in text


async def test_in_the_first_days_of_a_month_the_bill_of_the_last_is_told_first() -> None:
    settings = SandboxSettings(sims=60, clock=datetime(2026, 12, 3, 12, tzinfo=UTC))
    async with fleet_of(settings) as fleet, Client(build_server(fleet.settings())) as client:
        text = text_of(await asked(client, fleet, "diagnose_sim", "roaming_spike"))
        well = text_of(await asked(client, fleet, "diagnose_sim", "healthy"))
    assert re.search(
        r"Cause \(certain\): It cost [\d,.]+ EUR in 2026-11 \(.*\), far more a day than the .* in 2026-12", text
    )
    assert "far more data than usual from 2026-11-26 to 2026-11-30" in text
    assert '"Turkey"' in text
    assert 'start="2026-11-01", end="2026-11-30")' in text
    assert "Most likely: No fault found" in well


async def test_a_purge_is_not_a_word_of_the_device_and_data_was_last_sent_when_its_session_ended(
    known: Fleet, support: Client
) -> None:
    result = await asked(support, known, "diagnose_sim", "went_silent")
    assert result.structured_content
    state = result.structured_content["state"]
    assert "Purge" not in state["last_heard"]
    assert state["last_session"] < state["last_data"] <= state["last_heard"][:17]
    assert f"data last sent {state['last_data']}" in text_of(result)


async def test_days_that_cannot_be_read_do_not_hide_what_the_month_cost(known: Fleet, support: Client) -> None:
    await known.faults("error=403@GET /stats/daily")
    try:
        text = text_of(await asked(support, known, "diagnose_sim", "roaming_spike"))
    finally:
        await known.faults()
    assert "Cause (certain): It cost " in text
    assert "daily usage: " in text[text.index("Could not be read:") :]


async def test_what_could_not_be_read_stands_at_the_end_with_its_reason(known: Fleet, support: Client) -> None:
    await known.faults("error=403@GET /quota/data", "error=403@GET /operator_blacklist", "error=403@GET /stats")
    try:
        result = await asked(support, known, "diagnose_sim", "healthy")
    finally:
        await known.faults()
    text = text_of(result)
    end = text[text.index("Could not be read:") :]
    assert "data quota" in end
    assert "blocked operators" in end
    assert "does not let this token" in end
    assert "usage:" in end
    assert "so not to be ruled out: data quota missing, used up or expired" in end
    assert "Most likely: No fault found: the device is online" in text
    assert "data quota missing" not in text[text.index("Ruled out:") : text.index("What to do next:")]


async def test_a_sim_whose_device_is_not_to_be_read_is_still_judged_by_its_events(known: Fleet) -> None:
    async with Client(build_server(known.settings(role="issuer"))) as issuer:
        text = text_of(await asked(issuer, known, "diagnose_sim", "data_disabled"))
    assert ": Data is switched off in the service profile" in text
    assert re.search(r"device, connectivity, network query.*: emnify knows no device", text)


@pytest.mark.parametrize(("number", "text"), [(0, None), (5, "N0, N1, N2, N3, N4"), (6, "N0, N1, N2, N3, N4 …")])
def test_blocked_operators_beyond_the_fifth_are_left_out(number: int, text: str | None) -> None:
    blocked = tuple(Network(name=f"N{each}") for each in range(number))
    assert build_state(Evidence(now=NOON, sim=Sim(id=7), blocked_operators=blocked)).blocked_operators == text


async def test_every_diagnosis_stays_under_900_tokens(known: Fleet, support: Client) -> None:
    spent = {}
    for key, story in known.scenarios.items():
        if "iccid" not in story:
            continue
        result = await asked(support, known, "diagnose_sim", key)
        if not result.is_error:
            spent[key] = max(
                tokens(text_of(result)), tokens(json.dumps(result.structured_content, separators=(",", ":")))
            )
    assert len(spent) > 35
    assert {key: count for key, count in spent.items() if count >= 900} == {}


async def test_what_costs_cannot_tell_is_said_in_the_state() -> None:
    settings = SandboxSettings(sims=60, clock=NOON, unknowns=Unknowns(inclusive_volume="cost_absent"))
    async with fleet_of(settings) as pooled, Client(build_server(pooled.settings())) as client:
        result = await asked(client, pooled, "diagnose_sim", "roaming_spike")
    text = text_of(result)
    assert structured(result)["state"]["costs"] == "cannot be known: the workspace has inclusive volume"
    assert "costs cannot be known: the workspace has inclusive volume" in text
    assert "Cause (certain): It used " in text
    assert " EUR" not in text


async def test_the_last_change_by_this_server_is_told_with_its_plan() -> None:
    async with fleet_of(SandboxSettings(sims=60)) as fleet:
        settings = fleet.settings(policy=fleet.trusting())
        async with Client(build_server(settings)) as client:
            before = structured(await asked(client, fleet, "diagnose_sim", "healthy"))
            sim = fleet.scenarios["healthy"]["iccid"]
            changed = structured(await client.call_tool("set_sim_status", {"sims": [sim], "status": "suspended"}))
            result = await asked(client, fleet, "diagnose_sim", "healthy")
            other = structured(await asked(client, fleet, "diagnose_sim", "wrong_apn"))
    assert "last_change" not in before["state"]
    assert "last_change" not in other["state"]
    told = structured(result)["state"]["last_change"]
    assert told.endswith(f"Activated → Suspended (changed), plan {changed['plan']}")
    assert f"last change by this server {told}" in text_of(result)


def test_what_a_network_answers_is_explained_where_its_word_is_known() -> None:
    for state, told in (
        ("assumedIdle", "assumedIdle (registered and idle)"),
        ("camelBusy", "camelBusy (registered and busy)"),
        ("somethingElse", "somethingElse"),
    ):
        info = ConnectivityInfo.model_validate({"subscriber_info": {"state": state}})
        assert build_state(Evidence(now=NOON, sim=Sim(id=7), network_query=info)).network_answers == told


def test_what_the_last_hour_carried_is_the_last_data() -> None:
    minutes = {"last_hour": {"data": {"rx": [["11:58", 0.25]], "tx": []}}}
    evidence = Evidence(now=NOON, sim=Sim(id=7), usage=SimUsage.model_validate(minutes))
    state = build_state(evidence)
    assert state.last_data == "within the last hour, 0.25 MB"
    assert (state.this_month, state.last_month) == ("2026-11 so far: no traffic", "2026-10: no traffic")


def test_a_quota_says_what_is_left_and_until_when() -> None:
    wire = {"status": {"id": 1, "description": "ACTIVE"}, "volume": "1048576", "expiry_date": "2026-12-01 00:00:00"}
    state = build_state(Evidence(now=NOON, sim=Sim(id=7), data_quota=Quota.model_validate(wire), sms_quota=Quota()))
    assert state.data_quota == "ACTIVE, 1,048,576 MB left, expires 2026-12-01T00:00Z"
    assert state.sms_quota is None
