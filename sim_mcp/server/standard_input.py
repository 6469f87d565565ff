"""Standard input that can be ended from within: a thread that waits for a line cannot be interrupted otherwise."""

import io
import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class _Endable(io.RawIOBase):
    def __init__(self, source: int, ended: int) -> None:
        self._source, self._ended = source, ended

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed asks for any buffer
        ready, _, _ = select.select([self._source, self._ended], [], [])
        if self._ended in ready:
            return 0
        data = os.read(self._source, len(buffer))
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def endable_stdin() -> Iterator[Callable[[], object]]:
    """Within the block, have `sys.stdin` end when the function it yields is called, as if the client had left.

    The descriptor 0 is empty meanwhile, so that no other part of the process, nor a child of it, reads from the wire.
    """
    if sys.platform == "win32":  # select knows no pipes there.
        yield lambda: None
        return
    wire, before = os.dup(0), sys.stdin
    ended, end = os.pipe()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdin = io.TextIOWrapper(io.BufferedReader(_Endable(wire, ended)), encoding="utf-8", errors="replace")
    try:
        yield lambda: os.write(end, b".")
    finally:
        sys.stdin = before
        os.dup2(wire, 0)
        for descriptor in (wire, ended, end):
            os.close(descriptor)
