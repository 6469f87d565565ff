"""What tests are written with: a sandbox to look into, and answers taken apart."""

import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import httpx2
from mcp import Client, ClientSession
from mcp.client._transport import TransportStreams
from mcp.client.streamable_http import streamable_http_client
from mcp.types import (
    CallToolResult,
    ClientCapabilities,
    ElicitationCapability,
    TextContent,
    UrlElicitationCapability,
)
from pydantic import SecretStr

from sim_mcp.changes.record.place import Place
from sim_mcp.sandbox import Sandbox, SandboxSettings, running
from sim_mcp.settings import Settings

shared_record: SecretStr | None = None
"""A database that keeps the record of every fleet; tests/replicas sets it."""


@dataclass
class Fleet:
    """A sandbox, with what a test wants to know of it."""

    world: Sandbox
    control: httpx.AsyncClient
    scenarios: dict[str, dict[str, Any]]
    """What `GET /sandbox/scenarios` lists, by key."""
    state_dir: Path
    database_url: SecretStr | None = None
    """The database that keeps the record, where it is not a file in `state_dir`."""

    @property
    def place(self) -> Place:
        """Where the record of changes is."""
        return self.database_url or self.state_dir

    def settings(self, *, role: str = "enterprise", **chosen: Any) -> Settings:
        return Settings(
            state_dir=self.state_dir,
            database_url=self.database_url,
            base_url=self.world.base_url,
            application_token=SecretStr(self.world.tokens[role]),
            **{"approval_wait_s": 0, **chosen},
        )

    def trusting(self) -> Path:
        """A policy under which nobody is asked, not even before a deletion."""
        file = self.state_dir / "trusting.toml"
        file.write_text('default = "allow"\n[[rule]]\ntool = "delete_sims"\ndecision = "allow"\n')
        return file

    async def requests(self) -> list[dict[str, Any]]:
        """Every request to the API so far, signing in apart."""
        found: list[dict[str, Any]] = (await self.control.get("/sandbox/requests")).json()
        return [request for request in found if not request["path"].endswith("/authenticate")]

    async def writes(self) -> list[dict[str, Any]]:
        return [request for request in await self.requests() if request["method"] != "GET"]

    async def faults(self, *faults: str) -> None:
        (await self.control.put("/sandbox/faults", json=list(faults))).raise_for_status()

    async def api(self, method: str, path: str, *, role: str = "issuer", **body: Any) -> httpx.Response:
        """Ask the API behind the server's back."""
        login = await self.control.post("/api/v1/authenticate", json={"application_token": self.world.tokens[role]})
        headers = {"Authorization": f"Bearer {login.json()['auth_token']}"}
        return await self.control.request(method, f"/api/v1{path}", headers=headers, **body)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def unencrypted(base_url: str = "") -> httpx.AsyncClient:
    """A client for loopback alone: loading certificates would take longer than making a small world."""
    return httpx.AsyncClient(base_url=base_url, trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


def key_in(env: Mapping[str, str]) -> str:
    """The key that a server started with these variables made."""
    return (Path(env["SIM_MCP_STATE_DIR"]) / "http-key").read_text().strip()


def bearer(env: Mapping[str, str]) -> dict[str, str]:
    """What a client sends besides."""
    return {"Authorization": f"Bearer {key_in(env)}"}


@asynccontextmanager
async def with_key(address: str, env: Mapping[str, str]) -> AsyncIterator[TransportStreams]:
    """What a client connects through that was given the key."""
    async with (
        httpx2.AsyncClient(headers=bearer(env), timeout=60) as http,
        streamable_http_client(address, http_client=http) as streams,
    ):
        yield streams


@asynccontextmanager
async def fleet_of(settings: SandboxSettings) -> AsyncIterator[Fleet]:
    with TemporaryDirectory() as state_dir:
        async with running(settings) as world, unencrypted(world.base_url) as control:
            scenarios = (await control.get("/sandbox/scenarios")).json()
            stories = {each["key"]: each for each in scenarios}
            yield Fleet(world, control, stories, Path(state_dir), shared_record)


def text_of(result: CallToolResult) -> str:
    """The text of an answer."""
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


def structured(result: CallToolResult) -> dict[str, Any]:
    """The structured content of an answer that is no error."""
    assert not result.is_error, text_of(result)
    found: dict[str, Any] | None = result.structured_content
    assert found is not None
    return found


class UrlOnlySession(ClientSession):
    def _build_capabilities(self, version: str) -> ClientCapabilities:
        built = super()._build_capabilities(version)
        return built.model_copy(update={"elicitation": ElicitationCapability(url=UrlElicitationCapability())})


class UrlOnlyClient(Client):
    """A client that opens links for a person and shows no forms."""

    async def _build_session(self, exit_stack: AsyncExitStack) -> ClientSession:
        session = await super()._build_session(exit_stack)
        session.__class__ = UrlOnlySession
        return session
