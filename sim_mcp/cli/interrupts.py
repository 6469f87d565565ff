"""Ctrl-C at a command: heard whenever it comes, also between two looks of an event loop that then waits for nothing."""

import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar, TypeVarTuple

import anyio
from anyio.abc import TaskStatus

INTERRUPTED_EXIT_CODE = 130

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def run(function: Callable[[*Ts], Awaitable[T]], *args: *Ts) -> T:
    """Return what an asynchronous function returns.

    Raises:
        KeyboardInterrupt: Ctrl-C came, and what the function began is ended.
    """
    # Event loops on Windows take no signals, and no thread but the main one is told of any.
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        return anyio.run(function, *args)
    return anyio.run(_ended_by_ctrl_c, function, args)


async def _ended_by_ctrl_c(function: Callable[[*Ts], Awaitable[T]], args: tuple[*Ts]) -> T:
    interrupted, failure, results = False, None, list[T]()

    async def listen(*, task_status: TaskStatus[None]) -> None:
        nonlocal interrupted
        # asyncio's own handler wakes no loop that is just about to wait: it would be told with the next event.
        with anyio.open_signal_receiver(signal.SIGINT) as signals:
            task_status.started()
            async for _ in signals:
                if interrupted:
                    os._exit(INTERRUPTED_EXIT_CODE)
                interrupted = True
                group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        await group.start(listen)
        try:
            results.append(await function(*args))
        except Exception as error:  # noqa: BLE001  # raised below: it would leave a group in one.
            failure = error
        group.cancel_scope.cancel()
    if interrupted:
        raise KeyboardInterrupt
    if failure is not None:
        raise failure
    return results[0]
