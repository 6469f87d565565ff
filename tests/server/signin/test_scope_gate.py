"""What each scope lets its holder do: in what is listed, before a tool is reached, and in the tool itself."""

import itertools
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from sim_mcp.principal import SCOPES, Scope
from sim_mcp.server.signin.key_file import KeyFile
from sim_mcp.tools import registry
from tests.server.signin.issuing import Issuer, client_with, served, settings_for
from tests.support import text_of

READS = {"sims:read"}
NEEDED: dict[str, set[str]] = {
    **{entry.name: READS for entry in registry.tools(may_write=False)},
    "set_sim_status": {"sims:write"},
    "assign_sims": {"sims:write"},
    "register_sim_batch": {"sims:write"},
    "delete_sims": {"sims:delete"},
    "continue_change": {"sims:write", "sims:delete"},
}
"""Said once more by hand: what follows from a tool's entry is compared with it."""

GRANTS: list[frozenset[Scope]] = [
    frozenset(some) for count in range(len(SCOPES) + 1) for some in itertools.combinations(SCOPES, count)
]
WAYS = [(era, stateless) for era in ("auto", "legacy") for stateless in (False, True)]
ACCEPT = {"Accept": "application/json, text/event-stream"}


def allowed(granted: frozenset[Scope]) -> set[str]:
    return {tool for tool, needed in NEEDED.items() if needed & granted}


def call(tool: str, number: int = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": tool, "arguments": {}}}


async def post(address: str, token: str, body: Any) -> httpx.Response:
    async with httpx.AsyncClient(timeout=60) as http:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {**ACCEPT, "Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return await http.post(address, content=content, headers=headers)


def test_every_tool_says_what_it_needs() -> None:
    assert {entry.name: set(entry.scopes) for entry in registry.tools(may_write=True)} == NEEDED


@pytest.mark.parametrize(("era", "stateless"), WAYS)
async def test_a_key_lists_and_calls_what_its_scopes_allow_and_nothing_else(
    tmp_path: Path, era: str, stateless: bool
) -> None:
    """No gate stands before keys, so that here each tool refuses by itself."""
    keys = KeyFile(tmp_path / "keys.json")
    async with served(settings_for(None, tmp_path), stateless=stateless) as address:
        for number, granted in enumerate(GRANTS):
            async with client_with(address, keys.add(f"bot-{number}", granted), era) as client:
                assert {tool.name for tool in (await client.list_tools()).tools} == allowed(granted)
                for tool in NEEDED:
                    told = text_of(await client.call_tool(tool, {}))
                    assert ("needs the scope" in told) is (tool not in allowed(granted)), told


@pytest.mark.parametrize(("era", "stateless"), WAYS)
async def test_who_signed_in_is_told_which_scope_to_ask_for(
    issuer: Issuer, tmp_path: Path, era: str, stateless: bool
) -> None:
    async with served(settings_for(issuer, tmp_path), stateless=stateless) as address:
        for granted in GRANTS[1:]:
            token = issuer.token(scope=" ".join(granted))
            async with client_with(address, token, era) as client:
                assert {tool.name for tool in (await client.list_tools()).tools} == allowed(granted)
                for tool in allowed(granted):
                    assert "needs the scope" not in text_of(await client.call_tool(tool, {}))
            for tool in set(NEEDED) - allowed(granted):
                answer = await post(address, token, call(tool))
                assert answer.status_code == 403
                challenge = answer.headers["WWW-Authenticate"]
                assert 'error="insufficient_scope"' in challenge
                assert "/.well-known/oauth-protected-resource/mcp" in challenge
                asked_for = challenge.partition('scope="')[2].partition('"')[0].split()
                assert set(asked_for) - granted <= NEEDED[tool]
                assert set(asked_for) > granted
                assert "Nothing was done" in answer.json()["error"]


async def test_one_forbidden_call_among_several_stops_all_of_them(issuer: Issuer, address: str) -> None:
    token = issuer.token()
    batch = [call("list_sims", 1), call("delete_sims", 2), call("set_sim_status", 3)]
    answer = await post(address, token, batch)
    assert answer.status_code == 403
    assert 'scope="sims:read sims:write sims:delete"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"7", b"[" * 5000, b'{"method":"tools/call"}', b'{"method":7,"params":[]}']
)
async def test_what_is_no_call_is_left_to_the_protocol(issuer: Issuer, address: str, body: bytes) -> None:
    assert (await post(address, issuer.token(), body)).status_code in range(400, 403)


async def test_a_request_beyond_all_measure_is_not_read_to_its_end(issuer: Issuer, address: str) -> None:
    assert (await post(address, issuer.token(), b" " * 5_000_000)).status_code == 413


async def test_without_any_scope_nothing_is_answered(issuer: Issuer, address: str) -> None:
    for body in (call("list_sims"), {"jsonrpc": "2.0", "id": 1, "method": "ping"}):
        answer = await post(address, issuer.token(scope="openid"), body)
        assert answer.status_code == 403
        assert 'scope="sims:read"' in answer.headers["WWW-Authenticate"]


async def test_the_record_is_read_with_the_scope_to_read_alone(issuer: Issuer, address: str, tmp_path: Path) -> None:
    reading = {"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": "audit://changes"}}
    answer = await post(address, issuer.token(scope="sims:write"), reading)
    assert answer.status_code == 403
    secret = KeyFile(tmp_path / "keys.json").add("bot", frozenset({"sims:write"}))
    async with served(settings_for(None, tmp_path)) as other, client_with(other, secret) as client:
        with pytest.raises(Exception, match="needs the scope sims:read"):
            await client.read_resource("audit://changes")
