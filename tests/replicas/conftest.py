"""What tests of several servers share: a database of their own, where others have a file."""

from collections.abc import AsyncIterator, Iterator
from itertools import count

import pytest
from psycopg_pool import ConnectionPool
from pydantic import SecretStr

from sim_mcp import postgres
from sim_mcp.changes.record.place import Place
from sim_mcp.changes.record.postgres.upgrade import upgrade
from sim_mcp.sandbox import SandboxSettings
from tests import support
from tests.replicas.database import Server, database_of, postgresql
from tests.support import Fleet, fleet_of

_number = count()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with postgresql() as running:
        yield running


@pytest.fixture(scope="session")
def template(server: Server) -> str:
    """An empty database that is prepared."""
    url = server.new("prepared")
    assert upgrade(SecretStr(url))
    return database_of(url)


@pytest.fixture
def empty(server: Server) -> SecretStr:
    """A database with nothing in it."""
    return SecretStr(server.new(f"empty{next(_number)}"))


@pytest.fixture(autouse=True)
def place(server: Server, template: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A record of the test's own; every fleet is given it, and what a test leaves open is closed."""
    url = SecretStr(server.new(f"test{next(_number)}", template))
    monkeypatch.setattr(support, "shared_record", url)
    opened: list[ConnectionPool] = []

    class Pool(ConnectionPool):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)  # type: ignore[arg-type]
            opened.append(self)

    monkeypatch.setattr(postgres, "ConnectionPool", Pool)
    yield url
    for pool in opened:
        pool.close()


@pytest.fixture
async def fleet(place: Place) -> AsyncIterator[Fleet]:
    del place
    async with fleet_of(SandboxSettings(sims=60)) as made:
        yield made
