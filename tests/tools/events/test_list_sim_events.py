"""Events are listed newest first, filtered, and say the cause."""

import pytest
from mcp import Client

from tests.support import Fleet, structured


async def test_past_the_last_page_of_events_nobody_is_called_silent(fleet: Fleet, client: Client) -> None:
    page = structured(
        await client.call_tool("list_sim_events", {"sim": fleet.scenarios["healthy"]["iccid"], "page": 99})
    )
    assert page["events"] == []
    assert "past the last" in page["hint"]


async def test_events_come_newest_first_and_filter_by_type_severity_text_and_time(fleet: Fleet, client: Client) -> None:
    sim = fleet.scenarios["wrong_apn"]["iccid"]
    everything = structured(await client.call_tool("list_sim_events", {"sim": sim, "per_page": 40}))
    times = [row["time"] for row in everything["events"]]
    assert times == sorted(times, reverse=True)
    oldest = structured(await client.call_tool("list_sim_events", {"sim": sim, "sort": "time"}))
    assert oldest["events"][0]["time"] < times[-1]
    located = structured(await client.call_tool("list_sim_events", {"sim": sim, "type": ["update location"]}))
    assert {row["type"] for row in located["events"]} == {"Update location"}
    since = times[3]
    newer = structured(await client.call_tool("list_sim_events", {"sim": sim, "start": since}))
    assert 1 <= len(newer["events"]) <= 4
    assert all(row["time"] >= since for row in newer["events"])


@pytest.mark.parametrize(
    ("story", "severity", "words"),
    [
        ("rejected_by_network", "warn", "Location update rejected"),
        ("quota_exhausted", "warn", "quota volume of endpoint is exhausted"),
        ("imei_lock", "warn", "IMEI lock active"),
        ("traffic_limit", "warn", "traffic limit exceeded"),
        ("data_disabled", "warn", "data service disabled"),
        ("factory_test_ended", "info", "SIM activated after factory test volume reached."),
    ],
)
async def test_the_cause_of_a_story_stands_in_its_events(
    fleet: Fleet, client: Client, story: str, severity: str, words: str
) -> None:
    arguments = {"sim": fleet.scenarios[story]["iccid"], "severity": severity, "text": words[:20]}
    page = structured(await client.call_tool("list_sim_events", arguments))
    assert any(words in row["text"] for row in page["events"])
