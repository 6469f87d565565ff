"""A sandbox behind real HTTP, and a client that knows its scenarios."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from anyio.from_thread import start_blocking_portal

from sim_mcp.sandbox import Sandbox, SandboxSettings, running

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
API = "/api/v1"


@dataclass
class RoleClient:
    """Ask a sandbox as one role."""

    sandbox: Sandbox
    http: httpx.Client
    scenarios: dict[str, dict[str, Any]]
    stack: ExitStack
    role: str = "enterprise"

    def scenario(self, key: str) -> dict[str, Any]:
        return self.scenarios[key]

    def sim_id(self, key: str) -> int:
        return int(self.scenarios[key]["sim_id"])

    def sim_path(self, key: str, rest: str = "") -> str:
        return f"{API}/sim/{self.sim_id(key)}{rest}"

    def device_path(self, key: str, rest: str = "") -> str:
        return f"{API}/endpoint/{self.scenarios[key]['device_id']}{rest}"

    def get(self, path: str, **params: str | int) -> httpx.Response:
        return self.http.get(path if path.startswith(API) else API + path, params=params or None)

    def found(self, path: str, **params: str | int) -> list[dict[str, Any]]:
        answer = self.get(path, **params)
        assert answer.status_code == 200, answer.text
        body: list[dict[str, Any]] = answer.json()
        return body

    def sim(self, key: str) -> dict[str, Any]:
        answer = self.get(self.sim_path(key))
        assert answer.status_code == 200
        body: dict[str, Any] = answer.json()
        return body

    def events(self, key: str, q: str = "") -> list[dict[str, Any]]:
        return self.found(self.sim_path(key, "/event"), per_page=1000, **({"q": q} if q else {}))

    def set_status(self, key: str, status: int) -> httpx.Response:
        return self.http.patch(self.sim_path(key), json={"status": {"id": status}})

    def advance(self, seconds: float) -> None:
        assert self.http.post("/sandbox/clock", json={"advance_s": seconds}).status_code == 200
        self.http.headers["Authorization"] = f"Bearer {self._token(self.role)}"

    def as_role(self, role: str) -> "RoleClient":
        """Return a api of another role at the same sandbox."""
        client = self.stack.enter_context(_client(self.sandbox, {"Authorization": f"Bearer {self._token(role)}"}))
        return RoleClient(self.sandbox, client, self.scenarios, self.stack, role)

    def _token(self, role: str) -> str:
        answer = self.http.post(f"{API}/authenticate", json={"application_token": self.sandbox.tokens[role]})
        return str(answer.json()["auth_token"])


Start = Callable[..., RoleClient]


def _client(sandbox: Sandbox, headers: dict[str, str] | None = None) -> httpx.Client:
    return httpx.Client(base_url=sandbox.base_url, headers=headers, timeout=20)


def _starter(stack: ExitStack) -> Start:
    portal = stack.enter_context(start_blocking_portal())

    def start(role: str = "enterprise", **settings: Any) -> RoleClient:
        wanted = SandboxSettings(**{"clock": NOON} | settings)
        sandbox = stack.enter_context(portal.wrap_async_context_manager(running(wanted)))
        with _client(sandbox) as anybody:
            scenarios = {each["key"]: each for each in anybody.get("/sandbox/scenarios").json()}
            api = RoleClient(sandbox, anybody, scenarios, stack).as_role(role)
            anybody.delete("/sandbox/requests")
        return api

    return start


@pytest.fixture
def start() -> Iterator[Start]:
    """Start sandboxes that may be changed."""
    with ExitStack() as stack:
        yield _starter(stack)


@pytest.fixture(scope="module")
def start_once() -> Iterator[Start]:
    """Start a sandbox that the tests of a module may spoil."""
    with ExitStack() as stack:
        yield _starter(stack)


@pytest.fixture(scope="session")
def api() -> Iterator[RoleClient]:
    """A sandbox that is only read."""
    with ExitStack() as stack:
        yield _starter(stack)()
