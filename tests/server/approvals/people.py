"""A server at a public address of this machine, and people with browsers who sign in there."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
from mcp import Client
from pydantic import SecretStr

from sim_mcp.settings import Settings
from tests.changes.test_approval import suspend
from tests.server.signin.issuing import Issuer, client_with, served
from tests.support import Fleet, free_port, structured

CHANGES = "sims:read sims:write sims:delete"
ALL = f"{CHANGES} sims:approve"
FOUR_EYES = 'default = "ask"\napprover = "another"\n'
ANY_HOLDER = 'default = "ask"\napprover = "sims:approve"\n'


class Browser:
    """Somebody's browser; where the issuer asks who they are, they say so, and what they grant."""

    def __init__(self, http: httpx.AsyncClient, issuer: Issuer, name: str, grant: str) -> None:
        self.http = http
        self._issuer = issuer
        self._as = {"who": name, "grant": grant}

    async def open(self, url: str) -> httpx.Response:
        answer = await self.http.get(url)
        return await self.follow(answer)

    async def follow(self, answer: httpx.Response) -> httpx.Response:
        while answer.is_redirect:
            place = httpx.URL(urljoin(str(answer.url), answer.headers["location"]))
            if str(place).startswith(f"{self._issuer.address}/authorize"):
                place = place.copy_merge_params(self._as)
            answer = await self.http.get(place)
        return answer

    async def send(self, url: str, fields: dict[str, str], **headers: str) -> httpx.Response:
        origin = url[: url.index("/", 8)]
        return await self.http.post(url, data=fields, headers={"Origin": origin, **headers})

    async def press(self, page: httpx.Response, decision: str, typed: str | None = None) -> httpx.Response:
        """Press a button of the page that is open."""
        form = re.search(r'name="form" value="([^"]+)"', page.text)
        assert form is not None, page.text
        fields = {"form": form[1], "decision": decision, **({} if typed is None else {"typed": typed})}
        return await self.follow(await self.send(f"{page.url}/decision", fields))


@dataclass(frozen=True)
class Desk:
    """A server with pages, and who comes to it."""

    fleet: Fleet
    issuer: Issuer
    settings: Settings
    address: str

    @property
    def url(self) -> str:
        return f"{self.settings.public_url}/approvals"

    @asynccontextmanager
    async def client(self, name: str, scope: str = CHANGES, era: str = "auto", **options: Any) -> AsyncIterator[Client]:
        token = self.issuer.token(
            sub=name, email=f"{name}@example.com", scope=scope, aud=self.settings.audience or self.settings.resource
        )
        async with client_with(self.address, token, era, **options) as made:
            yield made

    @asynccontextmanager
    async def browser(self, name: str, grant: str = CHANGES) -> AsyncIterator[Browser]:
        async with httpx.AsyncClient(timeout=30) as http:
            yield Browser(http, self.issuer, name, grant)

    async def suspending(self, client: Client, scenario: str = "healthy") -> dict[str, Any]:
        """Have a client ask for a SIM to be suspended; return what it is told."""
        return structured(await client.call_tool("set_sim_status", suspend(self.fleet, scenario)))


@asynccontextmanager
async def desk_of(fleet: Fleet, issuer: Issuer, policy: str | None = None, **chosen: Any) -> AsyncIterator[Desk]:
    port = free_port()
    known = fleet.settings().model_dump(
        include={"base_url", "application_token", "approval_wait_s", "state_dir", "database_url"}
    )
    settings = Settings(
        **{
            **known,
            "public_url": f"http://127.0.0.1:{port}",
            "issuer": issuer.address,
            "client_id": "the-pages",
            "client_secret": SecretStr("the secret"),
            "policy": None if policy is None else _written(fleet.state_dir, policy),
            **chosen,
        }
    )
    async with served(settings, port=port) as address:
        yield Desk(fleet, issuer, settings, address)


def _written(directory: Path, policy: str) -> Path:
    file = directory / "policy.toml"
    file.write_text(policy)
    return file
