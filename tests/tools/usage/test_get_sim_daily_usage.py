"""Usage of one SIM day by day, up to emnify's today."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from mcp import Client

from sim_mcp.emnify import DailyUsage, Sim
from sim_mcp.sandbox import SandboxSettings, Unknowns
from sim_mcp.server.app import build_server
from sim_mcp.tools.usage.get_sim_daily_usage import build_daily_usage
from tests.support import Fleet, fleet_of, structured, text_of
from tests.tools.usage.calls import CLOCK


async def test_daily_usage_is_the_last_seven_days_and_its_total_is_their_sum(fleet: Fleet, client: Client) -> None:
    used = structured(await client.call_tool("get_sim_daily_usage", {"sim": fleet.scenarios["roaming_spike"]["iccid"]}))
    assert len(used["days"]) <= 7
    assert all(used["start"] <= day["date"] <= used["end"] for day in used["days"])
    assert used["total"]["data_mb"] == pytest.approx(sum(day["data_mb"] for day in used["days"]), abs=0.01)
    assert used["total"]["currency"] == "EUR"


async def test_the_silent_days_are_named_and_that_days_are_utc(known: Fleet, client: Client) -> None:
    asked = {"sim": known.scenarios["went_silent"]["iccid"], "start": "2026-11-16"}
    result = await client.call_tool("get_sim_daily_usage", asked)
    assert structured(result)["silent"] == "2026-11-18 to 2026-11-22"
    assert "\nNo traffic: 2026-11-18 to 2026-11-22\n" in text_of(result)
    assert text_of(result).count("UTC") == structured(result)["hint"].count("UTC") == 1
    idle = await client.call_tool("get_sim_daily_usage", {"sim": known.scenarios["never_seen"]["iccid"]})
    assert "silent" not in structured(idle)
    assert "No traffic on these days" in text_of(idle)


async def test_days_of_zeros_are_silent_like_days_left_out() -> None:
    answers = []
    for idle in ("omitted", "zero"):
        unknowns = Unknowns.parse([f"daily_idle_days={idle}"])
        settings = SandboxSettings(sims=60, clock=CLOCK, unknowns=unknowns)
        async with fleet_of(settings) as fleet, Client(build_server(fleet.settings())) as client:
            asked = {"sim": fleet.scenarios["went_silent"]["iccid"], "start": "2026-11-16"}
            answers.append(structured(await client.call_tool("get_sim_daily_usage", asked)))
    assert [day["date"] for day in answers[0]["days"]] == [day["date"] for day in answers[1]["days"]]
    assert answers[0]["silent"] == answers[1]["silent"]


@pytest.mark.parametrize(
    ("start", "end", "month"),
    [
        ("2026-11-01", "2026-11-22", "current_month"),
        ("2026-11-01", "2026-11-30", "current_month"),
        ("2026-11-01", None, "current_month"),
        ("2026-10-01", "2026-10-31", "last_month"),
    ],
)
async def test_the_total_of_a_whole_month_is_emnifys_figure_of_it_and_why_the_days_differ_is_said(
    known: Fleet, client: Client, start: str, end: str | None, month: str
) -> None:
    sim = known.scenarios["roaming_spike"]["iccid"]
    days = await client.call_tool("get_sim_daily_usage", {"sim": sim, "start": start, "end": end})
    told = structured(await client.call_tool("get_sim_usage", {"sim": sim}))[month]
    del told["month"]
    assert structured(days)["total"] == told
    summed = sum(day.get("data_cost", 0) for day in structured(days)["days"])
    assert (
        f"Costs by day are of data only, and rounded: they add up to {summed:,.2f} EUR; "
        "the total is emnify's figure of the month." in text_of(days)
    )
    assert ("From 2026-11-23 on the days are still to come." in text_of(days)) is (end == "2026-11-30")


async def test_days_that_are_no_month_say_that_their_costs_are_of_data_only(known: Fleet, client: Client) -> None:
    asked = {"sim": known.scenarios["roaming_spike"]["iccid"], "start": "2026-11-02"}
    text = text_of(await client.call_tool("get_sim_daily_usage", asked))
    assert "Costs by day are of data only, and rounded." in text
    assert "figure of the month" not in text


async def test_days_to_come_are_refused(known: Fleet, client: Client) -> None:
    asked = {"sim": known.scenarios["healthy"]["iccid"], "start": "2026-11-23", "end": "2026-11-30"}
    result = await client.call_tool("get_sim_daily_usage", asked)
    assert result.is_error
    assert "start 2026-11-23 is still to come: today is 2026-11-22, by emnify's clock" in text_of(result)


def test_days_that_cannot_be_read_are_not_counted_as_silent_without_a_word() -> None:
    rows: list[Any] = [{"date": "2026-11-01", "data": {"volume": 1}}, {"date": "some day"}]
    first, last = date(2026, 11, 1), date(2026, 11, 4)
    answer = build_daily_usage(Sim(id=7), DailyUsage.read(rows), (first, last))
    assert answer.silent == "2026-11-02 to 2026-11-04"
    assert "1 day could not be read" in (answer.hint or "")


async def test_today_is_emnifys_today_already_in_the_first_call() -> None:
    """A server that has not heard of emnify yet, or not since its machine slept, knows no better than that machine."""
    async with fleet_of(SandboxSettings(sims=60, clock=datetime(2026, 3, 31, 23, 50, tzinfo=UTC))) as fleet:
        sim = fleet.scenarios["healthy"]["iccid"]
        async with Client(build_server(fleet.settings())) as first:
            used = structured(await first.call_tool("get_sim_daily_usage", {"sim": sim}))
        async with Client(build_server(fleet.settings())) as second:
            await second.call_tool("list_sim_events", {"sim": sim, "start": "2026-03-30"})
            asked = (await fleet.requests())[-1]["query"]
            early = await second.call_tool("list_sim_events", {"sim": sim, "start": "2026-04-30"})
            tomorrow = await second.call_tool("get_sim_daily_usage", {"sim": sim, "start": "2026-04-30"})
    assert (used["start"], used["end"]) == ("2026-03-25", "2026-03-31")
    assert "until%3A2026-03-31T23%3A5" in asked
    assert "start 2026-04-30T00:00:00Z is still to come" in text_of(early)
    assert "start 2026-04-30 is still to come: today is 2026-03-31" in text_of(tomorrow)
