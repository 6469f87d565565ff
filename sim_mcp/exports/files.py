"""Files in the operator's directory: complete under their name or not there at all, and never over another."""

import contextlib
import errno
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sim_mcp.exports.formats import ENCODINGS, SUFFIXES, Format, Row, body, foot, head
from sim_mcp.private_files import OWNER_READS_WRITES, open_private
from sim_mcp.sanitize import quoted

MAX_READ_BACK = 1_000_000
"""Bytes of a file that is read back through MCP; a larger one is opened where it lies."""

_NAME = re.compile(r"[^\W_][\w .()-]{0,59}")
_SUFFIX = re.compile(r"\.(csv|json)$", re.IGNORECASE)
_PART, _PART_SUFFIX = ".sim-mcp-", ".part"
_ABANDONED_AFTER_S = 86_400.0
"""A partial file that nothing was added to for so long belongs to a process that was killed."""

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_LINKS_UNSUPPORTED = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)


class ExportRefusedError(Exception):
    """A file cannot be written as asked; the message says why, what to do, and that nothing was written."""


class ExportNotFoundError(ExportRefusedError):
    """No such file was written since this server started; the message names it."""


@dataclass(frozen=True)
class Written:
    """A complete file; `size` in bytes."""

    path: Path
    rows: int
    size: int


def check_file_name(name: str, file_format: Format) -> str:
    """Return a file name with the suffix of its format.

    Raises:
        ExportRefusedError: It is not a plain name: it has separators, a leading dot, or characters that some file
            systems do not allow.
    """
    plain = _SUFFIX.sub("", name.strip()).rstrip(" .")
    if not _NAME.fullmatch(plain):
        raise ExportRefusedError(
            f"file_name={quoted(name)} is not a plain name: up to 60 letters, digits, blanks and . ( ) _ - without "
            "folders, beginning with a letter or digit. Give another or leave it out. Nothing was written."
        )
    return f"{plain}.{SUFFIXES[file_format]}"


class ExportFile:
    """Collect rows in a partial file, which gets its name once it is complete. Not safe for several threads at once."""

    def __init__(self, directory: Path, name: str, file_format: Format, columns: Sequence[str]) -> None:
        """Create the partial file now: whether a file can be written has to be known before anything is fetched.

        Raises:
            ExportRefusedError: The directory is missing or cannot be written to.
        """
        self._directory, self._name, self._format, self._columns = directory, name, file_format, columns
        self._part = directory / f"{_PART}{secrets.token_hex(8)}{_PART_SUFFIX}"
        self._rows = 0
        with _as_refusal(directory):
            _remove_abandoned(directory)
            self._file = _create(self._part, ENCODINGS[SUFFIXES[file_format]])
        try:
            with _as_refusal(directory):
                self._file.write(head(file_format, columns))
        except ExportRefusedError:
            self.discard()
            raise

    def add(self, rows: Sequence[Row]) -> None:
        """Write rows.

        Raises:
            ExportRefusedError: The disk is full, or failed.
        """
        with _as_refusal(self._directory):
            self._file.write(body(self._format, self._columns, rows, first=self._rows == 0))
        self._rows += len(rows)

    def publish(self, name: str | None = None) -> Written:
        """Give the complete file its name, or where that is taken, the next that is free, such as `name-2.csv`.

        Args:
            name: another name than it was begun with.

        Raises:
            ExportRefusedError: The disk is full, or failed.
        """
        with _as_refusal(self._directory):
            self._file.write(foot(self._format))
            self._file.flush()
            # A disk may report only now that it is full, and a name must not appear before its content is safe.
            os.fsync(self._file.fileno())
            size = os.fstat(self._file.fileno()).st_size
            self._file.close()
            for free in _alternatives(name or self._name):
                path = self._directory / free
                try:
                    move_without_overwriting(self._part, path)
                except FileExistsError:
                    continue
                return Written(path, self._rows, size)
        raise AssertionError  # pragma: no cover  # there is always another name.

    def discard(self) -> None:
        """Close and remove the partial file; what was published stays."""
        # Closing writes what is still buffered, which on a full disk fails once more.
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._part.unlink()


def move_without_overwriting(part: Path, path: Path, link: Callable[[Path, Path], None] = os.link) -> None:
    """Move a file in one step that fails where the new name is taken, also by a dangling link.

    Raises:
        FileExistsError: The name is taken.
        OSError: The file system failed.
    """
    try:
        link(part, path)
    except OSError as error:
        if error.errno not in _LINKS_UNSUPPORTED:
            raise
        # Some file systems (FAT, some shares) have no hard links: claim the name, then replace what was claimed.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, OWNER_READS_WRITES))
        part.replace(path)


def read_back(path: Path) -> str:
    """Return the text of a file that an export wrote.

    Raises:
        ExportRefusedError: It is gone, or larger than MAX_READ_BACK.
    """
    try:
        file = open(path, "rb", opener=_open_without_following)  # noqa: SIM115  # a path's own open takes no opener; closed below.
    except OSError:
        raise ExportRefusedError(f"{path.name} is no longer there.") from None
    with file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise ExportRefusedError(f"{path.name} is no longer there.")
        if found.st_size > MAX_READ_BACK:
            raise ExportRefusedError(
                f"{path.name} has {found.st_size:,} bytes; up to {MAX_READ_BACK:,} are read back. Open {path} instead."
            )
        return file.read(MAX_READ_BACK).decode("utf-8-sig", errors="replace")


@contextlib.contextmanager
def _as_refusal(directory: Path) -> Iterator[None]:
    """Turn errors of the operating system into a refusal that says what the operator can do."""
    try:
        yield
    except FileNotFoundError:
        raise ExportRefusedError(
            f"The directory for exports, {directory}, does not exist. The operator has to make it or change "
            "SIM_MCP_EXPORT_DIR. Nothing was written."
        ) from None
    except NotADirectoryError:
        raise ExportRefusedError(
            f"{directory} is no directory: the operator has to change SIM_MCP_EXPORT_DIR. Nothing was written."
        ) from None
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise ExportRefusedError(
                f"There is no more room in {directory} ({error.strerror}). Free some, or export fewer SIMs or days. "
                "No file was kept."
            ) from None
        raise ExportRefusedError(
            f"{directory} cannot be written to ({error.strerror or type(error).__name__}): the operator has to mend "
            "that or change SIM_MCP_EXPORT_DIR. No file was kept."
        ) from None


def _open_without_following(path: str, flags: int) -> int:
    """Open the file itself: a link that took its place leads elsewhere, and a pipe would block."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


def _create(path: Path, encoding: str) -> IO[str]:
    # Half a surrogate pair, which emnify may send, cannot be written; a question mark stands for it.
    return open(path, "x", encoding=encoding, errors="replace", newline="", opener=open_private)


def _alternatives(name: str) -> Iterator[str]:
    yield name
    stem, dot, suffix = name.rpartition(".")
    number = 2
    while True:
        yield f"{stem}-{number}{dot}{suffix}"
        number += 1


def _remove_abandoned(directory: Path) -> None:
    """Remove partial files of killed processes."""
    for left in directory.glob(f"{_PART}*{_PART_SUFFIX}"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat(follow_symlinks=False).st_mtime > _ABANDONED_AFTER_S:
                left.unlink()
