"""A standard input that the process itself can close, since a thread blocked in a read cannot be interrupted."""

import io
import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class _ClosableInput(io.RawIOBase):
    def __init__(self, source: int, ended: int) -> None:
        self._source, self._closed_pipe = source, ended

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed asks for any buffer
        ready, _, _ = select.select([self._source, self._closed_pipe], [], [])
        if self._closed_pipe in ready:
            return 0
        data = os.read(self._source, len(buffer))
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def closable_stdin() -> Iterator[Callable[[], object]]:
    """Within the block, replace `sys.stdin`; yield a function that ends it as if the client had closed it.

    Descriptor 0 is /dev/null meanwhile, so that neither another part of the process nor a child reads client messages.
    """
    if sys.platform == "win32":  # select knows no pipes there.
        yield lambda: None
        return
    wire, before = os.dup(0), sys.stdin
    ended, end = os.pipe()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdin = io.TextIOWrapper(io.BufferedReader(_ClosableInput(wire, ended)), encoding="utf-8", errors="replace")
    try:
        yield lambda: os.write(end, b".")
    finally:
        sys.stdin = before
        os.dup2(wire, 0)
        for descriptor in (wire, ended, end):
            os.close(descriptor)
