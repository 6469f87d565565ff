"""A small fleet whose dates stand still."""

from collections.abc import AsyncIterator

import pytest
from mcp import Client

from sim_mcp.sandbox import SandboxSettings, Unknowns
from sim_mcp.server.app import build_server
from tests.support import Fleet, fleet_of
from tests.tools.usage.calls import CLOCK


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def known() -> AsyncIterator[Fleet]:
    """Shared by a module, which must not change it; what was read of it once is known from then on."""
    async with fleet_of(SandboxSettings(sims=30, clock=CLOCK)) as made:
        yield made


@pytest.fixture(scope="module")
async def client(known: Fleet) -> AsyncIterator[Client]:
    async with Client(build_server(known.settings())) as client:
        yield client


@pytest.fixture(scope="module")
async def mixed() -> AsyncIterator[Fleet]:
    """A fleet that pays its data in EUR and its SMS in USD; shared by a module, which must not change it."""
    unknowns = Unknowns(sms_currency="USD")
    async with fleet_of(SandboxSettings(sims=30, clock=CLOCK, unknowns=unknowns)) as made:
        yield made
