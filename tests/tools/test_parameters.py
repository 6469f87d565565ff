"""Parameters take what people and models write."""

from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from sim_mcp.server.app import build_server
from tests.support import Fleet, structured, text_of
from tests.tools.exports.test_export_sims import rows_in

ALONE: list[tuple[str, str, dict[str, Any]]] = [
    ("summarize_sims", "group_by", {}),
    ("list_sims", "status", {}),
    ("list_sim_events", "type", {"sim": "8988303000006000000"}),
    ("export_sims", "sims", {}),
    ("set_sim_status", "sims", {"status": "suspended"}),
]


@pytest.mark.parametrize(("tool", "name", "others"), ALONE)
async def test_one_thing_alone_is_taken_for_a_list_of_it(
    fleet: Fleet, tool: str, name: str, others: dict[str, Any], tmp_path: Path
) -> None:
    one = {"group_by": "status", "status": "suspended", "type": "3", "sims": "8988303000006000000"}[name]
    settings = fleet.settings(export_dir=tmp_path, approval_wait_s=0)
    async with Client(build_server(settings)) as client:
        alone = await client.call_tool(tool, others | {name: one})
        listed = await client.call_tool(tool, others | {name: [one]})
    assert not alone.is_error, text_of(alone)
    assert structured(alone).get("total") == structured(listed).get("total")
    assert structured(alone).get("summary") == structured(listed).get("summary")


@pytest.mark.parametrize("number", [2.0, "2.0", 2, "2"])
async def test_whole_numbers_are_whole_with_a_point_and_a_zero_too(client: Client, number: Any) -> None:
    assert structured(await client.call_tool("list_sims", {"page": number, "per_page": 5}))["page"] == 2


@pytest.mark.parametrize("kind", [int, float])
async def test_an_id_is_taken_as_a_number_too(fleet: Fleet, client: Client, kind: Any) -> None:
    sim = kind(fleet.scenarios["healthy"]["sim_id"])
    assert structured(await client.call_tool("get_sim", {"sim": sim}))["id"] == sim


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-11-21", "2026-11-21"),
        ("2026-11-21T00:00:00Z", "2026-11-21T23:59:59Z"),
        ("2026-11-21T01:00:00+01:00", "2026-11-22T00:59:59+01:00"),
        (" 2026-11-21 ", "2026-11-21 "),
    ],
)
async def test_a_bare_day_is_the_whole_day_as_start_and_as_end(
    known: Fleet, support: Client, start: str, end: str
) -> None:
    asked = {"sim": known.scenarios["healthy"]["iccid"], "start": start, "end": end}
    events = structured(await support.call_tool("list_sim_events", {**asked, "per_page": 40}))
    assert events["total"] > 0
    assert {row["time"][:10] for row in events["events"]} == {"2026-11-21"}
    timeline = structured(await support.call_tool("get_sim_timeline", asked))
    assert timeline["totals"]["events"] == events["total"]
    assert (timeline["start"], timeline["end"]) == ("2026-11-21T00:00:00Z", "2026-11-21T23:59:59Z")


async def test_a_month_is_taken_wherever_days_are(known: Fleet, support: Client, tmp_path: Path) -> None:
    sim = known.scenarios["healthy"]["iccid"]
    used = structured(
        await support.call_tool("get_sim_daily_usage", {"sim": sim, "start": "2026-10", "end": "2026-10"})
    )
    assert (used["start"], used["end"]) == ("2026-10-01", "2026-10-31")
    events = structured(await support.call_tool("get_sim_timeline", {"sim": sim, "start": "2026-10", "end": "2026-10"}))
    assert (events["start"], events["end"]) == ("2026-10-01T00:00:00Z", "2026-10-31T23:59:59Z")
    async with Client(build_server(known.settings(export_dir=tmp_path))) as client:
        exported = structured(
            await client.call_tool(
                "export_sims", {"what": "usage", "sims": [sim], "start": "2026-10", "end": "2026-10"}
            )
        )
    dates = {row["date"] for row in rows_in(exported["path"])}
    assert min(dates) >= "2026-10-01"
    assert max(dates) <= "2026-10-31"


async def test_before_a_month_is_before_its_first_day_and_after_it_is_after_its_last(support: Client) -> None:
    async def total(**filters: str) -> int:
        found = structured(await support.call_tool("list_sims", filters))["total"]
        assert isinstance(found, int)
        return found

    assert await total(activated_before="2026-06") == await total(activated_before="2026-06-01")
    assert await total(activated_after="2026-06") == await total(activated_after="2026-06-30") > 0
    assert await total(activated_before="2026-11-10T12:00:00Z") == await total(activated_before="2026-11-10") > 0


async def test_produced_takes_a_day_or_a_month(support: Client) -> None:
    everything = structured(await support.call_tool("list_sims", {"detail": "full", "per_page": 40}))["sims"]
    day = everything[0]["produced"]
    rows = structured(await support.call_tool("list_sims", {"produced": day[:7], "detail": "full", "per_page": 40}))
    assert rows["total"] >= structured(await support.call_tool("list_sims", {"produced": day}))["total"] > 0
    assert {row["produced"][:7] for row in rows["sims"]} == {day[:7]}
    refused = await support.call_tool("list_sims", {"produced": "2026-13"})
    assert "produced='2026-13': should be a day such as" in text_of(refused)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("list_sim_events", {"start": "2027-01-01"}),
        ("get_sim_timeline", {"start": "2027-01-01"}),
        ("get_sim_daily_usage", {"start": "2027-01-01"}),
        ("export_sims", {"what": "usage", "start": "2027-01-01"}),
        ("export_sims", {"what": "events", "start": "2027-01-01", "end": "2027-01-02"}),
    ],
)
async def test_days_to_come_are_refused_as_such(
    known: Fleet, tmp_path: Path, tool: str, arguments: dict[str, Any]
) -> None:
    named = {} if tool == "export_sims" else {"sim": known.scenarios["healthy"]["iccid"]}
    async with Client(build_server(known.settings(export_dir=tmp_path))) as client:
        await client.call_tool("list_sims", {})
        result = await client.call_tool(tool, named | arguments)
    assert result.is_error
    assert "to come" in text_of(result)


async def test_a_pasted_column_may_be_longer_than_a_name_and_not_than_a_plan(client: Client) -> None:
    numbers = [str(8_988_303_000_009_900_000 + at) for at in range(12)]
    for column in ("\n".join(numbers), "ICCID\n" + ",".join(numbers), "\t".join(numbers) + "\t\t"):
        refused = text_of(await client.call_tool("set_sim_status", {"sims": column, "status": "suspended"}))
        assert refused.count("No SIM found") == 12
    many = "\n".join(["1"] * 3001)
    refused = text_of(await client.call_tool("set_sim_status", {"sims": many, "status": "suspended"}))
    assert "at most 3000 items" in refused
    assert "at least" in text_of(await client.call_tool("set_sim_status", {"sims": [], "status": "suspended"}))


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("list_sims", {"activated_after": "2027-01-01"}, "activated_after 2027-01-01 is still to come."),
        ("list_sims", {"produced": "2027-01"}, "produced 2027-01-01 is still to come."),
        ("summarize_sims", {"group_by": "status", "activated_after": "2027-01"}, "2027-01-31 is still to come."),
        ("list_changes", {"start": "2027-01-01"}, "start 2027-01-01T00:00:00Z is still to come."),
    ],
)
async def test_where_nothing_is_found_in_days_to_come_that_is_the_reason(
    support: Client, tool: str, arguments: dict[str, Any], says: str
) -> None:
    assert says in text_of(await support.call_tool(tool, arguments))
    earlier = {name: str(value).replace("2027", "2020") for name, value in arguments.items()}
    assert "to come" not in text_of(await support.call_tool(tool, earlier))
