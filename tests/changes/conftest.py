"""Records opened by tests are closed by them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sim_mcp.changes.journal import Journal

Opened = Callable[..., Journal]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Open the record of a directory until the test is over."""
    with ExitStack() as stack:

        def of(directory: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Journal:
            journal = Journal(directory, now)
            stack.callback(journal.close)
            return journal

        yield of
