"""A fleet that is only read, seen by its customer."""

from collections.abc import AsyncIterator

import pytest

from sim_mcp.emnify import EmnifyClient, Limits
from sim_mcp.sandbox import SandboxSettings
from tests.support import Fleet, fleet_of


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def known() -> AsyncIterator[Fleet]:
    """Shared by a module, which must not change it."""
    async with fleet_of(SandboxSettings(sims=400)) as made:
        yield made


@pytest.fixture(scope="module")
async def client(known: Fleet) -> AsyncIterator[EmnifyClient]:
    async with EmnifyClient(
        base_url=known.world.base_url, application_token=known.world.tokens["enterprise"], limits=Limits()
    ) as made:
        yield made
