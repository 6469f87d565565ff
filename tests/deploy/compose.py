"""deploy/compose.yaml, as Compose itself reads it, with every service on ports of this machine."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from tests.support import free_port

DEPLOY = Path(__file__).parents[2] / "deploy"


class ComposeError(Exception):
    """Compose does not take the file; the message is its own."""


class Compose:
    """The services as they are written, in a directory that stands for `deploy/` with files of the operator's."""

    def __init__(self, operator: Path) -> None:
        self.operator = operator
        self.variables = {name: value or "" for name, value in dotenv_values(operator / ".env").items()}
        self._ports: dict[tuple[str, int], int] = {}
        self._services = self._read()

    def _read(self) -> dict[str, Any]:
        program: list[str | Path] = [Path(sys.executable).with_name("docker-compose")]
        program += ["--project-directory", self.operator, "-f", DEPLOY / "compose.yaml", "--profile", "*"]
        env = {"PATH": "/usr/bin:/bin", "HOME": str(self.operator)}
        done = subprocess.run(
            [*program, "config", "--format", "json"], env=env, capture_output=True, text=True, check=False
        )
        if done.returncode != 0 or done.stderr:
            raise ComposeError(done.stderr)
        found: dict[str, Any] = json.loads(done.stdout)["services"]
        return found

    @property
    def names(self) -> list[str]:
        return list(self._services)

    def service(self, name: str) -> "Service":
        return Service(name, self._services[name], self)

    def port(self, service: str, inside: int) -> int:
        """Return the port of this machine that stands for one of a service."""
        # Who has the network of another has its ports too.
        of = self._services[service].get("network_mode", "").removeprefix("service:") or service
        return self._ports.setdefault((of, inside), free_port())

    def publish(self, service: str, inside: int, port: int) -> None:
        self._ports[service, inside] = port


@dataclass
class Service:
    """One service: what it is started with, told for this machine."""

    name: str
    written: dict[str, Any]
    compose: Compose

    @cached_property
    def environment(self) -> dict[str, str]:
        """The variables it is given, as a process of this machine needs them."""
        return {name: self._here(value) for name, value in self.written.get("environment", {}).items()}

    @property
    def command(self) -> list[str]:
        return [self._here(word) for word in self.written["command"]]

    @property
    def health(self) -> list[str]:
        """The words of its health check, without what says how they are run."""
        return [self._here(word) for word in self.written["healthcheck"]["test"][1:]]

    @cached_property
    def mounts(self) -> dict[str, Path]:
        """Where the directories and files lie that it sees, by the path at which it sees them."""
        found = {}
        for volume in self.written.get("volumes", []):
            here = Path(volume["source"])
            if volume["type"] == "volume":
                # It is made when it is first used, and belongs to all services that name it.
                here = self.compose.operator / "volumes" / here
                here.mkdir(parents=True, exist_ok=True)
            elif not here.exists():
                here = DEPLOY / here.relative_to(self.compose.operator)
            found[volume["target"]] = here
        return found

    def _here(self, text: str) -> str:
        """Tell a value for this machine: names of services, ports, and paths that are mounted."""
        if text.isdecimal() and int(text) in self._own_ports:
            return str(self.compose.port(self.name, int(text)))
        text = text.replace("0.0.0.0", "127.0.0.1")  # noqa: S104  # every address there is one here.
        text = re.sub(rf"\b({'|'.join(self.compose.names)}):(\d+)", self._found, text)
        text = text.replace("@database/", f"@{self._address('database', 5432)}/")
        text = re.sub(r"^127\.0\.0\.1:8580$", lambda _: self._address("emnify", 8580), text)
        for inside, here in self.mounts.items():
            text = re.sub(rf"^{re.escape(inside)}(?=/|$)", str(here), text)
        return text

    @property
    def _own_ports(self) -> set[int]:
        named = [int(word) for flag, word in pairwise(self.written.get("command") or []) if flag == "--port"]
        metrics = self.written.get("environment", {}).get("SIM_MCP_METRICS_PORT")
        return {*named, *([int(metrics)] if metrics else [])}

    def _found(self, name_and_port: re.Match[str]) -> str:
        return self._address(name_and_port[1], int(name_and_port[2]))

    def _address(self, service: str, inside: int) -> str:
        return f"127.0.0.1:{self.compose.port(service, inside)}"
