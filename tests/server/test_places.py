"""A client is told once whether these are SIMs of emnify or of a sandbox."""

import pytest
from mcp import Client
from pydantic import SecretStr

from sim_mcp.server.app import build_server
from sim_mcp.settings import PRODUCTION_URL, Settings


@pytest.mark.parametrize(
    ("address", "title", "says"),
    [
        (PRODUCTION_URL, "SIM cards (emnify)", "Answers questions about a fleet of emnify SIM cards"),
        ("http://127.0.0.1:9", "SIM cards (sandbox)", "SANDBOX: the SIMs are made up, and nothing at emnify is"),
        ("https://test.example", "SIM cards (emnify at test.example)", "Works on emnify at test.example. Answers"),
    ],
)
async def test_title_and_instructions_tell_a_sandbox_from_emnify(address: str, title: str, says: str) -> None:
    settings = Settings(base_url=address, application_token=SecretStr("sandbox-enterprise-1"))
    async with Client(build_server(settings)) as client:
        assert client.server_info is not None
        assert client.server_info.title == title
        assert (client.instructions or "").startswith(says)
