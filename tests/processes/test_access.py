"""Who comes in over HTTP: this machine, by its own name, from no other site, with the key."""

import json
import sys
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client
from mcp.types import ElicitRequestParams, ElicitResult

from tests.processes.test_commands import invoked
from tests.processes.test_serving import Era, agree, environment, served
from tests.support import Fleet, bearer, key_in, structured, text_of, with_key

ADDRESSES = ("127.0.0.1", "127.0.0.2", "localhost", "::1", "0:0:0:0:0:0:0:1")
ERAS: tuple[Era, ...] = ("auto", "legacy")
FOREIGN_HOSTS = ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "[::2]", "a@127.0.0.1")
FOREIGN_ORIGINS = ("https://evil.example", "http://evil.example", "null", "http://127.0.0.1.evil.example", "file://")
LIST_TOOLS = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
MODERN = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call"}
ACCEPT = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


def unlocked(address: str, path: str) -> str:
    return address.removesuffix("/mcp") + path


@pytest.mark.parametrize("host", ADDRESSES)
async def test_host_and_origin_are_checked_at_every_address_that_is_served(host: str, tmp_path: Path) -> None:
    env = environment(None, SIM_MCP_STATE_DIR=str(tmp_path))
    async with served(["--host", host], env) as address, httpx.AsyncClient() as http:
        port = httpx.URL(address).port
        for path in ("/mcp", "/health", "/nowhere"):
            for name in FOREIGN_HOSTS:
                headers = {**bearer(env), "Host": f"{name}:{port}"}
                assert (await http.post(unlocked(address, path), json=LIST_TOOLS, headers=headers)).status_code == 421
            for origin in (*FOREIGN_ORIGINS, f"http://127.0.0.1:{(port or 0) + 1}", f"https://127.0.0.1:{port}"):
                headers = {**bearer(env), "Origin": origin}
                assert (await http.post(unlocked(address, path), json=LIST_TOOLS, headers=headers)).status_code == 403
        own = address.removesuffix("/mcp")
        for headers in ({}, {"Origin": own}):
            assert (await http.get(f"{own}/health", headers=headers)).status_code == 200
        for era in ERAS:
            async with Client(with_key(address, env), mode=era) as client:
                assert (await client.list_tools()).tools


async def test_an_address_is_served_however_it_is_spelt(tmp_path: Path) -> None:
    env = environment(None, SIM_MCP_STATE_DIR=str(tmp_path))
    async with served(["--host", "0:0:0:0:0:0:0:1"], env) as address, httpx.AsyncClient() as http:
        assert address.startswith("http://[::1]:")
        for spelt in ("[0:0:0:0:0:0:0:1]", "[::1]", "localhost", "LOCALHOST"):
            headers = {"Host": f"{spelt}:{httpx.URL(address).port}"}
            assert (await http.get(unlocked(address, "/health"), headers=headers)).status_code == 200


async def test_without_the_key_nothing_is_answered_but_that_it_lives(fleet: Fleet) -> None:
    env = environment(fleet, SIM_MCP_LOG_LEVEL="DEBUG")
    async with served([], env) as address, httpx.AsyncClient() as http:
        key = key_in(env)
        wrong = ["Bearer", f"Bearer {key[:-1]}", f"Bearer {key}x", f"Basic {key}", key, "Bearer \u00fc"]
        for given in [None, *wrong]:
            for method, path in (("POST", "/mcp"), ("GET", "/mcp"), ("DELETE", "/mcp"), ("GET", "/nowhere")):
                headers = {} if given is None else {"Authorization": given.encode("latin-1")}
                answer = await http.request(method, unlocked(address, path), json=LIST_TOOLS, headers=headers)  # type: ignore[arg-type]  # bytes are what goes over the wire
                assert answer.status_code == 401
                assert answer.headers["WWW-Authenticate"].startswith("Bearer")
                words = answer.json()["error"]
                assert str(fleet.state_dir / "http-key") in words
                assert "Authorization: Bearer" in words
                assert key not in answer.text
        twice = [("Authorization", f"Bearer {key}"), ("Authorization", f"Bearer {key}")]
        assert (await http.post(address, json=LIST_TOOLS, headers=twice)).status_code == 401
        health = await http.get(unlocked(address, "/health"))
        assert set(health.json()) == {"status", "version"}
        # Where a client looks for another kind of sign-in, there is none, rather than a second locked door.
        assert (await http.get(unlocked(address, "/.well-known/oauth-protected-resource"))).status_code == 404
    assert await fleet.requests() == []


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("options", [[], ["--stateless"]])
async def test_with_the_key_a_form_counts_where_it_can_be_shown(fleet: Fleet, era: Era, options: list[str]) -> None:
    env = environment(fleet)
    arguments = {"sims": [fleet.scenarios["healthy"]["iccid"]], "status": "suspended"}
    async with (
        served(options, env) as address,
        Client(with_key(address, env), mode=era, elicitation_callback=agree) as client,
    ):
        told = structured(await client.call_tool("set_sim_status", arguments))
    if era == "legacy" and options:
        assert told["state"] == "waiting for approval"  # nobody can be asked there, with or without a key.
    else:
        assert (told["counts"], told["agreed"]) == ({"changed": 1}, "a person, by form")


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("options", [[], ["--stateless"]])
async def test_without_a_key_only_the_page_counts(fleet: Fleet, era: Era, options: list[str]) -> None:
    asked: list[str] = []

    async def yes(context: object, params: ElicitRequestParams) -> ElicitResult:
        del context
        asked.append(params.message)
        return ElicitResult(action="accept", content={"agree": True})

    arguments = {"sims": [fleet.scenarios["healthy"]["iccid"]], "status": "suspended"}
    async with served(["--no-key", *options], environment(fleet)) as address:
        async with Client(address, mode=era, elicitation_callback=yes) as client:
            told = structured(await client.call_tool("set_sim_status", arguments))
            assert told["state"] == "waiting for approval"
            assert "approve_at" in told
        await answer_own_form(address, arguments)
    assert (asked, await fleet.writes()) == ([], [])
    assert not (fleet.state_dir / "http-key").exists()


async def answer_own_form(address: str, arguments: dict[str, Any]) -> None:
    """Do what any tool can that fetches and posts: call, and call again with the answer to the form."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
        "io.modelcontextprotocol/clientInfo": {"name": "fetch", "version": "1"},
    }
    headers = {**ACCEPT, **MODERN, "Mcp-Name": "set_sim_status"}
    async with httpx.AsyncClient(timeout=60) as http:
        params: dict[str, Any] = {"name": "set_sim_status", "arguments": arguments, "_meta": meta}
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        first = (await http.post(address, json=call, headers=headers)).json()["result"]
        requests = first.get("inputRequests") or {"agreed": {}}
        params["inputResponses"] = {key: {"action": "accept", "content": {"agree": True}} for key in requests}
        if "requestState" in first:
            params["requestState"] = first["requestState"]
        await http.post(address, json=call, headers=headers)


@pytest.mark.parametrize(
    ("variables", "policy"),
    [
        ({"SIM_MCP_CONFIRM": "host"}, None),
        ({}, 'default = "allow"'),
        ({}, '[[rule]]\ntool = "set_sim_status"\ndecision = "allow"'),
    ],
)
def test_without_a_key_nothing_may_be_allowed_unasked(
    tmp_path: Path, variables: dict[str, str], policy: str | None
) -> None:
    if policy is not None:
        (tmp_path / "policy.toml").write_text(policy)
        variables = {**variables, "SIM_MCP_POLICY": str(tmp_path / "policy.toml")}
    refused = invoked("serve", "--http", "--port", "0", "--no-key", env=environment(None, **variables))
    assert refused.exit_code == 2
    assert "--no-key" in refused.stderr
    assert "Nothing was started" in refused.stderr


async def test_without_a_key_what_only_reads_may_be_allowed_anything(fleet: Fleet) -> None:
    env = environment(fleet, SIM_MCP_CONFIRM="host", SIM_MCP_READ_ONLY="1")
    async with served(["--no-key"], env) as address, Client(address) as client:
        assert "set_sim_status" not in {tool.name for tool in (await client.list_tools()).tools}


def test_no_key_goes_with_http_alone() -> None:
    refused = invoked("serve", "--no-key")
    assert (refused.exit_code, "--http" in refused.stderr) == (2, True)


async def test_the_start_tells_how_a_client_is_given_the_key_and_not_the_key(tmp_path: Path) -> None:
    state = tmp_path / "a place with 'quotes'"
    state.mkdir()
    env = environment(None, SIM_MCP_STATE_DIR=str(state), SIM_MCP_LOG_LEVEL="DEBUG")
    command = [sys.executable, "-m", "sim_mcp", "serve", "--http", "--port", "0", "--sandbox"]
    async with await anyio.open_process(command, env=env, stdout=None) as process:
        assert process.stderr is not None
        told = ""
        with anyio.fail_after(60):
            while "SIM_KEY}" not in told:
                told += (await process.stderr.receive()).decode()
        address = told[told.index("http://") :].split()[0]
        async with httpx.AsyncClient() as http:
            await http.post(address, json=LIST_TOOLS, headers={"Authorization": "Bearer wrong"})
            await http.post(address, json=LIST_TOOLS, headers=bearer(env))
        process.terminate()
        async for chunk in process.stderr:
            told += chunk.decode()
    assert key_in(env) not in told
    assert "claude mcp add --transport http" in told
    # What it says to run gives the client the key, whatever the path looks like.
    header = told[told.index("--header ") + len("--header ") :].splitlines()[0]
    printed = await anyio.run_process(["sh", "-c", f"printf %s {header}"])
    assert printed.stdout.decode() == f"Authorization: Bearer {key_in(env)}"
    entry = json.loads(told[told.index('{"sim"') :].splitlines()[0])
    assert entry["sim"]["url"] == address


async def test_who_sends_no_key_is_told_so_by_the_protocols_own_client(fleet: Fleet) -> None:
    async with served([], environment(fleet)) as address:
        for era in ERAS:
            with pytest.raises(Exception, match=r"401|Unauthorized|unhandled errors"):
                async with Client(address, mode=era) as client:
                    text_of(await client.call_tool("list_sims", {}))
    assert await fleet.requests() == []
