"""Servers on an emnify of a test's own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from mcp import Client
from pydantic import SecretStr

from sim_mcp.server.app import build_server
from sim_mcp.settings import Settings
from tests.emnify.upstream import Upstream
from tests.support import Fleet


async def lists(fleet: Fleet) -> int:
    return len([request for request in await fleet.requests() if request["path"] == "/api/v1/sim"])


@asynccontextmanager
async def server_on(upstream: Upstream) -> AsyncIterator[Client]:
    with TemporaryDirectory() as directory:
        settings = Settings(
            state_dir=Path(directory), base_url=upstream.base_url, application_token=SecretStr("x"), read_only=True
        )
        async with Client(build_server(settings)) as client:
            yield client
