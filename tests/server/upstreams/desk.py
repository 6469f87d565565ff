"""A desk at which each caller brings a token of their own to one workspace, and people who enter theirs."""

import re
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from typing import Any

import httpx
from mcp import Client
from pydantic import SecretStr

from sim_mcp.changes.record.place import open_record
from sim_mcp.server.upstreams.token_keys import TokenKeys
from sim_mcp.server.upstreams.vault import Owner, Vault
from sim_mcp.workspaces.file import Workspace
from tests.server.approvals.people import CHANGES, Browser
from tests.server.approvals.people import Desk as PublicDesk
from tests.server.approvals.people import desk_of as public_desk_of
from tests.server.signin.issuing import Issuer
from tests.support import Fleet

KEYS = f"one:{b64encode(bytes(32)).decode()}"
FIELD = Workspace.model_validate({"name": "field", "own_tokens": True, "allow": [{"everybody": True}]})


@dataclass(frozen=True)
class Desk:
    """A server, and the tokens that people have from emnify."""

    public: PublicDesk
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def fleet(self) -> Fleet:
        return self.public.fleet

    def page(self, workspace: str = "field") -> str:
        return f"{self.public.settings.public_url}/tokens/{workspace}"

    @asynccontextmanager
    async def client(self, name: str, scope: str = CHANGES, era: str = "auto", **options: Any) -> AsyncIterator[Client]:
        async with self.public.client(name, scope, era, **options) as client:
            yield client

    async def enter(self, browser: Browser, token: str, workspace: str = "field") -> httpx.Response:
        """Enter a token on the page."""
        return await self.send(browser, {"token": token, "action": "keep"}, workspace)

    async def send(self, browser: Browser, fields: dict[str, str], workspace: str = "field") -> httpx.Response:
        """Send a form of the page."""
        page = await browser.open(self.page(workspace))
        form = re.search(r'name="form" value="([^"]+)"', page.text)
        assert form is not None, page.text
        return await browser.send(self.page(workspace), {"form": form[1], **fields})

    async def kept(self, name: str, token: str, organisation: int | None = None) -> None:
        """Keep a token of somebody's without trying it, as one that emnify took when it was entered."""
        with closing(open_record(self.public.settings.record_place())) as record:
            vault = Vault(record, TokenKeys(self.public.settings))
            await vault.keep("field", Owner(self.public.issuer.address, name), SecretStr(token), organisation)

    async def signed_in(self, name: str, role: str = "enterprise") -> None:
        """Have somebody enter the token of a role."""
        async with self.public.browser(name) as browser:
            kept = await self.enter(browser, self.fleet.world.tokens[role])
            assert (kept.status_code, "Kept for" in kept.text) == (200, True), kept.text


@asynccontextmanager
async def desk_of(
    fleet: Fleet, issuer: Issuer, *workspaces: Workspace, policy: str | None = None, **chosen: Any
) -> AsyncIterator[Desk]:
    besides = {"token_keys": SecretStr(KEYS), "application_token": None, **chosen}
    async with public_desk_of(fleet, issuer, policy, workspaces=workspaces or (FIELD,), **besides) as public:
        yield Desk(public)
