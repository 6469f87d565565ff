"""One change at a time on this machine: what is under way in one process is not taken for interrupted in another."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from filelock import Timeout

from sim_mcp.private_files import private_async_lock

_FILE = "changes.lock"


@asynccontextmanager
async def hold_lock(directory: Path, until: float) -> AsyncIterator[bool]:
    """Wait for the lock on all changes until a moment of the event loop's clock; yield whether it is held."""
    lock = private_async_lock(directory / _FILE)
    try:
        await lock.acquire(timeout=max(0.0, until - anyio.current_time()))
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        with anyio.CancelScope(shield=True):
            await lock.release()
