"""How the process ends when it is told to: in order, and before whoever told it loses patience."""

import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import click

LATEST_S = 9.0
"""Counted from the signal: `docker stop` kills after 10 s."""

_IMPATIENT_AFTER_S = 1.0
_STATUS = {signal.SIGTERM: 0, signal.SIGINT: 130}
_CUT_SHORT = (
    "sim-mcp: ended with work under way. What was about to be sent is on record: continue_change reads how it stands."
)


class Ending:
    """What the process is to end with, once it was told to."""

    status = 0


@asynccontextmanager
async def ending_when_told(end: Callable[[], object]) -> AsyncIterator[Ending]:
    """Within the block, call `end` on SIGTERM or Ctrl-C; a second Ctrl-C, or too long an end, cuts it short."""
    ending = Ending()
    if sys.platform == "win32":  # it has no signals that a loop could take; Ctrl-C raises there.
        yield ending
        return

    async def listen() -> None:
        told_at: float | None = None
        with anyio.open_signal_receiver(*_STATUS) as signals:
            async for number in signals:
                if told_at is not None:
                    # One signal may arrive twice, straight and through whoever started us; that is no impatience.
                    if number == signal.SIGINT and anyio.current_time() > told_at + _IMPATIENT_AFTER_S:
                        _end_now(ending.status)
                    continue
                told_at = anyio.current_time()
                ending.status = _STATUS[number]
                # A thread: it counts even while the loop is held up.
                watchdog = threading.Timer(LATEST_S, _end_now, (ending.status,))
                watchdog.daemon = True
                watchdog.start()
                end()

    async with anyio.create_task_group() as listening:
        listening.start_soon(listen)
        yield ending
        listening.cancel_scope.cancel()


def _end_now(status: int) -> None:
    click.echo(_CUT_SHORT, err=True)
    os._exit(status)
