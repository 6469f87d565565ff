"""Two servers behind HAProxy and behind nginx, as they are configured in deploy/."""

import json
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import httpx2
import pytest
from anyio.abc import Process
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.changes.test_approval import suspend
from tests.changes.test_consent import Asked, yes
from tests.deploy.proxies import Proxy, proxying, until_open
from tests.processes.test_ending import ended, http_server
from tests.processes.test_serving import Era, environment
from tests.support import Fleet, bearer, free_port, structured

PROXIES: tuple[Proxy, ...] = ("haproxy", "nginx")


@dataclass
class Site:
    """A proxy, the servers behind it, and what clients need."""

    port: int
    log: Path
    servers: list[Process]
    names: tuple[str, ...]
    """What the proxy's log may call a server."""
    authority: Path
    env: dict[str, str]

    def answering(self) -> int:
        """How many of the servers have answered, by the proxy's log."""
        words = set(self.log.read_text().split())
        return len(words.intersection(self.names))

    @property
    def address(self) -> str:
        return f"https://localhost:{self.port}"

    @asynccontextmanager
    async def client(self, era: Era = "auto", **options: Any) -> AsyncIterator[Client]:
        trusted = ssl.create_default_context(cafile=str(self.authority))
        async with (
            httpx2.AsyncClient(headers=bearer(self.env), timeout=60, verify=trusted, trust_env=False) as http,
            Client(streamable_http_client(f"{self.address}/mcp", http_client=http), mode=era, **options) as client,
        ):
            yield client

    def http(self) -> httpx.AsyncClient:
        trusted = ssl.create_default_context(cafile=str(self.authority))
        return httpx.AsyncClient(base_url=self.address, verify=trusted, trust_env=False)


@asynccontextmanager
async def site(proxy: Proxy, fleet: Fleet, directory: Path, **settings: str) -> AsyncIterator[Site]:
    port = free_port()
    env = environment(fleet, **{"SIM_MCP_PUBLIC_URL": f"https://localhost:{port}", **settings})
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(http_server(env, "--stateless")) for _ in range(2)]
        one, two = (httpx.URL(address).port or 0 for _, address in servers)
        log = stack.enter_context(proxying(proxy, directory, port, (one, two)))
        await until_open(port)
        names = ("ready/server-1", "ready/server-2") if proxy == "haproxy" else (f"127.0.0.1:{one}", f"127.0.0.1:{two}")
        yield Site(port, log, [process for process, _ in servers], names, directory / "ca.pem", env)


@pytest.mark.parametrize("era", ["auto", "legacy"])
@pytest.mark.parametrize("proxy", PROXIES)
async def test_calls_are_answered_by_either_server(fleet: Fleet, tmp_path: Path, proxy: Proxy, era: Era) -> None:
    async with site(proxy, fleet, tmp_path) as behind:
        async with behind.client(era) as client:
            for _ in range(6):
                assert structured(await client.call_tool("list_sim_statuses", {}))["statuses"]
        async with behind.http() as http:
            # What the proxy asks is nobody else's business.
            assert (await http.get("/ready")).status_code == 404
            assert (await http.get("/health")).status_code == 200
            assert (await http.post("/mcp", json={})).status_code == 401
    assert behind.answering() == 2


@pytest.mark.parametrize("proxy", PROXIES)
async def test_a_form_that_one_server_shows_may_come_back_to_the_other(
    fleet: Fleet, tmp_path: Path, proxy: Proxy
) -> None:
    asked: Asked = []
    async with site(proxy, fleet, tmp_path) as behind, behind.client(elicitation_callback=yes(asked)) as client:
        for scenario in ("healthy", "went_silent", "euicc", "wrong_apn"):
            done = structured(await client.call_tool("set_sim_status", suspend(fleet, scenario)))
            assert (done["counts"], done["agreed"]) == ({"changed": 1}, "a person, by form")
    assert (len(asked), len(await fleet.writes())) == (4, 4)


@pytest.mark.parametrize("proxy", PROXIES)
async def test_the_public_name_and_no_other_is_served(fleet: Fleet, tmp_path: Path, proxy: Proxy) -> None:
    public = {"SIM_MCP_PUBLIC_URL": "https://sims.example.net"}
    async with site(proxy, fleet, tmp_path, **public) as behind, behind.http() as http:
        for host, status in (("sims.example.net", 200), ("other.example.net", 421)):
            assert (await http.get("/health", headers={"Host": host})).status_code == status


@pytest.mark.parametrize("proxy", PROXIES)
async def test_a_server_that_ends_takes_no_call_with_it(fleet: Fleet, tmp_path: Path, proxy: Proxy) -> None:
    """Calls go on, one after the other, while one of two servers is told to end: each is answered, none twice."""
    async with site(proxy, fleet, tmp_path) as behind, behind.client() as client:
        answered = 0

        async def ask() -> None:
            nonlocal answered
            for _ in range(60):
                assert structured(await client.call_tool("list_sim_statuses", {}))["statuses"]
                answered += 1
                await anyio.sleep(0.05)

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            while answered < 10:  # noqa: ASYNC110  # what is waited for is a number.
                await anyio.sleep(0.01)
            status, _ = await ended(behind.servers[0], signal.SIGTERM)
        assert (status, answered) == (0, 60)


@pytest.mark.parametrize("proxy", PROXIES)
async def test_the_proxy_names_the_request_and_logs_no_secret_of_a_link(
    fleet: Fleet, tmp_path: Path, proxy: Proxy
) -> None:
    secret = "a-link-that-nobody-may-read-in-a-log"
    settings = {"SIM_MCP_LOG_LEVEL": "INFO", "SIM_MCP_LOG_FORMAT": "json"}
    async with site(proxy, fleet, tmp_path, **settings) as behind:
        async with behind.client() as client:
            structured(await client.call_tool("list_sim_statuses", {}))
        async with behind.http() as http:
            await http.get(f"/approve/{secret}?also={secret}")
        told = b""
        for process in behind.servers:
            await ended(process, signal.SIGTERM)
            assert process.stderr is not None
            async for chunk in process.stderr:
                told += chunk
    written = behind.log.read_text()
    assert secret not in written
    assert "/approve" in written
    calls = [line for line in map(json.loads, told.decode().splitlines()) if line.get("tool") == "list_sim_statuses"]
    assert [f"request={call['request']}" in written for call in calls] == [True]


@pytest.mark.parametrize("proxy", PROXIES)
async def test_where_emnify_is_down_servers_say_so_in_words(fleet: Fleet, tmp_path: Path, proxy: Proxy) -> None:
    """None is ready then, and a proxy that sent nothing on would answer for them without a reason."""
    async with site(proxy, fleet, tmp_path, EMNIFY_BASE_URL="http://127.0.0.1:9") as behind:
        async with behind.http() as http:
            with anyio.fail_after(60):
                while proxy == "haproxy" and "has no server available" not in behind.log.read_text():  # noqa: ASYNC110
                    await anyio.sleep(0.2)
            assert (await http.get("/health")).status_code == 200
        async with behind.client() as client:
            answer = await client.call_tool("list_sim_statuses", {})
    assert answer.is_error
    assert "could not be reached" in answer.content[0].model_dump()["text"]
