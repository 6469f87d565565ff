"""A file opened in a spreadsheet keeps its numbers, and says when its rows were read."""

import csv
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mcp import Client
from mcp.types import ResourceLink, TextResourceContents

from sim_mcp.exports.rows import COLUMNS, IN_GROUPS, What
from sim_mcp.sandbox import SandboxSettings
from sim_mcp.server.app import build_server
from tests.support import Fleet, fleet_of, structured, text_of

MARCH = datetime(2026, 3, 1, 12, tzinfo=UTC)
WHATS: tuple[What, ...] = ("sims", "usage", "events")


@pytest.fixture
async def fleet() -> AsyncIterator[Fleet]:
    """An emnify whose clock is months behind this machine's."""
    async with fleet_of(SandboxSettings(sims=60, clock=MARCH)) as fleet:
        yield fleet


@pytest.fixture
async def client(fleet: Fleet, tmp_path: Path) -> AsyncIterator[Client]:
    async with Client(build_server(fleet.settings(export_dir=tmp_path))) as client:
        yield client


def names(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


def rows_in(path: str, delimiter: str = ",") -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


@pytest.mark.parametrize("what", WHATS)
async def test_the_time_of_a_file_is_emnifys_also_in_the_first_call(fleet: Fleet, client: Client, what: What) -> None:
    sims = [fleet.scenarios["healthy"]["iccid"]]
    report = structured(await client.call_tool("export_sims", {"what": what, "sims": sims}))
    assert re.fullmatch(r"2026-03-01T12:0\d:\d\dZ", report["as_of"])
    assert Path(report["path"]).name == f"{what}-{re.sub('[-:]', '', report['as_of'])}.csv"
    dates = [(row.get("date") or row.get("time") or "2026-03-01")[:10] for row in rows_in(report["path"])]
    assert max(dates) == "2026-03-01"
    assert min(dates) >= "2026-01-30"


async def test_the_days_of_usage_are_counted_from_emnifys_today(fleet: Fleet, client: Client) -> None:
    asked = {"what": "usage", "sims": [fleet.scenarios["healthy"]["iccid"]]}
    rows = rows_in(structured(await client.call_tool("export_sims", asked))["path"])
    assert (rows[0]["date"], rows[-1]["date"]) == ("2026-01-31", "2026-03-01")


@pytest.mark.parametrize(("start", "says"), [("2026-03-02", "still to come"), ("2025-01-01", "366 days")])
async def test_a_start_that_fits_no_end_is_refused_and_leaves_no_file(
    client: Client, tmp_path: Path, start: str, says: str
) -> None:
    result = await client.call_tool("export_sims", {"what": "usage", "status": "suspended", "start": start})
    assert result.is_error
    assert says in text_of(result)
    assert "Nothing was written" in text_of(result)
    assert names(tmp_path) == []


async def test_days_after_emnifys_today_are_said_to_be_still_to_come(fleet: Fleet, client: Client) -> None:
    asked = {"what": "usage", "sims": [fleet.scenarios["healthy"]["iccid"]], "start": "2026-02-20", "end": "2026-03-09"}
    result = await client.call_tool("export_sims", asked)
    assert "Days after 2026-03-01 are still to come." in text_of(result)
    rows = rows_in(structured(result)["path"])
    assert (rows[0]["date"], rows[-1]["date"]) == ("2026-02-20", "2026-03-01")


@pytest.mark.parametrize("what", WHATS)
async def test_the_preview_names_every_column(fleet: Fleet, client: Client, what: What) -> None:
    sims = [fleet.scenarios["suspended"]["iccid"]]
    result = await client.call_tool("export_sims", {"what": what, "sims": sims})
    preview = structured(result)["preview"]
    assert list(preview) == list(COLUMNS[what]) == list(rows_in(structured(result)["path"])[0])
    for column in COLUMNS[what]:
        assert column in text_of(result)


async def test_what_the_columns_for_spreadsheets_are_is_said(client: Client) -> None:
    said = f"The columns …{IN_GROUPS} are for spreadsheets, which round long numbers"
    for file_format, there in (("csv", True), ("csv_eu", True), ("json", False)):
        result = await client.call_tool("export_sims", {"format": file_format})
        assert (said in text_of(result)) is there
        assert (said in structured(result).get("hint", "")) is there


async def test_tools_understand_what_a_spreadsheet_kept(fleet: Fleet, client: Client) -> None:
    report = structured(await client.call_tool("export_sims", {}))
    euicc = next(row for row in rows_in(report["path"]) if row["id"] == str(fleet.scenarios["euicc"]["sim_id"]))
    for column in ("iccid_in_groups", "eid_in_groups"):
        assert str(structured(await client.call_tool("get_sim", {"sim": euicc[column]}))["id"]) == euicc["id"]
    for column in ("iccid", "eid", "imei"):
        assert euicc[f"{column}{IN_GROUPS}"].replace("-", "") == euicc[column]


async def test_the_european_variant_has_semicolons_and_decimal_commas(fleet: Fleet, client: Client) -> None:
    asked = {"what": "usage", "sims": [fleet.scenarios["healthy"]["iccid"]]}
    plain = structured(await client.call_tool("export_sims", asked | {"format": "csv"}))
    result = await client.call_tool("export_sims", asked | {"format": "csv_eu", "file_name": "Verbrauch"})
    report = structured(result)
    assert Path(report["path"]).name == "Verbrauch.csv"
    rows, same = rows_in(report["path"], ";"), rows_in(plain["path"])
    assert len(rows) == len(same) > 20
    for row, other in zip(rows, same, strict=True):
        assert row["data_mb"].count(",") == 1
        assert float(row["data_mb"].replace(",", ".")) == float(other["data_mb"])
        assert (row["date"], row["iccid"]) == (other["date"], other["iccid"])
    link = next(block for block in result.content if isinstance(block, ResourceLink))
    assert link.mime_type == "text/csv"
    content = (await client.read_resource(link.uri)).contents[0]
    assert isinstance(content, TextResourceContents)
    assert content.text.startswith("date;iccid;")
