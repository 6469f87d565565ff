"""Tokens are changed without a restart, and one that is refused is told to those who use it, and to nobody else."""

from collections.abc import AsyncIterator

import httpx
import pytest
from mcp import Client

from sim_mcp.server.app import build_server
from tests.server.signin.issuing import client_with, served
from tests.server.workspaces.desk import NAMES, Desk
from tests.support import text_of


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[Client]:
    async with Client(build_server(desk.settings())) as client:
        yield client


async def ask(client: Client, name: str) -> str:
    """Ask what is asked of emnify anew each time."""
    iccid = {"acme": "8988303000006000000", "borg": "8988303000006000000"}[name]
    answer = await client.call_tool("list_sim_events", {"sim": iccid, "workspace": name})
    return text_of(answer) if answer.is_error else "answered"


async def sign_ins(desk: Desk, name: str) -> int:
    sent = (await desk.fleets[name].control.get("/sandbox/requests")).json()
    return sum(each["path"].endswith("/authenticate") for each in sent)


async def test_a_token_that_is_replaced_is_used_at_once(desk: Desk, client: Client) -> None:
    tokens = desk.fleets["acme"].world.tokens
    desk.token_file("acme").write_text(tokens["revoked"])
    refused = await ask(client, "acme")
    assert refused.startswith("[acme] ")
    assert "The operator has to renew the token of the workspace acme." in refused
    assert not any(token in refused for token in tokens.values())
    assert await ask(client, "borg") == "answered"
    before = await sign_ins(desk, "acme")
    assert "not offered again" in await ask(client, "acme")
    assert await sign_ins(desk, "acme") == before  # or three refusals would lock the account.
    desk.token_file("acme").write_text(tokens["enterprise"])
    assert await ask(client, "acme") == "answered"


async def test_a_token_that_is_revoked_is_told_to_its_users_alone(desk: Desk) -> None:
    keys = {name: desk.key(name, workspaces=(name,)) for name in NAMES}
    async with (
        served(desk.settings()) as address,
        client_with(address, keys["acme"]) as acme,
        client_with(address, keys["borg"]) as borg,
        httpx.AsyncClient() as http,
    ):
        assert not (await acme.call_tool("list_sims", {})).is_error
        assert not (await borg.call_tool("list_sims", {})).is_error
        desk.token_file("acme").write_text(desk.fleets["acme"].world.tokens["revoked"])
        refused = text_of(await acme.call_tool("list_sims", {"page": 2}))
        assert "does not accept the application token" in refused
        assert "the workspace acme" in refused
        assert not (await borg.call_tool("list_sims", {"page": 2})).is_error
        ready = await http.get(address.replace("/mcp", "/ready"))
        assert ready.status_code == 200
        assert {each["name"]: each["refused"] for each in ready.json()["workspaces"]} == {"acme": True, "borg": False}


async def test_a_token_of_another_workspace_is_refused(desk: Desk, client: Client) -> None:
    assert await ask(client, "acme") == "answered"
    tokens = desk.fleets["acme"].world.tokens
    desk.token_file("acme").write_text(tokens["reseller"])
    refused = await ask(client, "acme")
    assert "the token is of another workspace now (id " in refused
    assert "restart the server" in refused
    desk.token_file("acme").write_text(tokens["enterprise"])
    assert await ask(client, "acme") == "answered"


async def test_a_file_that_is_gone_is_told_and_is_read_once_it_is_back(desk: Desk, client: Client) -> None:
    desk.token_file("acme").unlink()
    for _ in range(2):
        refused = await ask(client, "acme")
        assert f"There is no token for the workspace acme: its token_file {desk.token_file('acme')}" in refused
    assert await ask(client, "borg") == "answered"
    token = desk.fleets["acme"].world.tokens["enterprise"]
    desk.token_file("acme").write_text(token)
    assert await ask(client, "acme") == "answered"
    desk.token_file("acme").unlink()
    assert "there is no token for the workspace acme any more" in await ask(client, "acme")
    desk.token_file("acme").write_text(token)
    assert await ask(client, "acme") == "answered"
