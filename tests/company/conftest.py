"""All that a company runs, once for all tests, and a Chromium to approve in."""

from collections.abc import Iterator

import pytest

from tests.browser.conftest import browser
from tests.company.topology import Company, company

__all__ = ["browser"]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with company(tmp_path_factory.mktemp("company")) as running, pytest.MonkeyPatch.context() as patch:
        # Clients trust the authority of the sample, and no other.
        patch.setenv("SSL_CERT_FILE", str(running.authority))
        yield running
