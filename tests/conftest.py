"""What every test shares: a sandbox of its own, and a client on it."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from mcp import Client

from sim_mcp.changes.record.place import Place
from sim_mcp.sandbox import SandboxSettings
from sim_mcp.server.app import build_server
from tests.support import Fleet, fleet_of

# A sandbox may live for all examples; and how fast a busy machine is says nothing about the product.
SUPPRESSED = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
settings.register_profile("any-machine", deadline=None, suppress_health_check=SUPPRESSED)
settings.load_profile("any-machine")


def pytest_xdist_auto_num_workers() -> int:
    """Tests wait for rate limits and for processes as long as they work."""
    return 3 * (os.cpu_count() or 1)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Where a record of changes is kept: a file; tests/replicas has a database for it."""
    return tmp_path


@pytest.fixture
async def fleet() -> AsyncIterator[Fleet]:
    async with fleet_of(SandboxSettings(sims=60)) as made:
        yield made


@pytest.fixture
async def client(fleet: Fleet) -> AsyncIterator[Client]:
    """A client that cannot show forms, on a server of its own, in memory."""
    async with Client(build_server(fleet.settings())) as client:
        yield client
