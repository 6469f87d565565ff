"""A fleet whose dates stand still, for all tests of this room."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from sim_mcp.sandbox import SandboxSettings
from tests.support import Fleet, fleet_of


@pytest.fixture
async def fleet() -> AsyncIterator[Fleet]:
    """A fleet whose dates stand still."""
    async with fleet_of(SandboxSettings(sims=80, clock=datetime(2026, 11, 22, 12, tzinfo=UTC))) as made:
        yield made
