"""The record is where the operator looks, whole, of a known version, and its owner's alone; or nothing is sent."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.types import CallToolResult

from sim_mcp.changes.record.audit import audit
from sim_mcp.changes.record.history import changes
from sim_mcp.changes.record.journal import Journal
from sim_mcp.changes.record.migrations import MIGRATIONS, VERSION
from sim_mcp.changes.record.record_file import FILE
from sim_mcp.changes.record.storage import JournalError
from sim_mcp.server.app import build_server
from sim_mcp.settings import Confirm
from tests.changes.test_record import CALLER, plan_of
from tests.processes.test_commands import run_on
from tests.support import Fleet, structured, text_of

RECORDS = Path(__file__).with_name("records")
SIMS = ("healthy", "went_silent", "euicc", "wrong_apn", "quota_exhausted")


def suspension(fleet: Fleet, *stories: str) -> dict[str, Any]:
    return {"sims": [fleet.scenarios[story]["iccid"] for story in stories], "status": "suspended"}


def remove_the_directory(place: Path, _backup: Path) -> None:
    shutil.rmtree(place)


def remove_the_file(place: Path, _backup: Path) -> None:
    for file in place.glob(f"{FILE}*"):
        file.unlink()


def empty_the_directory_anew(place: Path, _backup: Path) -> None:
    shutil.rmtree(place)
    place.mkdir()


def replace_it_by_a_new_one(place: Path, _backup: Path) -> None:
    (place / FILE).unlink()
    Journal(place).keep(plan_of(), CALLER)


def cut_it_short(place: Path, _backup: Path) -> None:
    file = place / FILE
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty_it(place: Path, _backup: Path) -> None:
    (place / FILE).write_bytes(b"")


def restore_a_backup_over_it(place: Path, backup: Path) -> None:
    (place / FILE).write_bytes(backup.read_bytes())


def put_a_backup_in_its_place(place: Path, backup: Path) -> None:
    shutil.copy(backup, place / "restored")
    (place / "restored").replace(place / FILE)


LOSSES = (
    remove_the_directory,
    remove_the_file,
    empty_the_directory_anew,
    replace_it_by_a_new_one,
    cut_it_short,
    empty_it,
    restore_a_backup_over_it,
    put_a_backup_in_its_place,
)


@pytest.mark.parametrize("lose", LOSSES)
async def test_a_record_that_went_away_stops_every_write_of_a_running_server(
    fleet: Fleet, tmp_path: Path, lose: Callable[[Path, Path], None]
) -> None:
    settings = fleet.settings(confirm=Confirm.HOST)
    async with Client(build_server(settings)) as client:
        await client.call_tool("set_sim_status", suspension(fleet, "healthy"))
        shutil.copy(fleet.state_dir / FILE, tmp_path / "backup")
        await client.call_tool("set_sim_status", suspension(fleet, "went_silent"))
        lose(fleet.state_dir, tmp_path / "backup")
        result = await client.call_tool("set_sim_status", suspension(fleet, "euicc"))
        assert result.is_error
        assert "may be changed" in text_of(result)
        assert "The operator should" in text_of(result)
        assert len(await fleet.writes()) == 2
        assert structured(await client.call_tool("list_sims", {}))["total"]
    # Whoever starts anew goes on with what is there, if it is a record at all.
    if lose not in (cut_it_short, remove_the_directory):
        async with Client(build_server(settings)) as client:
            assert structured(await client.call_tool("set_sim_status", suspension(fleet, "euicc")))["state"] == "done"


@pytest.mark.parametrize("lose", [remove_the_directory, remove_the_file, restore_a_backup_over_it])
async def test_a_record_that_goes_away_in_the_middle_stops_the_change_there(
    fleet: Fleet, tmp_path: Path, lose: Callable[[Path, Path], None]
) -> None:
    await fleet.faults("latency=0.3@PATCH")
    results: list[CallToolResult] = []
    async with Client(build_server(fleet.settings(confirm=Confirm.HOST))) as client:
        await client.call_tool("set_sim_status", suspension(fleet, "no_device"))
        shutil.copy(fleet.state_dir / FILE, tmp_path / "backup")
        before = len(await fleet.writes())

        async def suspend() -> None:
            results.append(await client.call_tool("set_sim_status", suspension(fleet, *SIMS)))

        async with anyio.create_task_group() as group:
            group.start_soon(suspend)
            while len(await fleet.writes()) <= before:  # noqa: ASYNC110  # the sandbox tells nobody.
                await anyio.sleep(0.01)
            lose(fleet.state_dir, tmp_path / "backup")
    assert results[0].is_error
    assert "SIMs before that point may have been changed" in text_of(results[0])
    assert len(await fleet.writes()) - before <= 2


async def test_the_audit_of_a_directory_without_a_record_says_so_and_fails(fleet: Fleet) -> None:
    done = await run_on(fleet, "audit")
    assert done.returncode == 1
    assert "There is no record" in done.stderr
    assert str(fleet.state_dir) in done.stderr
    assert "Nothing" not in done.stdout


def test_what_is_kept_is_its_owners_alone_whatever_the_directory_allows(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    Journal(tmp_path).keep(plan_of(), CALLER)
    assert {oct(file.stat().st_mode & 0o777) for file in tmp_path.iterdir()} == {"0o600"}


def test_a_record_that_others_could_read_is_theirs_no_more(tmp_path: Path) -> None:
    Journal(tmp_path).keep(plan_of(), CALLER)
    (tmp_path / FILE).chmod(0o644)
    Journal(tmp_path).check_writable()
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


def test_each_version_of_the_record_has_a_named_migration_and_a_record_to_try_it_on() -> None:
    assert len({migration.name for migration in MIGRATIONS}) == VERSION
    assert {file.name for file in RECORDS.iterdir()} == {f"version_{version}.sql" for version in range(VERSION)}


@pytest.mark.parametrize("version", range(VERSION))
def test_a_record_of_an_earlier_version_is_read_and_gone_on_with(tmp_path: Path, version: int) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript((RECORDS / f"version_{version}.sql").read_text(encoding="utf-8"))
        db.execute(f"PRAGMA user_version = {version}")
        db.commit()
    assert [(row.event, row.sim[-4:], row.outcome) for row in audit(tmp_path)] == [
        ("decided", "SIMs", "approved"),
        ("sent", "0003", "sent"),
        ("outcome", "0001", "changed"),
        ("outcome", "0002", "unknown"),
        ("decided", " SIM", "rejected"),
        ("decided", "3NEY", "approved"),
        ("outcome", "3NEY", "changed"),
    ]
    journal = Journal(tmp_path)
    assert [(change.tool, change.standing) for change in changes(journal)] == [
        ("register_sim_batch", "done"),
        ("delete_sims", "expired"),
        ("set_sim_status", "expired"),
        ("set_sim_status", "rejected"),
        ("set_sim_status", "done"),
    ]
    kept = journal.keep(plan_of(), CALLER)
    assert journal.plan(kept.id)


def test_a_record_of_a_newer_version_is_not_written_to(tmp_path: Path) -> None:
    Journal(tmp_path).keep(plan_of(), CALLER)
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(JournalError, match="newer version"):
        Journal(tmp_path).keep(plan_of(3), CALLER)
    assert list(audit(tmp_path)) == []


async def test_another_process_that_holds_the_record_holds_nobody_up_who_only_reads(fleet: Fleet) -> None:
    """Told by a count within one run: answers to questions while a change waits for the record."""
    sim = fleet.scenarios["healthy"]["iccid"]
    async with Client(build_server(fleet.settings(confirm=Confirm.HOST))) as client:
        await client.call_tool("set_sim_status", suspension(fleet, "went_silent"))
        with closing(sqlite3.connect(fleet.state_dir / FILE, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            answered = 0
            async with anyio.create_task_group() as group:
                group.start_soon(client.call_tool, "set_sim_status", suspension(fleet, "healthy"))
                while answered < 20:
                    structured(await client.call_tool("get_sim", {"sim": sim}))
                    answered += 1
                assert len(await fleet.writes()) == 1
                other.execute("ROLLBACK")
        assert len(await fleet.writes()) == 2
