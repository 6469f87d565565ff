"""An issuer that signs people in at once, shared by the tests of a module."""

from collections.abc import AsyncIterator

import pytest

from tests.server.signin.issuing import Issuer, issuing


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def issuer() -> AsyncIterator[Issuer]:
    async with issuing() as made:
        yield made
