"""Three servers with one record behind HAProxy, as they are deployed, and the people who come to them."""

import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx
import httpx2
import psycopg
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.deploy.proxies import proxying, until_open
from tests.processes.test_serving import Era, environment
from tests.server.approvals.people import CHANGES, Browser
from tests.server.signin.issuing import Issuer, issuing
from tests.support import Fleet, free_port

REPLICAS = 3
MODES: dict[Era, str] = {"auto": "2026-07-28", "legacy": "legacy"}
"""A client that finds out by itself takes a server that is slow for an older one, which cannot ask by form."""
GIVES_UP_AFTER_S = 40
"""When a client gives up on a call of which it hears nothing, not even that it lives."""


@dataclass
class Replica:
    """A server as a process on a port of its own, which may be killed, frozen and started again."""

    home: Path
    env: Mapping[str, str]
    port: int = 0
    """A free one at first, and the same one from then on."""
    pids: list[int] = field(default_factory=list)
    """Of its processes, the last of which may run."""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "sim_mcp", "serve", "--http", "--stateless", "--port", str(self.port)]
        with (self.home / "log").open("a") as log:
            self.process = subprocess.Popen(command, env=self.env, stdout=log, stderr=log)
        self.pids.append(self.process.pid)

    async def until_open(self) -> None:
        assert self.process is not None
        with anyio.fail_after(120):
            while (told := re.search(r"http://127\.0\.0\.1:(\d+)/mcp", self.log)) is None:
                assert self.process.poll() is None, self.log
                await anyio.sleep(0.05)
        self.port = int(told[1])

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    @property
    def log(self) -> str:
        return (self.home / "log").read_text()


@dataclass
class Site:
    """The proxy, the servers behind it, and what lies behind them."""

    fleet: Fleet
    issuer: Issuer
    replicas: list[Replica]
    home: Path
    port: int
    proxy: ExitStack = field(default_factory=ExitStack)

    @property
    def address(self) -> str:
        return f"https://localhost:{self.port}"

    async def start_proxy(self) -> None:
        self.proxy.enter_context(proxying("haproxy", self.home, self.port, [each.port for each in self.replicas]))
        await until_open(self.port)

    async def restart_proxy(self) -> None:
        await anyio.to_thread.run_sync(self.proxy.close)
        await self.start_proxy()

    def token(self, name: str) -> str:
        """What somebody's client was given who signed in."""
        return self.issuer.token(
            sub=name,
            email=f"{name}@example.com",
            scope=f"{CHANGES} sims:approve",
            aud=f"{self.address}/mcp",
            exp=int(time.time()) + 3600,
        )

    @asynccontextmanager
    async def client(self, name: str, era: Era, **options: Any) -> AsyncIterator[Client]:
        """Somebody's client, which knows the address of the proxy alone."""
        headers = {"Authorization": f"Bearer {self.token(name)}"}
        async with (
            httpx2.AsyncClient(
                headers=headers, timeout=GIVES_UP_AFTER_S, verify=self._trusted(), trust_env=False
            ) as http,
            Client(
                streamable_http_client(f"{self.address}/mcp", http_client=http), mode=MODES[era], **options
            ) as client,
        ):
            yield client

    @asynccontextmanager
    async def browser(self, name: str) -> AsyncIterator[Browser]:
        async with httpx.AsyncClient(timeout=5, verify=self._trusted(), trust_env=False) as http:
            yield Browser(http, self.issuer, name, CHANGES)

    async def at_work(self) -> Replica | None:
        """Return the server whose turn it is, by the record, where it can be read."""
        assert self.fleet.database_url is not None
        query = "SELECT holder FROM turns WHERE until > clock_timestamp()"
        found: list[int] = []
        with suppress(psycopg.OperationalError):  # it may be restarting.
            async with await psycopg.AsyncConnection.connect(self.fleet.database_url.get_secret_value()) as db:
                found = [int(holder.rpartition(":")[2]) for (holder,) in await (await db.execute(query)).fetchall()]
        return next((each for each in self.replicas if each.pids[-1] in found), None)

    def planned_by(self) -> Replica | None:
        """Return the server that made the plan, by its log: that is where a call waits for a person."""
        return next((each for each in self.replicas if " to change, asked for by " in each.log), None)

    def _trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.home / "ca.pem"))


@asynccontextmanager
async def site_of(fleet: Fleet, servers: int = REPLICAS, **settings: str) -> AsyncIterator[Site]:
    """Start it all; machines of their own share nothing but the database and what the operator set."""
    port = free_port()
    async with AsyncExitStack() as stack:
        issuer = await stack.enter_async_context(issuing())
        env = {
            "SIM_MCP_PUBLIC_URL": f"https://localhost:{port}",
            "SIM_MCP_ISSUER": issuer.address,
            "SIM_MCP_CLIENT_ID": "the-pages",
            "SIM_MCP_CLIENT_SECRET": "the secret",
            "SIM_MCP_SESSION_KEY": "the same one on every server, and long enough",
            "SIM_MCP_APPROVAL_WAIT": "40",
            "SIM_MCP_LOG_LEVEL": "INFO",
            **settings,
        }
        replicas = []
        for number in range(1, servers + 1):
            home = fleet.state_dir / f"replica-{number}"
            home.mkdir()
            own = environment(fleet, SIM_MCP_STATE_DIR=str(home), **env)
            replicas.append(Replica(home, own))
            replicas[-1].start()
            # How a server ends in order is shown elsewhere.
            stack.callback(replicas[-1].kill)
        site = Site(fleet, issuer, replicas, fleet.state_dir, port)
        stack.callback(site.proxy.close)
        for each in replicas:
            await each.until_open()
        await site.start_proxy()
        yield site
