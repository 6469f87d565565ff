"""A file is whole under its name or not there at all, in the one directory, and never over another."""

import errno
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_mcp.exports.files import (
    ExportFile,
    ExportRefusedError,
    check_file_name,
    move_without_overwriting,
    read_back,
)
from sim_mcp.exports.formats import Format, Row

COLUMNS = ("id", "name")


def begun(directory: Path, name: str = "fleet.csv", file_format: Format = "csv") -> ExportFile:
    return ExportFile(directory, name, file_format, COLUMNS)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_file_has_its_name_only_once_it_is_whole(tmp_path: Path) -> None:
    file = begun(tmp_path)
    file.add([{"id": 1, "name": "Zürich"}])
    assert not (tmp_path / "fleet.csv").exists()
    written = file.publish()
    file.discard()
    assert names(tmp_path) == ["fleet.csv"]
    assert (written.path, written.rows) == (tmp_path / "fleet.csv", 1)
    assert written.size == len(written.path.read_bytes())
    # Without this mark Excel shows the name as "ZÃ¼rich".
    assert written.path.read_bytes() == b"\xef\xbb\xbf" + "id,name\r\n1,Zürich\r\n".encode()


def test_json_begins_with_no_mark(tmp_path: Path) -> None:
    file = begun(tmp_path, "fleet.json", "json")
    file.add([{"id": 1, "name": "Zürich"}])
    assert file.publish().path.read_text(encoding="utf-8") == '[\n{"id": 1, "name": "Zürich"}\n]\n'
    file.discard()


@pytest.mark.parametrize("file_format", ["csv", "json"])
def test_half_a_character_is_written_as_a_question_mark_and_loses_no_row(tmp_path: Path, file_format: Format) -> None:
    file = begun(tmp_path, "fleet", file_format)
    file.add([{"id": 1, "name": "Pump \ud83d"}, {"id": 2}])
    assert "Pump ?" in read_back(file.publish().path)
    file.discard()


def test_what_was_given_up_leaves_nothing(tmp_path: Path) -> None:
    file = begun(tmp_path)
    file.add([{"id": 1}])
    file.discard()
    assert names(tmp_path) == []


def test_a_name_that_is_taken_is_never_taken_over(tmp_path: Path) -> None:
    (tmp_path / "fleet.csv").write_text("mine")
    (tmp_path / "fleet-2.csv").symlink_to(tmp_path / "nowhere")
    (tmp_path / "fleet-3.csv").mkdir()
    file = begun(tmp_path)
    file.add([{"id": 1}])
    assert file.publish().path.name == "fleet-4.csv"
    file.discard()
    assert (tmp_path / "fleet.csv").read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


def test_where_a_file_system_knows_no_links_a_taken_name_is_left_alone_too(tmp_path: Path) -> None:
    def no_links(part: Path, path: Path) -> None:
        raise OSError(errno.EPERM, f"{part} and {path} would have to be on a better file system")

    part = tmp_path / "part"
    part.write_text("new")
    (tmp_path / "taken.csv").write_text("mine")
    with pytest.raises(FileExistsError):
        move_without_overwriting(part, tmp_path / "taken.csv", no_links)
    move_without_overwriting(part, tmp_path / "free.csv", no_links)
    assert names(tmp_path) == ["free.csv", "taken.csv"]
    assert [path.read_text() for path in sorted(tmp_path.iterdir())] == ["new", "mine"]


@pytest.mark.parametrize(
    "said",
    [
        "../fleet",
        "..",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "C:fleet",
        ".hidden",
        "~/fleet",
        "fleet\0",
        "fleet\n.csv",
        " ",
        "-rf",
        "fleet\u202evsc",
        "x" * 61,
        "=fleet",
    ],
)
def test_a_name_that_is_more_than_a_name_is_refused(said: str) -> None:
    with pytest.raises(ExportRefusedError, match="Nothing was written"):
        check_file_name(said, "csv")


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("fleet", "fleet.csv"),
        ("fleet.csv", "fleet.csv"),
        ("fleet.JSON", "fleet.csv"),
        ("fleet.exe", "fleet.exe.csv"),
        (" Flotte Zürich (März) ", "Flotte Zürich (März).csv"),
        ("fleet. .", "fleet.csv"),
    ],
)
def test_a_plain_name_gets_the_suffix_of_its_format(said: str, name: str) -> None:
    assert check_file_name(said, "csv") == name


def test_the_european_variant_is_a_csv_file_too() -> None:
    assert check_file_name("flotte.csv", "csv_eu") == "flotte.csv"


@given(st.text(max_size=80))
def test_no_name_leads_out_of_the_directory(said: str) -> None:
    try:
        name = check_file_name(said, "json")
    except ExportRefusedError:
        return
    here = Path("/exports")
    assert (here / name).parent == here
    assert Path(os.path.normpath(here / name)) == here / name
    assert not name.startswith(".")
    assert name.endswith(".json")
    assert len(os.fsencode(name)) < 250


def test_a_directory_that_is_missing_or_no_directory_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ExportRefusedError, match=r"does not exist.*SIM_MCP_EXPORT_DIR.*Nothing was written"):
        begun(tmp_path / "missing")
    (tmp_path / "file").touch()
    with pytest.raises(ExportRefusedError, match="no directory"):
        begun(tmp_path / "file")


def test_a_directory_that_cannot_be_written_to_is_named_at_once() -> None:
    # Nobody, not even root, can make a file there.
    with pytest.raises(ExportRefusedError, match=r"/sys cannot be written to .*SIM_MCP_EXPORT_DIR"):
        begun(Path("/sys"))


def test_what_a_killed_process_left_is_removed_after_a_day(tmp_path: Path) -> None:
    old, young, foreign = (tmp_path / name for name in (".sim-mcp-0.part", ".sim-mcp-1.part", "old.part"))
    for path in (old, young, foreign):
        path.touch()
    for path in (old, foreign):
        os.utime(path, (0, 0))
    begun(tmp_path).discard()
    assert names(tmp_path) == [".sim-mcp-1.part", "old.part"]


FULL = """
import resource, sys
from pathlib import Path
from sim_mcp.exports.files import ExportFile, ExportRefusedError
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
file = ExportFile(Path(sys.argv[1]), "fleet.csv", "csv", ("id", "name"))
try:
    for number in range(int(sys.argv[2])):
        file.add([{"id": number, "name": "x" * 50}])
    file.publish()
except ExportRefusedError as error:
    print(error)
finally:
    file.discard()
"""


@pytest.mark.parametrize("rows", [10_000, 360])
def test_where_no_more_fits_the_file_is_gone_and_that_is_said(tmp_path: Path, rows: int) -> None:
    """More rows than fit fail while they are added; 360 fit into memory and fail only when they are written out."""
    done = subprocess.run([sys.executable, "-c", FULL, tmp_path, str(rows)], capture_output=True, text=True, check=True)
    assert "no more room" in done.stdout
    assert "No file was kept" in done.stdout
    assert names(tmp_path) == []


def peak(directory: Path, rows: int) -> int:
    def many() -> Iterator[Row]:
        for number in range(rows):
            yield {"id": number, "name": f"Pump {number}"}

    tracemalloc.start()
    try:
        file = begun(directory)
        batch: list[Row] = []
        for row in many():
            batch.append(row)
            if len(batch) == 500:
                file.add(batch)
                batch = []
        assert file.publish().rows == rows
        file.discard()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_ten_times_the_rows_take_no_more_memory(tmp_path: Path) -> None:
    peak(tmp_path, 1000)
    assert peak(tmp_path, 50_000) < 1.2 * peak(tmp_path, 5000)


def test_only_a_regular_file_of_bounded_size_is_read_back(tmp_path: Path) -> None:
    written = tmp_path / "fleet.csv"
    written.write_bytes(b"\xef\xbb\xbfid\r\n1\r\n")
    assert read_back(written) == "id\r\n1\r\n"
    link, pipe, large = (tmp_path / name for name in ("link", "pipe", "large"))
    link.symlink_to("/etc/hostname")
    os.mkfifo(pipe)
    large.write_bytes(b"x" * 1_000_001)
    for path in (link, pipe, tmp_path, tmp_path / "missing"):
        with pytest.raises(ExportRefusedError, match="no longer there"):
            read_back(path)
    with pytest.raises(ExportRefusedError, match="1,000,001 bytes"):
        read_back(large)


@pytest.mark.parametrize(("age_s", "kept"), [(86_395.0, True), (86_400.5, False)])
def test_what_a_killed_process_left_stays_for_a_day(tmp_path: Path, age_s: float, kept: bool) -> None:
    left = tmp_path / ".sim-mcp-0123456789abcdef.part"
    left.touch()
    os.utime(left, (time.time() - age_s,) * 2)
    ExportFile(tmp_path, "fleet.csv", "csv", ["id"]).discard()
    assert left.exists() is kept


def test_the_age_of_a_link_is_its_own(tmp_path: Path) -> None:
    old, link = tmp_path / "old", tmp_path / ".sim-mcp-0.part"
    old.touch()
    os.utime(old, (0, 0))
    link.symlink_to(old)
    ExportFile(tmp_path, "fleet.csv", "csv", ["id"]).discard()
    assert link.is_symlink()
