"""Locks on files: where none can be made it is told at once, and nobody waits for it without end."""

from pathlib import Path

import anyio
import pytest

from sim_mcp.changes.record.record_file import RecordFile
from sim_mcp.changes.record.storage import JournalError
from sim_mcp.private_files import private_async_lock, private_lock
from sim_mcp.server.signin.key_file import KeyFile, KeyFileError


def barred(file: Path) -> Path:
    """Have a file that nobody can make, whoever they are."""
    file.symlink_to(file.parent / "nowhere" / "at all")
    return file


def test_a_lock_that_cannot_be_made_is_no_lock(tmp_path: Path) -> None:
    file = barred(tmp_path / "lock")
    with pytest.raises(FileNotFoundError):
        private_async_lock(file)
    with pytest.raises(FileNotFoundError):
        private_lock(file, timeout_s=3600)


async def test_a_change_whose_lock_cannot_be_made_is_refused_in_words(tmp_path: Path) -> None:
    barred(tmp_path / "changes.lock")
    with anyio.fail_after(30), pytest.raises(JournalError, match=r"changes\.lock cannot be made"):
        async with RecordFile(tmp_path).turn("a plan", anyio.current_time() + 3600):
            pass


def test_keys_whose_lock_cannot_be_made_are_not_given_out(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "keys.json")
    barred(tmp_path / "keys.json.lock")
    with pytest.raises(KeyFileError, match="cannot be written: No such file or directory"):
        file.add("night-shift", frozenset({"sims:read"}), None)
