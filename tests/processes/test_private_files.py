"""What the server keeps is its owner's alone: whatever the umask, the operator's directory, or an earlier version."""

import os
import sqlite3
import stat
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest
from mcp import Client, StdioServerParameters

from sim_mcp.changes.record.record_file import FILE as JOURNAL
from sim_mcp.fleet.inventory.database import SCHEMA_VERSION, SnapshotDatabase, SnapshotInfo
from sim_mcp.fleet.usage.cache import FILE as USAGE
from tests.changes.test_approval import suspend
from tests.processes.test_serving import environment
from tests.support import Fleet, structured

WITHOUT_UMASK = (
    "import os, sys; os.umask(0); os.execv(sys.executable, [sys.executable, '-m', 'sim_mcp', *sys.argv[1:]])"
)


def rights_below(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): stat.filemode(path.stat().st_mode)
        for path in sorted(directory.rglob("*"))
        if not path.is_symlink()
    }


def open_to_others(directory: Path) -> dict[str, str]:
    found = rights_below(directory)
    assert found
    return {name: rights for name, rights in found.items() if rights not in ("-rw-------", "drwx------")}


async def use_everything(env: dict[str, str], fleet: Fleet, *seen_in: Path) -> dict[str, str]:
    """Have a server without a umask keep all that it keeps; return what was open to others meanwhile or after."""
    server = StdioServerParameters(command=sys.executable, args=["-c", WITHOUT_UMASK], env=env)
    found: dict[str, str] = {}
    async with Client(server) as client:
        structured(await client.call_tool("summarize_sims", {"group_by": ["status"]}))
        ranked = structured(await client.call_tool("rank_sims_by_usage", {"customer": "13888"}))
        assert ranked["sims"] is not None
        structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy")))
        for file_format in ("csv", "json"):
            structured(await client.call_tool("export_sims", {"format": file_format}))
        for directory in seen_in:
            found |= open_to_others(directory)
    for directory in seen_in:
        found |= open_to_others(directory)
    return found


async def test_everything_kept_is_its_owners_alone_without_a_umask_in_a_directory_open_to_all(
    fleet: Fleet, tmp_path: Path
) -> None:
    exports = tmp_path / "exports"
    exports.mkdir(0o755)
    fleet.state_dir.chmod(0o755)
    env = environment(fleet, SIM_MCP_CONFIRM="host", SIM_MCP_EXPORT_DIR=str(exports))
    assert await use_everything(env, fleet, fleet.state_dir, exports) == {}
    kept = {Path(name).name for name in rights_below(fleet.state_dir)}
    assert kept >= {JOURNAL, USAGE, "changes.lock", "reading.lock", f"own-writes-{SCHEMA_VERSION}.sqlite3"}
    assert len(list(fleet.state_dir.glob("fleet-*/fleet-*.sqlite3"))) == 1
    assert sorted(path.suffix for path in exports.iterdir()) == [".csv", ".json"]
    # The operator's own directories are the operator's.
    assert [stat.S_IMODE(path.stat().st_mode) for path in (fleet.state_dir, exports)] == [0o755, 0o755]


async def test_what_an_earlier_version_left_open_to_others_is_closed_to_them_when_it_is_used(
    fleet: Fleet, tmp_path: Path
) -> None:
    env = environment(fleet, SIM_MCP_CONFIRM="host", SIM_MCP_EXPORT_DIR=str(tmp_path))
    await use_everything(env, fleet, fleet.state_dir)
    # Also what a killed process leaves beside a database.
    with closing(sqlite3.connect(fleet.state_dir / USAGE)) as db:
        db.execute("DELETE FROM claim")
        for path in fleet.state_dir.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        assert {USAGE + "-wal", USAGE + "-shm"} <= {path.name for path in fleet.state_dir.iterdir()}
        async with Client(StdioServerParameters(command=sys.executable, args=["-m", "sim_mcp"], env=env)) as client:
            structured(await client.call_tool("summarize_sims", {"group_by": ["status"], "fresh": True}))
            structured(await client.call_tool("rank_sims_by_usage", {"customer": "13888"}))
            structured(await client.call_tool("set_sim_status", suspend(fleet, "went_silent")))
            assert open_to_others(fleet.state_dir) == {}


def test_a_fleet_is_its_owners_alone_from_the_first_row_and_when_it_is_opened_again(tmp_path: Path) -> None:
    info = SnapshotInfo(datetime.now(UTC), 0.0, 1.0, settled=True, unreadable=0)
    before = os.umask(0)
    try:
        part = SnapshotDatabase.new(tmp_path / "part-1.sqlite3")
        assert open_to_others(tmp_path) == {}
        part.finish(info, tmp_path / "fleet-1.sqlite3").close()
    finally:
        os.umask(before)
    (tmp_path / "fleet-1.sqlite3").chmod(0o644)
    SnapshotDatabase.open(tmp_path / "fleet-1.sqlite3").close()
    assert open_to_others(tmp_path) == {}


@pytest.mark.parametrize("left", [None, 0o755])
async def test_the_usual_place_is_its_owners_alone(tmp_path: Path, left: int | None) -> None:
    usual = tmp_path / "sim-mcp"
    if left is not None:
        usual.mkdir(left)
    env = environment(None, XDG_STATE_HOME=str(tmp_path), HOME=str(tmp_path))
    told = "import os; os.umask(0); from sim_mcp.settings import Settings; print(Settings().state_directory())"
    done = await anyio.run_process([sys.executable, "-c", told], env=env)
    assert Path(done.stdout.decode().strip()) == usual
    assert open_to_others(tmp_path) == {}
