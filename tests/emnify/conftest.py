"""A client on an upstream that does as told."""

from collections.abc import AsyncIterator, Iterator

import pytest
import stamina

from sim_mcp.emnify import EmnifyClient, Limits
from tests.emnify.upstream import Upstream, upstream_running

CANARY = "application-token-canary"


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with upstream_running() as made:
        yield made


@pytest.fixture
async def client(upstream: Upstream) -> AsyncIterator[EmnifyClient]:
    async with EmnifyClient(
        base_url=upstream.base_url, application_token=CANARY, limits=Limits(), deadline_s=20
    ) as made:
        yield made


@pytest.fixture
def impatient() -> Iterator[None]:
    """Try again without waiting."""
    with stamina.set_testing(testing=True, attempts=50, cap=True):
        yield
