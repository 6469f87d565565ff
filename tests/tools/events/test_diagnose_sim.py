"""A diagnosis, as a host receives it: in order, and honest about what is missing."""

import re

import pytest
from mcp import Client

from sim_mcp.emnify import Network, Quota, Sim
from sim_mcp.fleet.diagnosis.evidence import Evidence
from sim_mcp.server.app import build_server
from sim_mcp.tools.events.diagnose_sim import build_state
from tests.support import Fleet, text_of
from tests.tools.asking import NOON, asked


def places(text: str, *parts: str) -> list[int]:
    return [text.index(part) for part in parts]


async def test_a_diagnosis_says_things_in_the_order_a_person_wants_them(known: Fleet, support: Client) -> None:
    text = text_of(await asked(support, known, "diagnose_sim", "quota_exhausted"))
    order = places(
        text,
        f"SIM {known.scenarios['quota_exhausted']['iccid_with_luhn']}, as of 2026-11-22T12:0",
        "State now:",
        "connectivity BLOCKED",
        "Most likely: The data quota of the device is used up",
        "(certain)",
        "is exhausted and defined action",
        "Ruled out: SIM not activated",
        "What a person can do next:",
        "- Assign more data quota",
    )
    assert order == sorted(order)
    assert "Could not be read" not in text


async def test_an_expensive_sim_is_told_the_money_first(known: Fleet, support: Client) -> None:
    text = text_of(await asked(support, known, "diagnose_sim", "roaming_spike"))
    assert "Nothing wrong to see" not in text
    order = places(
        text,
        "Most likely: It cost ",
        "EUR in 2026-11 so far (",
        "in all of 2026-10 (",
        "(certain, cost)",
        "data 7",
        "; SMS ",
        "far more data than usual from 2026-11-15 to 2026-11-19 (days are UTC)",
        "data cost by the countries of each day, rounded: ",
        "Also found:",
        "Its connection is not at fault",
        "Ruled out:",
    )
    assert order == sorted(order)
    assert '"Turkey" 6' in text[order[7] : order[8]]
    assert "(days are UTC)" in text


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
    assert "Most likely: It cost " in text
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
    assert "Most likely: Nothing wrong to see: the device is online" in text
    assert "data quota missing" not in text[text.index("Ruled out:") : text.index("What a person can do next:")]


async def test_a_sim_whose_device_is_not_to_be_read_is_still_judged_by_its_events(known: Fleet) -> None:
    async with Client(build_server(known.settings(role="issuer"))) as issuer:
        text = text_of(await asked(issuer, known, "diagnose_sim", "data_disabled"))
    assert "Most likely: Data is switched off in the service profile" in text
    assert re.search(r"device, connectivity, network query.*: emnify knows no device", text)


@pytest.mark.parametrize(("number", "text"), [(0, None), (5, "N0, N1, N2, N3, N4"), (6, "N0, N1, N2, N3, N4 …")])
def test_blocked_operators_beyond_the_fifth_are_left_out(number: int, text: str | None) -> None:
    blocked = tuple(Network(name=f"N{each}") for each in range(number))
    assert build_state(Evidence(now=NOON, sim=Sim(id=7), blocked_operators=blocked)).blocked_operators == text


def test_a_quota_says_what_is_left_and_until_when() -> None:
    wire = {"status": {"id": 1, "description": "ACTIVE"}, "volume": "1048576", "expiry_date": "2026-12-01 00:00:00"}
    state = build_state(Evidence(now=NOON, sim=Sim(id=7), data_quota=Quota.model_validate(wire), sms_quota=Quota()))
    assert state.data_quota == "ACTIVE, 1,048,576 MB left, expires 2026-12-01T00:00Z"
    assert state.sms_quota is None
