"""Files in the directory a person named: complete under their name or not there at all, and never over another."""

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

from sim_mcp.exports.formats import ENCODINGS, Cell, Format, Row, body, foot, head
from sim_mcp.private_files import OWNER_READS_WRITES, open_private
from sim_mcp.sanitize import quoted

MOST_READ_BACK = 1_000_000
"""Bytes of a file that are handed out through MCP; what is larger is opened where it lies."""

_NAME = re.compile(r"[^\W_][\w .()-]{0,59}")
_SUFFIX = re.compile(r"\.(csv|json)$", re.IGNORECASE)
_PART, _PART_SUFFIX = ".sim-mcp-", ".part"
_LEFT_BEHIND_S = 86_400.0
"""A file half written that nothing was added to for so long is of a process that was killed."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)


class ExportRefusedError(Exception):
    """A file cannot be written as asked; the message says why, what to do, and that nothing was written."""


@dataclass(frozen=True)
class Written:
    """A file that is complete."""

    path: Path
    rows: int
    size: int


def checked_name(said: str, file_format: Format) -> str:
    """Return a file name with the suffix of its format.

    Raises:
        ExportRefusedError: It is more than a plain name: separators, a dot in front, or characters that some file
            system cannot hold.
    """
    plain = _SUFFIX.sub("", said.strip()).rstrip(" .")
    if not _NAME.fullmatch(plain):
        raise ExportRefusedError(
            f"file_name={quoted(said)} is not a plain name: up to 60 letters, digits, blanks and . ( ) _ - without "
            "folders, beginning with a letter or digit. Give another or leave it out. Nothing was written."
        )
    return f"{plain}.{file_format}"


class ExportFile:
    """Take rows in, and put the file under its name once it is whole. Not for several threads at once."""

    def __init__(self, directory: Path, name: str, file_format: Format, columns: Sequence[str]) -> None:
        """Begin under another name, for what cannot be written has to be known before anything is fetched.

        Raises:
            ExportRefusedError: The directory is missing or cannot be written to.
        """
        self._directory, self._name, self._format, self._columns = directory, name, file_format, columns
        self._part = directory / f"{_PART}{secrets.token_hex(8)}{_PART_SUFFIX}"
        self._rows = 0
        with _worded(directory):
            _sweep(directory)
            self._file = _made(self._part, ENCODINGS[file_format])
        try:
            with _worded(directory):
                self._file.write(head(file_format, columns))
        except ExportRefusedError:
            self.discard()
            raise

    def add(self, rows: Sequence[Row]) -> None:
        """Write rows.

        Raises:
            ExportRefusedError: The disk is full, or failed.
        """
        with _worded(self._directory):
            self._file.write(body(self._format, self._columns, rows, first=self._rows == 0))
        self._rows += len(rows)

    def publish(self) -> Written:
        """Put the file under its name, or where that is taken, under the next that is free.

        Raises:
            ExportRefusedError: The disk is full, or failed.
        """
        with _worded(self._directory):
            self._file.write(foot(self._format))
            self._file.flush()
            # A disk may say only now that it is full, and a name must not outlive what it stands for.
            os.fsync(self._file.fileno())
            size = os.fstat(self._file.fileno()).st_size
            self._file.close()
            for name in _names(self._name):
                path = self._directory / name
                try:
                    put_without_overwriting(self._part, path)
                except FileExistsError:
                    continue
                return Written(path, self._rows, size)
        raise AssertionError  # pragma: no cover  # there is always another name.

    def discard(self) -> None:
        """Leave nothing behind; what was published stays."""
        # Closing writes what is left in memory, which on a full disk fails once more.
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._part.unlink()


def put_without_overwriting(part: Path, path: Path, link: Callable[[Path, Path], None] = os.link) -> None:
    """Give a file its name in one step that fails where the name is taken, also by a link to nowhere.

    Raises:
        FileExistsError: The name is taken.
        OSError: The file system failed.
    """
    try:
        link(part, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # Some file systems (FAT, some shares) know no second names: claim the name, then replace what was claimed.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, OWNER_READS_WRITES))
        part.replace(path)


def read_back(path: Path) -> str:
    """Return the text of a file that an export wrote.

    Raises:
        ExportRefusedError: It is gone, or larger than what is handed out this way.
    """
    try:
        file = open(path, "rb", opener=_not_elsewhere)  # noqa: SIM115  # a path's own open takes no opener; closed below.
    except OSError:
        raise ExportRefusedError(f"{path.name} is no longer there.") from None
    with file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise ExportRefusedError(f"{path.name} is no longer there.")
        if found.st_size > MOST_READ_BACK:
            raise ExportRefusedError(
                f"{path.name} has {found.st_size:,} bytes; up to {MOST_READ_BACK:,} are read back. Open {path} instead."
            )
        return file.read(MOST_READ_BACK).decode("utf-8-sig", errors="replace")


def preview_of(row: Row, columns: Sequence[str]) -> dict[str, Cell]:
    """Return the most telling cells of a row."""
    return {column: value for column in columns if (value := row.get(column)) is not None}


@contextlib.contextmanager
def _worded(directory: Path) -> Iterator[None]:
    """Say for a person what the operating system says of a file."""
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
        if error.errno in _FULL:
            raise ExportRefusedError(
                f"There is no more room in {directory} ({error.strerror}). Free some, or export fewer SIMs or days. "
                "No file was kept."
            ) from None
        raise ExportRefusedError(
            f"{directory} cannot be written to ({error.strerror or type(error).__name__}): the operator has to mend "
            "that or change SIM_MCP_EXPORT_DIR. No file was kept."
        ) from None


def _not_elsewhere(path: str, flags: int) -> int:
    """Open what lies there itself: a link that took its place leads elsewhere, and a pipe would never answer."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


def _made(path: Path, encoding: str) -> IO[str]:
    # What emnify sent in broken pairs of UTF-16 cannot be written; a question mark stands for it.
    return open(path, "x", encoding=encoding, errors="replace", newline="", opener=open_private)


def _names(name: str) -> Iterator[str]:
    yield name
    stem, dot, suffix = name.rpartition(".")
    number = 2
    while True:
        yield f"{stem}-{number}{dot}{suffix}"
        number += 1


def _sweep(directory: Path) -> None:
    """Remove what killed processes left."""
    for left in directory.glob(f"{_PART}*{_PART_SUFFIX}"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat(follow_symlinks=False).st_mtime > _LEFT_BEHIND_S:
                left.unlink()
