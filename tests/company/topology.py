"""The services of deploy/compose.yaml as processes of this machine, by the same words and variables."""

import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import psycopg

from tests.deploy.compose import DEPLOY, Compose
from tests.deploy.dockerfile import Image
from tests.replicas.database import Server, postgresql
from tests.support import free_port

SERVERS = ("server-1", "server-2")
_PATIENCE_S = 180


@dataclass
class Company:
    """All of it, running."""

    compose: Compose
    database: Server
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return self.compose.variables["SIM_MCP_PUBLIC_URL"]

    @property
    def authority(self) -> Path:
        return self.compose.operator / "config/ca.pem"

    @property
    def sandbox(self) -> str:
        return f"http://127.0.0.1:{self.compose.port('emnify', 8580)}"

    def log(self, service: str) -> str:
        return self._log(service).read_text(encoding="utf-8")

    def command(self, service: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `sim-mcp` with the variables of a service, as `docker compose exec` would."""
        env = self.environment(service)
        command = [sys.executable, "-m", "sim_mcp", *words]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False, cwd="/")

    def start(self, service: str) -> None:
        """Start a service; its files and variables are those of compose.yaml."""
        found = self.compose.service(service)
        if service in ("proxy", "sample"):
            ((_, file),) = [pair for pair in found.mounts.items() if pair[0].endswith("haproxy.cfg")]
            command = ["haproxy", "-W", "-db", "-f", str(file)]
        elif service == "issuer":
            command = ["node", "server.mjs"]
        else:
            command = [sys.executable, "-m", "sim_mcp", *found.command]
        cwd = DEPLOY / "issuer" if service == "issuer" else Path("/")
        with self._log(service).open("ab") as sink:
            self.processes[service] = subprocess.Popen(  # of this machine.
                command, env=self.environment(service), cwd=cwd, stdout=sink, stderr=sink
            )

    def run(self, service: str) -> None:
        """Start a service that ends by itself, and wait until it has."""
        self.start(service)
        assert self.processes.pop(service).wait(_PATIENCE_S) == 0, self.log(service)

    def wait_until_all_answer(self) -> None:
        """Wait until the proxy has a server that is ready, the issuer can be reached and both servers are healthy."""
        trusting = httpx.Client(verify=ssl.create_default_context(cafile=str(self.authority)))
        with trusting:
            self._until(lambda: trusting.get(f"{self.issuer}/.well-known/openid-configuration").is_success)
            for server in SERVERS:
                self._until(partial(self.healthy, server))
            self._until(lambda: trusting.get(f"{self.address}/health").is_success)

    @property
    def issuer(self) -> str:
        return self.compose.variables["SIM_MCP_ISSUER"]

    def healthy(self, service: str) -> bool:
        """Run the health check of a service."""
        program, *words = self.compose.service(service).health
        assert program == "sim-mcp"
        return self.command(service, *words).returncode == 0

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _log(self, service: str) -> Path:
        return self.compose.operator / f"{service}.log"

    def environment(self, service: str) -> dict[str, str]:
        """Return the variables of a service, and of its image."""
        own = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return own | self._of_the_image(service) | self.compose.service(service).environment

    def _of_the_image(self, service: str) -> dict[str, str]:
        """Return what the image of a service brings, or a container."""
        certificate = {"CERTIFICATE": str(self.compose.operator / "certs/sim-mcp.pem")}
        public = self.compose.port
        if service == "proxy":
            return {**certificate, "LISTEN": f"127.0.0.1:{public('proxy', 8443)}"}
        if service == "sample":
            return {
                **certificate,
                "LISTEN_LOGIN": f"127.0.0.1:{public('sample', 8444)}",
                "LISTEN_EMNIFY": f"127.0.0.1:{public('sample', 8445)}",
            }
        if service == "issuer":
            brought = Image(DEPLOY / "issuer/Dockerfile").environment
            assert brought["PORT"] == "4000"
            return {**brought, "HOST": "127.0.0.1", "PORT": str(public("issuer", 4000))}
        # Every container has a disk of its own, but for what it shares by name.
        brought = Image(DEPLOY.parent / "Dockerfile").environment
        state = self.compose.service(service).mounts.get(brought["SIM_MCP_STATE_DIR"], self.compose.operator / service)
        return {**brought, "SIM_MCP_STATE_DIR": str(state)}

    def _until(self, holds: Callable[[], bool]) -> None:
        given_up = time.monotonic() + _PATIENCE_S
        while True:
            try:
                if holds():
                    return
            except httpx.HTTPError:
                pass
            assert time.monotonic() < given_up, "\n".join(map(self.log, self.processes))
            time.sleep(0.1)


def prepare(directory: Path, sims: int, login: int, emnify: int) -> None:
    """Prepare the sample as an operator does."""
    env = os.environ | {
        "SIMS": f"https://localhost:{sims}",
        "LOGIN": f"https://127.0.0.1:{login}",
        "EMNIFY": f"https://127.0.0.1:{emnify}",
    }
    subprocess.run(["sh", DEPLOY / "sample/prepare", directory], env=env, check=True, capture_output=True)


@contextmanager
def company(directory: Path) -> Iterator[Company]:
    """Start all of it, in the order that compose.yaml asks for, until the block ends."""
    sims, login, emnify = free_port(), free_port(), free_port()
    prepare(directory, sims, login, emnify)
    compose = Compose(directory)
    for service, inside, port in (("proxy", 8443, sims), ("sample", 8444, login), ("sample", 8445, emnify)):
        compose.publish(service, inside, port)
    with ExitStack() as stack:
        database = stack.enter_context(postgresql())
        compose.publish("database", 5432, database.port)
        make_database(database, compose.service("database").environment)
        running = Company(compose, database)
        stack.callback(running.stop)
        for service in ("emnify", "issuer", "sample"):
            running.start(service)
        running.run("migrate")
        for service in (*SERVERS, "proxy"):
            running.start(service)
        running.wait_until_all_answer()
        yield running


def make_database(database: Server, told: dict[str, str]) -> None:
    """Make the user and the database that the image of PostgreSQL makes of its variables; a password is asked for."""
    with psycopg.connect(database.url("postgres"), autocommit=True) as db:
        name, owner = told["POSTGRES_DB"], told["POSTGRES_USER"]
        db.execute(f"CREATE USER {owner} PASSWORD '{told['POSTGRES_PASSWORD']}'".encode())
        db.execute(f"CREATE DATABASE {name} OWNER {owner}".encode())
    database.ask_for_passwords(told["POSTGRES_USER"])
