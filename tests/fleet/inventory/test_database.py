"""A snapshot is a file that is whole or not there, and stays readable for who still reads it."""

import gc
import os
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sim_mcp.fleet.inventory import database
from sim_mcp.fleet.inventory.cache import SnapshotCache
from sim_mcp.fleet.inventory.database import SnapshotDatabase, SnapshotFileError, SnapshotInfo
from sim_mcp.fleet.inventory.rows import Row, row_of_json
from sim_mcp.fleet.inventory.sharing import OwnWrites

INFO = SnapshotInfo(datetime(2026, 11, 22, 9, tzinfo=UTC), 1.5, 2.5, settled=True, unreadable=3)
IDENTITY = "0" * 24


def row(number: int) -> Row:
    found = row_of_json({"id": number}, {})
    assert found is not None
    return found


def finished(path: Path, *ids: int) -> SnapshotDatabase:
    filled = SnapshotDatabase.new(path.with_name("part.sqlite3"))
    filled.put([row(number) for number in ids], {})
    return filled.finish(INFO, path)


def ids_in(snapshot: SnapshotDatabase) -> list[int]:
    return list(snapshot.ids("SELECT id FROM sim ORDER BY id", ()))


def test_a_finished_snapshot_opens_again_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "fleet.sqlite3"
    finished(path, 1, 2).close()
    opened = SnapshotDatabase.open(path)
    assert (opened.path, opened.info, ids_in(opened)) == (path, INFO, [1, 2])
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    opened.close()


def test_a_finished_snapshot_is_safe_from_a_crash_which_one_being_filled_need_not_be(tmp_path: Path) -> None:
    filling = SnapshotDatabase.new(tmp_path / "part.sqlite3")
    assert filling.rows("PRAGMA synchronous") == [(0,)]
    done = filling.finish(INFO, tmp_path / "fleet.sqlite3")
    assert done is not filling
    assert (done.rows("PRAGMA synchronous"), done.rows("PRAGMA journal_mode")) == ([(2,)], [("delete",)])
    done.close()


def test_a_snapshot_that_is_not_finished_cannot_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "fleet.sqlite3"
    filling = SnapshotDatabase.new(path)
    with pytest.raises(SnapshotFileError, match="not finished"):
        _ = filling.info
    filling.close()
    with pytest.raises(SnapshotFileError, match=r"fleet.sqlite3 is not a snapshot"):
        SnapshotDatabase.open(path)


def test_a_snapshot_of_another_version_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "fleet.sqlite3"
    finished(path, 1).close()
    monkeypatch.setattr(database, "SCHEMA_VERSION", database.SCHEMA_VERSION + 1)
    with pytest.raises(SnapshotFileError, match="another version"):
        SnapshotDatabase.open(path)


def test_what_is_given_up_leaves_no_file_and_what_is_finished_stays(tmp_path: Path) -> None:
    SnapshotDatabase.new(tmp_path / "part.sqlite3").discard()
    assert not list(tmp_path.iterdir())
    finished(tmp_path / "fleet.sqlite3", 1).discard()
    assert [each.name for each in tmp_path.iterdir()] == ["fleet.sqlite3"]


def test_a_finished_snapshot_that_is_locked_stays_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_BUSY_S", 0.01)
    path = tmp_path / "fleet.sqlite3"
    done = finished(path, 1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        done.put([row(2)], {})
    other.close()
    assert (done.path, ids_in(done), path.exists()) == (path, [1], True)
    done.close()


def test_the_newest_snapshot_is_opened_once_until_there_is_a_newer_one(tmp_path: Path) -> None:
    cache = SnapshotCache(tmp_path, IDENTITY)
    first = cache.finished_path()
    assert first is not None
    finished(first, 1).close()
    known = cache.newest(None)
    assert known is not None
    assert cache.newest(known) is known
    second = cache.finished_path()
    assert second is not None
    finished(second, 1, 2).close()
    newer = cache.newest(known)
    assert newer is not None
    assert ids_in(newer) == [1, 2]
    cache.tidy(second)
    assert ids_in(known) == [1], "who still reads the one that was replaced reads on"
    for each in (known, newer, cache):
        each.close()


@pytest.mark.parametrize("place", ["disk", "memory"])
def test_a_snapshot_is_closed_when_nobody_reads_it_any_more(tmp_path: Path, place: str) -> None:
    snapshot = SnapshotDatabase.new(tmp_path / "part.sqlite3" if place == "disk" else None)
    connection = snapshot._db
    del snapshot
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


@pytest.mark.parametrize(("age_s", "kept"), [(86_399.0, [1]), (86_400.5, [])])
def test_writes_of_our_own_are_kept_for_a_day(tmp_path: Path, age_s: float, kept: list[int]) -> None:
    cache = SnapshotCache(tmp_path, IDENTITY)
    cache.record_writes(time.time() - age_s, OwnWrites([row(1)], {}, []))
    cache.tidy(None)
    assert [each.id for each in cache.writes_since(0.0).rows] == kept
    cache.close()


@pytest.mark.parametrize(("age_s", "kept"), [(7 * 86_400.0 - 5, True), (7 * 86_400.0 + 0.5, False)])
def test_snapshots_of_another_token_are_kept_for_a_week_after_their_last_use(
    tmp_path: Path, age_s: float, kept: bool
) -> None:
    other = tmp_path / f"fleet-{'1' * 24}"
    other.mkdir()
    file = other / "fleet-00000000000000000001.sqlite3"
    file.touch()
    os.utime(file, (time.time() - age_s,) * 2)
    stranger = tmp_path / "fleet-of-somebody-else"
    stranger.mkdir()
    cache = SnapshotCache(tmp_path, IDENTITY)
    cache.tidy(None)
    assert (file.exists(), stranger.exists()) == (kept, True)
    cache.close()


def test_what_moves_to_memory_keeps_its_rows_also_where_its_file_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "part.sqlite3"
    filling = SnapshotDatabase.new(path)
    filling.put([row(1)], {})
    path.unlink()
    filling._move_to_memory()
    assert (filling.path, ids_in(filling)) == (None, [1])
    filling.close()
