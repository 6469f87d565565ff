"""Alive and ready are two answers: by command, and by route."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import httpx
import pytest
from click.testing import Result
from mcp import Client, StdioServerParameters

from sim_mcp.server.app import build_server
from sim_mcp.settings import Settings
from sim_mcp.tools import registry
from tests.processes.test_commands import invoked
from tests.processes.test_serving import environment, served
from tests.support import Fleet, text_of

TOOLS = len(registry.tools(may_write=True))


async def asked(*words: str, env: dict[str, str]) -> Result:
    return await anyio.to_thread.run_sync(lambda: invoked("health", *words, env=env))


async def sign_ins(fleet: Fleet) -> int:
    found = (await fleet.control.get("/sandbox/requests")).json()
    return sum(request["path"].endswith("/authenticate") for request in found)


async def test_health_exits_0_where_calls_can_be_answered(fleet: Fleet, tmp_path: Path) -> None:
    done = await asked(env=environment(fleet, SIM_MCP_EXPORT_DIR=str(tmp_path)))
    assert (done.exit_code, done.stdout) == (0, f"ready: {TOOLS} tools\n")
    assert os.listdir(tmp_path) == []  # noqa: PTH208  # as short as it gets.


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"EMNIFY_APPLICATION_TOKEN": "{revoked}"}, "does not accept the application token"),
        ({"EMNIFY_APPLICATION_TOKEN": ""}, "There is no emnify token"),
        ({"EMNIFY_APPLICATION_TOKEN": "your token"}, "not pasted right: it is a placeholder"),
        ({"EMNIFY_BASE_URL": "http://127.0.0.1:9"}, "could not be reached"),
        ({"EMNIFY_BASE_URL": "https://localhost:9", "ALL_PROXY": "socks4://127.0.0.1:9"}, "ALL_PROXY"),
        ({"EMNIFY_BASE_URL": "https://localhost:9", "SSL_CERT_FILE": "/missing.pem"}, "SSL_CERT_FILE"),
        ({"SIM_MCP_STATE_DIR": "{tmp}/missing"}, "(SIM_MCP_STATE_DIR) cannot be written to: it does not exist"),
        ({"SIM_MCP_STATE_DIR": "/proc"}, "(SIM_MCP_STATE_DIR) cannot be written to"),
        ({"SIM_MCP_EXPORT_DIR": "{tmp}/missing"}, "(SIM_MCP_EXPORT_DIR) cannot be written to: it does not exist"),
        ({"SIM_MCP_EXPORT_DIR": "{tmp}/file"}, "(SIM_MCP_EXPORT_DIR) cannot be written to"),
    ],
)
async def test_health_fails_and_says_what_is_missing(
    fleet: Fleet, tmp_path: Path, setting: dict[str, str], says: str
) -> None:
    (tmp_path / "file").touch()
    filled = {
        name: value.format(tmp=tmp_path, revoked=fleet.world.tokens["revoked"]) for name, value in setting.items()
    }
    env = environment(fleet, **filled)
    done = await asked(env=env)
    assert done.exit_code == 1
    assert "not ready" in done.stderr
    assert says in done.stderr
    alive = await asked("--alive", env=env)
    assert (alive.exit_code, alive.stdout) == (0, f"alive: {TOOLS} tools\n")


async def test_a_server_tells_whether_it_is_alive_and_whether_it_is_ready(fleet: Fleet, tmp_path: Path) -> None:
    exports = tmp_path / "exports"
    async with serving(environment(fleet, SIM_MCP_EXPORT_DIR=str(exports))) as (http, port):
        ready = await http.get("/ready")
        assert ready.status_code == 503
        assert ready.json()["problems"] == [
            {"what": "SIM_MCP_EXPORT_DIR", "why": "the directory is missing or cannot be written to"}
        ]
        assert str(tmp_path) not in ready.text
        assert (await http.get("/health")).json()["status"] == "ok"
        nothing_set = environment(None)
        assert (await asked("--port", str(port), "--alive", env=nothing_set)).exit_code == 0
        told = await asked("--port", str(port), env=nothing_set)
        assert told.exit_code == 1
        assert "SIM_MCP_EXPORT_DIR" in told.stderr
    exports.mkdir()
    async with serving(environment(fleet, SIM_MCP_EXPORT_DIR=str(exports))) as (http, port):
        assert (await http.get("/ready")).json()["status"] == "ready"
        told = await asked("--port", str(port), env=nothing_set)
        assert (told.exit_code, told.stdout) == (0, f"ready: {TOOLS} tools\n")


async def test_ready_tells_of_the_database_the_limiter_and_the_last_sign_in(fleet: Fleet) -> None:
    async with serving(environment(fleet)) as (http, _):
        body = (await http.get("/ready")).json()
        assert body["database"] == {"kind": "SQLite", "ok": True}
        assert body["limiter"] == {"kind": "in this process", "ok": True, "slowed_down": False}
        (workspace,) = body["workspaces"]
        assert workspace["place"] == "sandbox"
        assert not workspace["refused"]
        assert datetime.now(UTC) - datetime.fromisoformat(workspace["signed_in_at"]) < timedelta(minutes=5)


async def test_a_record_that_cannot_be_read_makes_it_not_ready_and_is_named_by_its_setting(fleet: Fleet) -> None:
    """Nothing could be changed then; the path stays in the log and in sim-mcp health."""
    (fleet.state_dir / "journal.sqlite3").write_bytes(b"this is no database, whatever its name says" * 100)
    async with serving(environment(fleet)) as (http, _):
        answer = await http.get("/ready")
        assert answer.status_code == 503
        assert answer.json()["problems"] == [
            {"what": "SIM_MCP_STATE_DIR", "why": "the record of changes cannot be read"}
        ]
        assert answer.json()["database"]["ok"] is False
        assert str(fleet.state_dir) not in answer.text
    told = await asked(env=environment(fleet))
    assert told.exit_code == 1
    assert "journal.sqlite3" in told.stderr


async def test_whoever_asks_in_a_loop_asks_emnify_once(fleet: Fleet) -> None:
    async with serving(environment(fleet)) as (http, _):
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(http.get, "/ready")
        assert (await http.get("/ready")).status_code == 200
    assert len(await fleet.requests()) == 1
    assert await sign_ins(fleet) == 1


async def test_a_refused_token_is_not_offered_again_by_asking(fleet: Fleet) -> None:
    env = environment(fleet, EMNIFY_APPLICATION_TOKEN=fleet.world.tokens["revoked"])
    async with serving(env) as (http, _):
        for _ in range(3):
            answer = await http.get("/ready")
            assert answer.status_code == 503
            assert answer.json()["problems"] == [{"what": "emnify", "why": "emnify does not accept the token"}]
            assert answer.json()["workspaces"] == [{"place": "sandbox", "signed_in_at": None, "refused": True}]
    assert await sign_ins(fleet) == 1


async def test_nobody_at_the_port_is_told_as_such() -> None:
    done = await asked("--port", "9", env=environment(None))
    assert done.exit_code == 1
    assert "does not answer" in done.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("NO_PROXY", "fd00::/8"),
        ("ALL_PROXY", "socks5://127.0.0.1:9"),
        ("HTTPS_PROXY", "http://someone:pass-canary@proxy.example:port"),
        ("SSL_CERT_FILE", "/missing.pem"),
        ("SSL_CERT_DIR", "/missing"),
        ("SSLKEYLOGFILE", "/missing/keys"),
    ],
)
async def test_the_server_lists_its_tools_whatever_the_machine_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    settings = Settings.model_validate(
        {"EMNIFY_BASE_URL": "https://localhost:9", "EMNIFY_APPLICATION_TOKEN": "token-1", "SIM_MCP_STATE_DIR": tmp_path}
    )
    async with Client(build_server(settings)) as client:
        assert len((await client.list_tools()).tools) == TOOLS
        answer = await client.call_tool("list_sim_statuses", {})
    assert answer.is_error
    assert "othing changed" not in text_of(answer)
    assert "pass-canary" not in text_of(answer)
    if variable != "NO_PROXY":
        assert variable in text_of(answer)


async def test_a_token_pasted_wrong_is_told_by_each_call_and_sent_nowhere(fleet: Fleet) -> None:
    env = environment(fleet, EMNIFY_APPLICATION_TOKEN=f'"{fleet.world.tokens["enterprise"]}"')
    server = StdioServerParameters(command=sys.executable, args=["-m", "sim_mcp"], env=env)
    async with Client(server) as client:
        assert len((await client.list_tools()).tools) == TOOLS
        for tool, arguments in (("list_sims", {}), ("delete_sims", {"sims": ["1"]})):
            answer = await client.call_tool(tool, arguments)
            assert answer.is_error
            assert "in quotation marks" in text_of(answer)
            assert fleet.world.tokens["enterprise"] not in text_of(answer)
    assert await sign_ins(fleet) == 0


@asynccontextmanager
async def serving(env: dict[str, str]) -> AsyncIterator[tuple[httpx.AsyncClient, int]]:
    async with served([], env) as address:
        base = httpx.URL(address).copy_with(path="/")
        async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=30) as http:
            yield http, base.port or 0
