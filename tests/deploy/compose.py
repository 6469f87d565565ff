"""deploy/compose.yaml, read as Compose reads it, with every service on ports of this machine."""

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values

from tests.support import free_port

DEPLOY = Path(__file__).parents[2] / "deploy"
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


class MissingVariableError(Exception):
    """A variable that the file asks for is not set."""


class Compose:
    """The services as they are written, in a directory that stands for `deploy/` with files of the operator's."""

    def __init__(self, operator: Path) -> None:
        self.operator = operator
        self.variables = {name: value or "" for name, value in dotenv_values(operator / ".env").items()}
        self._ports: dict[tuple[str, int], int] = {}
        written = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
        self._services: dict[str, Any] = self._filled_in(written["services"])

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

    def _filled_in(self, written: Any) -> Any:
        if isinstance(written, dict):
            return {key: self._filled_in(value) for key, value in written.items()}
        if isinstance(written, list):
            return [self._filled_in(value) for value in written]
        return _VARIABLE.sub(self._value, written) if isinstance(written, str) else written

    def _value(self, found: re.Match[str]) -> str:
        name, otherwise, text = found.groups()
        value = self.variables.get(name, "")
        if not value and otherwise == "?":
            raise MissingVariableError(f"{name}: {text}")
        return value or text or ""


@dataclass
class Service:
    """One service: what it is started with, told for this machine."""

    name: str
    written: dict[str, Any]
    compose: Compose

    @cached_property
    def environment(self) -> dict[str, str]:
        """The variables it is given, as a process of this machine needs them."""
        given = dict(self.compose.variables) if self.written.get("env_file") == ".env" else {}
        given |= {name: str(value) for name, value in self.written.get("environment", {}).items()}
        return {name: self._here(value) for name, value in given.items()}

    @property
    def command(self) -> list[str]:
        return [self._here(str(word)) for word in self.written["command"]]

    @property
    def health(self) -> list[str]:
        """The words of its health check, without what says how they are run."""
        return [self._here(str(word)) for word in self.written["healthcheck"]["test"][1:]]

    @cached_property
    def mounts(self) -> dict[str, Path]:
        """Where the directories and files lie that it sees, by the path at which it sees them."""
        found = {}
        for volume in self.written.get("volumes", []):
            source, inside, *_ = volume.split(":")
            if not source.startswith("."):
                # A volume: it is made when it is first used, and belongs to all services that name it.
                here = self.compose.operator / "volumes" / source
                here.mkdir(parents=True, exist_ok=True)
            else:
                here = self.compose.operator / source
                here = here if here.exists() else DEPLOY / source
            found[inside] = here
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
        words = [str(word) for word in self.written.get("command", [])]
        named = [int(word) for flag, word in pairwise(words) if flag == "--port"]
        metrics = self.written.get("environment", {}).get("SIM_MCP_METRICS_PORT")
        return {*named, *([int(metrics)] if metrics else [])}

    def _found(self, name_and_port: re.Match[str]) -> str:
        return self._address(name_and_port[1], int(name_and_port[2]))

    def _address(self, service: str, inside: int) -> str:
        return f"127.0.0.1:{self.compose.port(service, inside)}"
