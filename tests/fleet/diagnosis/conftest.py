"""A fleet at noon: which device sleeps and which is online depends on the hour."""

from collections.abc import AsyncIterator

import pytest

from sim_mcp.sandbox import SandboxSettings
from tests.fleet.diagnosis.building import (
    NOW,
)
from tests.support import Fleet, fleet_of


@pytest.fixture(scope="module")
async def known() -> AsyncIterator[Fleet]:
    """As of noon: which device sleeps and which is online depends on the hour."""
    async with fleet_of(SandboxSettings(sims=400, clock=NOW)) as made:
        yield made
