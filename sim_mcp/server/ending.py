"""End the process on SIGTERM or Ctrl-C: in order, and before `docker stop` kills it."""

import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskStatus

from sim_mcp.logs import tell

DEADLINE_S = 9.0
"""From the signal to the end in any case: `docker stop` kills after 10 s."""

_SECOND_SIGNAL_AFTER_S = 1.0
_EXIT_CODES = {signal.SIGTERM: 0, signal.SIGINT: 130}
_CUT_SHORT = (
    "sim-mcp: ended with work under way. What was about to be sent is on record: continue_change reads how it stands."
)


class Ending:
    """The exit code of the process: 0, unless a signal or a failure sets another."""

    status = 0


@asynccontextmanager
async def ending_on_signal(end: Callable[[], object]) -> AsyncIterator[Ending]:
    """Within the block, call `end` on SIGTERM or Ctrl-C; exit at once on a second Ctrl-C or after the deadline."""
    ending = Ending()
    if sys.platform == "win32":  # event loops there take no signals; Ctrl-C raises KeyboardInterrupt.
        yield ending
        return

    async def listen(*, task_status: TaskStatus[None]) -> None:
        signalled_at: float | None = None
        with anyio.open_signal_receiver(*_EXIT_CODES) as signals:
            task_status.started()
            async for number in signals:
                if signalled_at is not None:
                    # One Ctrl-C may arrive twice, from the terminal and from a parent process: not a second one.
                    if number == signal.SIGINT and anyio.current_time() > signalled_at + _SECOND_SIGNAL_AFTER_S:
                        _end_now(ending.status)
                    continue
                signalled_at = anyio.current_time()
                ending.status = _EXIT_CODES[number]
                # A thread, so that it works while the event loop is blocked.
                watchdog = threading.Timer(DEADLINE_S, _end_now, (ending.status,))
                watchdog.daemon = True
                watchdog.start()
                end()

    async with anyio.create_task_group() as listening:
        await listening.start(listen)
        yield ending
        listening.cancel_scope.cancel()


def _end_now(status: int) -> None:
    tell(_CUT_SHORT)
    os._exit(status)
