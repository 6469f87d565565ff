"""The file of workspaces while the server runs: read again when it was changed; a broken one changes nothing."""

from collections.abc import Callable
from pathlib import Path

import anyio.to_thread

from sim_mcp.private_files import version_of
from sim_mcp.workspaces.file import Workspace, WorkspacesError

Read = Callable[[], tuple[Workspace, ...]]


class WatchedFile:
    """Tell when the file was changed, and what it says then."""

    def __init__(self, file: Path, read: Read) -> None:
        self._file = file
        self._read = read
        # It may have been changed since it was read at the start: the first look reads it in any case.
        self._version: tuple[int, ...] | None = ()
        self.broken = False
        """Whether what is there cannot be used, and what was read before goes on."""

    async def changed(self) -> tuple[Workspace, ...] | None:
        """Return the workspaces as the file has them now, or None where it was not changed since the last look.

        Raises:
            WorkspacesError: It was changed, and cannot be used; the same is not told again.
        """
        version = version_of(self._file)
        if version == self._version:
            return None
        self._version = version
        try:
            found = await anyio.to_thread.run_sync(self._read)
        except WorkspacesError:
            self.broken = True
            raise
        self.broken = False
        return found
