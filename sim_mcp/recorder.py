"""What is kept in SQLite, off the event loop: it waits for disks and for other processes, and nobody else should."""

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

import anyio
import anyio.to_thread

P = ParamSpec("P")
T = TypeVar("T")


class Recorder:
    """Call what blocks on a thread of its own, one call at a time, in the order they came."""

    def __init__(self) -> None:
        self._turn = anyio.CapacityLimiter(1)

    async def __call__(self, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the method returns; once begun it is seen to its end, cancelled or not."""
        return await anyio.to_thread.run_sync(partial(method, *args, **kwargs), limiter=self._turn)
