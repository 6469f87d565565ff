"""Ctrl-C ends a command whichever thread it is delivered to; what a command raises is raised as it is."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import anyio
import anyio.lowlevel
import pytest

from sim_mcp.cli import interrupts

_INTERRUPTED = """
import signal
import threading
import anyio, anyio.to_thread
from sim_mcp.cli import interrupts

async def ask():
    def read():
        # As the kernel may choose the thread that reads the keyboard: nothing interrupts the loop's wait.
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        threading.Event().wait()
    await anyio.to_thread.run_sync(read, abandon_on_cancel=True)

try:
    interrupts.run(ask)
except KeyboardInterrupt:
    import os
    os.write(1, b"interrupted")
    os._exit(0)
"""


def test_ctrl_c_that_another_thread_is_sent_ends_the_command() -> None:
    done = subprocess.run([sys.executable, "-c", _INTERRUPTED], capture_output=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, b"interrupted"), done.stderr


def test_what_a_command_returns_or_raises_comes_out_as_it_is() -> None:
    async def halve(number: int) -> int:
        await anyio.lowlevel.checkpoint()
        if number % 2:
            raise ValueError("odd")
        return number // 2

    assert interrupts.run(halve, 4) == 2
    with pytest.raises(ValueError, match="odd"):
        interrupts.run(halve, 3)


def test_a_command_runs_in_any_thread() -> None:
    async def seven() -> int:
        await anyio.lowlevel.checkpoint()
        return 7

    with ThreadPoolExecutor() as threads:
        assert threads.submit(interrupts.run, seven).result() == 7
