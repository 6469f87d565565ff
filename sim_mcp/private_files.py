"""Files that their owner alone can read, whatever the umask and the directory allow."""

import os
from pathlib import Path

OWNER_READS_WRITES = 0o600
OWNER_ENTERS = 0o700


def make_private(file: Path) -> None:
    """Make the file, empty, if it is not there, and take the right to read it from everybody else.

    Raises:
        OSError: It cannot be made, or belongs to somebody else.
    """
    descriptor = os.open(file, os.O_CREAT | os.O_WRONLY | getattr(os, "O_CLOEXEC", 0), OWNER_READS_WRITES)
    os.close(descriptor)
    restrict(file)


def restrict(file: Path) -> None:
    """Take the right to read an existing file from everybody but its owner.

    Raises:
        OSError: It is not there, or belongs to somebody else.
    """
    if file.stat().st_mode & 0o077:
        file.chmod(OWNER_READS_WRITES)
