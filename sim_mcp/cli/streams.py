"""Where the commands print: any width, any encoding, and readers that go away."""

import codecs
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

_UNLIMITED = 100_000
"""Columns of a pipe or a file: nothing is cut for a reader that has no edge."""

_SPELLINGS = {
    "\N{RIGHTWARDS ARROW}": "->",
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{LEFT DOUBLE QUOTATION MARK}": '"',
    "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{BULLET}": "*",
    "\N{CHECK MARK}": "+",
    "\N{BALLOT X}": "x",
    "\N{BOX DRAWINGS LIGHT HORIZONTAL}": "-",
    "\N{BOX DRAWINGS LIGHT VERTICAL}": "|",
    "\N{FULL BLOCK}": "#",
}
_HANDLER = "sim_mcp.plain"


class Output(Console):
    """Print to standard output; once its reader is gone, print nothing more and go on."""

    def __init__(self, *, lines_may_be_long: bool = True) -> None:
        boundless = lines_may_be_long and not sys.stdout.isatty() and "COLUMNS" not in os.environ
        super().__init__(width=_UNLIMITED if boundless else None)

    def on_broken_pipe(self) -> None:
        """Leave the exit code to what was done: `| head` is no failure."""
        self.quiet = True
        _discard_output()


def prepare() -> None:
    """Have standard output and error print what their encoding lacks by its nearest spelling, or `?`."""
    codecs.register_error(_HANDLER, _spell)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_HANDLER)


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """Take a closed pipe for the reader's choice, not for an error."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()


def _discard_output() -> None:
    # The interpreter flushes once more at its end, and would complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _spell(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_SPELLINGS.get(char, "?") for char in lacking), error.end
