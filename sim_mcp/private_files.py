"""Files of the operator's: made so that their owner alone can read them, whatever the umask allows, and read."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from filelock import AsyncFileLock, FileLock

OWNER_READS_WRITES = 0o600
OWNER_ENTERS = 0o700
_OTHERS = 0o077
_BESIDE_A_DATABASE = ("-journal", "-wal", "-shm")


def make_private(file: Path) -> None:
    """Make the file, empty, if it is not there, and take the right to read it from everybody else.

    Raises:
        OSError: It cannot be made, or belongs to somebody else.
    """
    descriptor = os.open(file, os.O_CREAT | os.O_WRONLY | getattr(os, "O_CLOEXEC", 0), OWNER_READS_WRITES)
    os.close(descriptor)
    restrict(file)


def make_private_database(file: Path) -> None:
    """Make a file of SQLite private, with those left beside it; new ones get their rights from it.

    Raises:
        OSError: One cannot be made, or belongs to somebody else.
    """
    make_private(file)
    restrict_database(file)


def make_private_directory(directory: Path) -> None:
    """Make the directory if it is not there, and let nobody in but its owner.

    Raises:
        OSError: It cannot be made, or belongs to somebody else.
    """
    directory.mkdir(mode=OWNER_ENTERS, exist_ok=True)
    if directory.stat().st_mode & _OTHERS:
        directory.chmod(OWNER_ENTERS)


def private_lock(file: Path, *, timeout_s: float) -> FileLock:
    """Return a lock on a private file, which is waited for so long.

    Raises:
        OSError: The file cannot be made, or belongs to somebody else: it would be waited for without end.
    """
    make_private(file)
    return FileLock(file, mode=OWNER_READS_WRITES, timeout=timeout_s)


def private_async_lock(file: Path) -> AsyncFileLock:
    """Return a lock on a private file to be awaited.

    Raises:
        OSError: The file cannot be made, or belongs to somebody else: it would be waited for without end.
    """
    make_private(file)
    # On the event loop: an attempt takes no time, and a thread could get the lock after the caller was cancelled.
    return AsyncFileLock(file, mode=OWNER_READS_WRITES, run_in_executor=False)


def restrict(file: Path) -> None:
    """Take the right to read an existing file from everybody but its owner.

    Raises:
        OSError: It is not there, or belongs to somebody else.
    """
    if file.stat().st_mode & _OTHERS:
        file.chmod(OWNER_READS_WRITES)


def restrict_database(file: Path) -> None:
    """Take the right to read an existing file of SQLite, and those left beside it, from everybody but its owner.

    Raises:
        OSError: It is not there, or belongs to somebody else.
    """
    restrict(file)
    for suffix in _BESIDE_A_DATABASE:
        with suppress(FileNotFoundError):
            restrict(file.with_name(file.name + suffix))


def read_plain_file(file: Path, most: int) -> bytes | None:
    """Return what is in a file, up to one byte more than the most it may hold; None where it is no file.

    A pipe could block the server for ever, and a device never ends.

    Raises:
        OSError: It cannot be read.
    """
    if not stat.S_ISREG(file.stat().st_mode):
        return None
    with file.open("rb") as opened:
        return opened.read(most + 1)


def version_of(file: Path) -> tuple[int, ...] | None:
    """Return what differs once a file, or one that it links to, was written or replaced; None where there is none."""
    try:
        about = os.stat(file)  # noqa: PTH116  # once per request: a path's own takes thrice as long.
    except OSError:
        return None
    return about.st_dev, about.st_ino, about.st_mtime_ns, about.st_ctime_ns, about.st_size


def open_private(path: str, flags: int) -> int:
    """Open a file as `open` does with this as its opener; one that is made is its owner's alone."""
    return os.open(path, flags | getattr(os, "O_CLOEXEC", 0), OWNER_READS_WRITES)
