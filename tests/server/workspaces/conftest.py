"""A desk of two workspaces for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.server.workspaces.desk import Desk, desk_of


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_of(tmp_path) as made:
        yield made
