"""A bell that rings whenever a plan is made or decided: whoever shows what waits looks again."""

from collections.abc import Iterator
from contextlib import contextmanager

import anyio


class Bell:
    """Let those who listen wait until it rings."""

    def __init__(self) -> None:
        self._rung = anyio.Event()
        self._wanted = anyio.Event()
        self._listeners = 0

    def ring(self) -> None:
        """Wake everybody who waits."""
        rung, self._rung = self._rung, anyio.Event()
        rung.set()

    @contextmanager
    def heard(self) -> Iterator[anyio.Event]:
        """Yield what is set with the next ring."""
        self._listeners += 1
        self._wanted.set()
        try:
            yield self._rung
        finally:
            self._listeners -= 1
            if not self._listeners:
                self._wanted = anyio.Event()

    async def wanted(self) -> None:
        """Wait until somebody listens."""
        await self._wanted.wait()
