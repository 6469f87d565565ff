"""A real authorization server in a process of its own, and a real sim-mcp that trusts it."""

import os
import ssl
import subprocess
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import anyio
import pytest
import trustme
import uvicorn
from anyio.streams.text import TextReceiveStream
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sim_mcp.sandbox import SandboxSettings
from tests.processes.test_serving import environment
from tests.signin.signing_in import CALLBACK
from tests.support import Fleet, fleet_of, free_port

ISSUER = Path(__file__).parents[2] / "deploy/issuer"
SECRET = "only for tests: what the pages are known by"
POLICY = """
[[rule]]
tool = "delete_sims"
decision = "ask"
approver = "another"
"""
OWN_TOKENS = """
[[workspace]]
name = "field"
own_tokens = true
[[workspace.allow]]
everybody = true
"""


class Desk(NamedTuple):
    """A server, and where clients may publish who they are."""

    address: str
    fleet: Fleet
    document: str


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, Path]:
    made = trustme.CA()
    file = tmp_path_factory.mktemp("authority") / "ca.pem"
    made.cert_pem.write_to_path(str(file))
    return made, file


@pytest.fixture(scope="session")
def ports() -> tuple[int, int]:
    return free_port(), free_port()


@pytest.fixture(scope="session")
def issuer(authority: tuple[trustme.CA, Path], ports: tuple[int, int]) -> Iterator[str]:
    """The sample that is shipped, from its own lock file."""
    address = f"http://127.0.0.1:{ports[0]}"
    env = {
        **os.environ,
        "ISSUER": address,
        "PORT": str(ports[0]),
        "SIMS": f"http://127.0.0.1:{ports[1]}",
        "CLIENT_ID": "the-pages",
        "CLIENT_SECRET": SECRET,
        "LOCAL_DOCUMENTS": "1",
        "NODE_EXTRA_CA_CERTS": str(authority[1]),
        "NODE_NO_WARNINGS": "1",
    }
    with subprocess.Popen(["node", "server.mjs"], cwd=ISSUER, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "listening" in process.stdout.readline()
        yield address
        process.terminate()


@asynccontextmanager
async def publishing(authority: trustme.CA) -> AsyncIterator[str]:
    """Serve the document by which a client says who it is, over TLS; yield its address, which is the client's id."""
    port = free_port()
    address = f"https://localhost:{port}/client.json"

    async def document(_: Request) -> Response:
        return JSONResponse(
            {
                "client_id": address,
                "client_name": "a client with a document",
                "redirect_uris": [CALLBACK],
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "token_endpoint_auth_method": "none",
            }
        )

    config = uvicorn.Config(Starlette(routes=[Route("/client.json", document)]), port=port, log_config=None)
    config.load()
    config.ssl = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(config.ssl)
    server = uvicorn.Server(config)
    async with anyio.create_task_group() as group:
        group.start_soon(server.serve)
        yield address
        server.should_exit = True


@asynccontextmanager
async def serving(fleet: Fleet, issuer: str, port: int, **extra: str) -> AsyncIterator[str]:
    """Serve from a process of its own, at the address that tokens are issued for; yield that."""
    public = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "sim_mcp", "serve", "--http", "--port", str(port)]
    env = environment(
        fleet,
        SIM_MCP_ISSUER=issuer,
        SIM_MCP_PUBLIC_URL=public,
        SIM_MCP_APPROVAL_WAIT="0",
        SIM_MCP_CLIENT_ID="the-pages",
        SIM_MCP_CLIENT_SECRET=SECRET,
        **extra,
    )
    async with await anyio.open_process(command, env=env) as process:
        assert process.stderr is not None
        said = ""
        with anyio.fail_after(60):
            async for chunk in TextReceiveStream(process.stderr):
                said += chunk
                if "sign in at" in said:
                    break
        try:
            yield public
        finally:
            process.terminate()


@pytest.fixture
async def desk(issuer: str, ports: tuple[int, int], authority: tuple[trustme.CA, Path]) -> AsyncIterator[Desk]:
    async with fleet_of(SandboxSettings(sims=60)) as fleet, publishing(authority[0]) as document:
        policy = fleet.state_dir / "policy.toml"
        policy.write_text(POLICY)
        async with serving(fleet, issuer, ports[1], SIM_MCP_POLICY=str(policy)) as public:
            yield Desk(f"{public}/mcp", fleet, document)


@pytest.fixture
async def own_tokens_desk(issuer: str, ports: tuple[int, int]) -> AsyncIterator[Desk]:
    """A desk with one workspace, to which each person brings a token of their own."""
    async with fleet_of(SandboxSettings(sims=60)) as fleet:
        file, keys = fleet.state_dir / "workspaces.toml", fleet.state_dir / "token-keys"
        file.write_text(OWN_TOKENS)
        keys.write_text(f"one:{b64encode(bytes(32)).decode()}\n")
        extra = {"SIM_MCP_WORKSPACES": str(file), "SIM_MCP_TOKEN_KEYS_FILE": str(keys), "EMNIFY_APPLICATION_TOKEN": ""}
        async with serving(fleet, issuer, ports[1], **extra) as public:
            yield Desk(f"{public}/mcp", fleet, "")
