"""An issuer, and a server that trusts it, shared by the tests of a module."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.server.signin.issuing import Issuer, issuing, served, settings_for


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def issuer() -> AsyncIterator[Issuer]:
    async with issuing() as made:
        yield made


@pytest.fixture(scope="module")
async def address(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    state_dir: Path = tmp_path_factory.mktemp("state")
    async with served(settings_for(issuer, state_dir)) as made:
        yield made
