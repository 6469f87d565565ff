"""Events are listed newest first, filtered, and say the cause."""

import pytest
from mcp import Client

from tests.emnify.upstream import Reply, upstream_running
from tests.support import Fleet, structured, text_of
from tests.tools.sims.serving import server_on


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


async def test_without_a_sim_the_events_of_the_workspace_say_which_sim_each_is_of(support: Client) -> None:
    asked = {"filters": ["country:Germany"], "start": "2026-11-21", "end": "2026-11-21", "per_page": 5}
    first = structured(await support.call_tool("list_sim_events", asked))
    assert first["total"] > 5
    assert len({row["iccid"] for row in first["events"]}) > 1
    assert all(len(row["iccid"]) == 20 and row["country"] == "Germany" for row in first["events"])
    assert "page=2" in first["next"]
    second = await support.call_tool("list_sim_events", {**asked, "page": 2})
    assert structured(second)["page"] == 2
    assert structured(second)["events"] != first["events"]
    assert "events of the workspace" in text_of(second)


async def test_filters_narrow_the_events_of_a_sim(known: Fleet, support: Client) -> None:
    sim = known.scenarios["roaming_spike"]["iccid"]
    everything = structured(await support.call_tool("list_sim_events", {"sim": sim, "per_page": 40}))
    countries = {row["country"] for row in everything["events"] if "country" in row}
    assert len(countries) > 1
    one = min(countries)
    narrowed = structured(await support.call_tool("list_sim_events", {"sim": sim, "filters": f"country:{one}"}))
    assert {row["country"] for row in narrowed["events"]} == {one}
    assert 0 < narrowed["total"] < everything["total"]


async def test_events_of_other_orders_come_in_them(known: Fleet, support: Client) -> None:
    sim = known.scenarios["wrong_apn"]["iccid"]
    for sort in ("severity", "-severity"):
        rows = structured(await support.call_tool("list_sim_events", {"sim": sim, "sort": sort, "per_page": 40}))
        ranks = [["Info", "Warn", "Critical"].index(row["severity"]) for row in rows["events"]]
        assert ranks == sorted(ranks, reverse=sort.startswith("-"))
        assert f'sort="{sort}"' in rows["next"]


async def test_nobody_is_named_where_emnify_names_nobody_and_the_answer_says_why(support: Client) -> None:
    result = await support.call_tool("list_sim_events", {"filters": ["user:nobody we know"]})
    assert structured(result)["events"] == []
    assert "not of what an application token did" in text_of(result)
    assert "list_changes" in text_of(result)


async def test_who_did_it_is_shown_where_emnify_tells_it() -> None:
    event = {
        "id": 1,
        "timestamp": "2026-11-21T10:00:00.000Z",
        "event_type": {"id": 9, "description": "SIM suspension"},
        "description": "Status changed",
        "sim": {"id": 250, "iccid": "8988303000000000129"},
        "endpoint": {"id": 5, "name": "Pump 1"},
        "user": {"id": 7, "name": "Anna\u202e Support", "username": "anna"},
    }
    async with upstream_running() as upstream, server_on(upstream) as client:
        upstream.script(Reply(json=[event], headers={"X-Total-Count": "1"}))
        result = await client.call_tool("list_sim_events", {"filters": ["user:anna"]})
        asked = upstream.calls[-1].target
    assert structured(result)["events"][0]["user"] == "Anna Support"
    assert 'by "Anna Support"; SIM 89883030000000001294; device "Pump 1"' in text_of(result).replace(", ", "; ")
    assert asked.startswith("/api/v1/event?q=user%3Aanna&sort=-timestamp")
