"""One change at a time on this machine: what is under way in one process is not taken for interrupted in another."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from filelock import Timeout

from sim_mcp.private_files import private_lock

_LOCK = "changes.lock"
_RETRY_S = 0.1


@asynccontextmanager
async def turn(directory: Path, until: float) -> AsyncIterator[bool]:
    """Wait for the turn to carry out changes until the moment (of the event loop's clock); yield whether it came."""
    lock = private_lock(directory / _LOCK)
    while True:
        try:
            lock.acquire(timeout=0)
            break
        except Timeout:
            if anyio.current_time() >= until:
                yield False
                return
            await anyio.sleep(_RETRY_S)
    try:
        yield True
    finally:
        lock.release()
