"""What a person does in a browser, and a client that sends them there."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit, urlunsplit

import httpx
import httpx2
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

CALLBACK = "http://127.0.0.1:9/callback"
"""Nobody listens there: the person's browser is read before it arrives."""


class Person:
    """Sign in by name, grant what is asked for, or less; remember what was asked for."""

    def __init__(self, name: str, *, grants_at_first: str | None = None) -> None:
        self.name = name
        self.asked: list[str] = []
        self._grants_at_first = grants_at_first
        self._arrived = ""

    async def open(self, url: str) -> None:
        """Follow a link to sign in until the browser is sent back to the client."""
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.asked.append(query["scope"])
        if self._grants_at_first is not None and len(self.asked) == 1:
            query["scope"] = self._grants_at_first
        url = urlunsplit(parts._replace(query=urlencode(query)))
        async with httpx.AsyncClient(timeout=30) as browser:
            answer = await browser.get(url)
            while True:
                if answer.is_redirect:
                    url = urljoin(str(answer.url), answer.headers["location"])
                    if url.startswith(CALLBACK):
                        self._arrived = url
                        return
                    answer = await browser.get(url)
                    continue
                action = re.search(r'<form[^>]* action="([^"]+)"', answer.text)
                assert action, answer.text
                prompt = "login" if 'name="login"' in answer.text else "consent"
                form = {"prompt": prompt, "login": self.name, "password": "any"}
                answer = await browser.post(urljoin(str(answer.url), action[1]), data=form)

    async def arrive(self) -> AuthorizationCodeResult:
        """Return what the browser brings back to the client."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(self._arrived).query).items()}
        return AuthorizationCodeResult(code=query["code"], state=query.get("state"), iss=query.get("iss"))


async def open_as(browser: httpx.AsyncClient, name: str, url: str, *, grants: str | None = None) -> httpx.Response:
    """Open a page as somebody; where the issuer asks who they are, and what they grant, say so."""
    answer = await browser.get(url)
    while True:
        if answer.is_redirect:
            parts = urlsplit(urljoin(str(answer.url), answer.headers["location"]))
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            if grants is not None and parts.path == "/auth":
                parts = parts._replace(query=urlencode({**query, "scope": grants}))
            answer = await browser.get(urlunsplit(parts))
        elif 'name="prompt"' in answer.text:
            action = re.search(r'<form[^>]* action="([^"]+)"', answer.text)
            assert action, answer.text
            prompt = "login" if 'name="login"' in answer.text else "consent"
            form = {"prompt": prompt, "login": name, "password": "any"}
            answer = await browser.post(urljoin(str(answer.url), action[1]), data=form)
        else:
            return answer


class Memory:
    """Keep tokens as long as a test takes."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


@asynccontextmanager
async def signed_in(
    address: str, person: Person, memory: Memory, era: str = "auto", *, document: str | None = None, **options: Any
) -> AsyncIterator[Client]:
    """A client that knows the address of the server and nothing else."""
    about = OAuthClientMetadata.model_validate(
        {
            "client_name": "a client",
            "redirect_uris": [CALLBACK],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        }
    )
    auth = OAuthClientProvider(address, about, memory, person.open, person.arrive, client_metadata_url=document)
    async with (
        httpx2.AsyncClient(auth=auth, timeout=60) as http,
        Client(streamable_http_client(address, http_client=http), mode=era, **options) as client,
    ):
        yield client
