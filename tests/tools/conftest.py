"""Fleets whose dates stand still."""

from collections.abc import AsyncIterator

import pytest
from mcp import Client

from sim_mcp.sandbox import SandboxSettings
from sim_mcp.server.app import build_server
from tests.support import Fleet, fleet_of
from tests.tools.asking import NOON


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def known() -> AsyncIterator[Fleet]:
    """At noon, shared by a module; faults are taken back by who made them."""
    async with fleet_of(SandboxSettings(sims=60, clock=NOON)) as made:
        yield made


@pytest.fixture
async def support(known: Fleet) -> AsyncIterator[Client]:
    async with Client(build_server(known.settings())) as client:
        yield client
