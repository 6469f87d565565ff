"""How the process ends when it is told to: soon, in order, over both transports, with nothing left half said."""

import json
import os
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from anyio.abc import Process
from mcp import Client

from tests.processes.test_serving import Era, environment
from tests.support import Fleet, structured, with_key

SOON_S = 15.0
"""It ends within 10 s, before `docker stop` kills, and not when a call in flight is done, after 38 s or more.

The time between is for a busy machine.
"""

ERAS: tuple[Era, ...] = ("auto", "legacy")


@asynccontextmanager
async def http_server(env: dict[str, str], *options: str) -> AsyncIterator[tuple[Process, str]]:
    command = [sys.executable, "-m", "sim_mcp", "serve", "--http", "--port", "0", *options]
    async with await anyio.open_process(command, env=env) as process:
        assert process.stderr is not None
        told = ""
        with anyio.fail_after(60):
            while "SIM_KEY}" not in told:
                told += (await process.stderr.receive()).decode()
        try:
            yield process, told[told.index("http://") :].split()[0]
        finally:
            if process.returncode is None:
                process.kill()


async def ended(process: Process, number: signal.Signals) -> tuple[int, float]:
    """Tell a process to end; return what it ended with, and after how many seconds."""
    began = time.monotonic()
    process.send_signal(number)
    with anyio.fail_after(60):
        status = await process.wait()
    return status, time.monotonic() - began


def recorded(fleet: Fleet) -> tuple[set[int], dict[int, str]]:
    """Which items the record says were sent, and what became of those it knows of."""
    with closing(sqlite3.connect(fleet.state_dir / "journal.sqlite3")) as record:
        rows = record.execute("SELECT kind, item, body FROM entries WHERE item IS NOT NULL").fetchall()
    sent = {item for kind, item, _ in rows if kind == "intent"}
    return sent, {item: json.loads(body)["kind"] for kind, item, body in rows if kind == "outcome"}


async def until_asked(fleet: Fleet, method: str, count: int = 1) -> None:
    with anyio.fail_after(60):
        while True:
            asked = [request for request in await fleet.requests() if request["method"] == method]
            if len(asked) >= count:
                return
            await anyio.sleep(0.05)


async def give_up(client: Client, tool: str, arguments: dict[str, Any]) -> None:
    """Call, and take whatever comes of it: the server is about to end."""

    async def heard(progress: float, total: float | None, message: str | None) -> None: ...

    # How the client words that the server is gone is not what is tested.
    with suppress(Exception):
        await client.call_tool(tool, arguments, progress_callback=heard)


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("waits_for", ["emnify", "a person"])
async def test_over_http_it_ends_soon_with_calls_in_flight(fleet: Fleet, era: Era, waits_for: str) -> None:
    env = environment(fleet, SIM_MCP_APPROVAL_WAIT="600")
    async with http_server(env) as (process, address), anyio.create_task_group() as group:
        client = await group_client(group, address, env, era)
        if waits_for == "emnify":
            await fleet.faults("latency=40@GET")
            group.start_soon(give_up, client, "list_sims", {})
            await until_asked(fleet, "GET")
        else:
            arguments = {"sims": [fleet.scenarios["healthy"]["iccid"]], "status": "suspended"}
            group.start_soon(give_up, client, "set_sim_status", arguments)
            await until_asked(fleet, "GET")
            await anyio.sleep(1)
        status, took_s = await ended(process, signal.SIGTERM)
        group.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            assert "Traceback" not in await errors_of(process)
    assert (status, took_s < SOON_S) == (0, True), took_s


async def group_client(group: Any, address: str, env: dict[str, str], era: Era) -> Client:
    """A client that lives as long as a task group, and whose own end is not what is tested."""
    ready: list[Client] = []

    async def live(*, task_status: Any) -> None:
        # The server has gone by then.
        with suppress(Exception):
            async with Client(with_key(address, env), mode=era) as client:
                ready.append(client)
                task_status.started()
                await anyio.sleep_forever()

    await group.start(live)
    return ready[0]


@pytest.mark.parametrize("era", ERAS)
async def test_a_write_that_was_begun_is_recorded_before_the_end(fleet: Fleet, era: Era) -> None:
    sims = [
        fleet.scenarios[key]["iccid"] for key in ("healthy", "went_silent", "euicc", "imei_lock", "twin_a", "twin_b")
    ]
    await fleet.faults("latency=2@PATCH")
    env = environment(fleet, SIM_MCP_CONFIRM="host")
    async with http_server(env) as (process, address), anyio.create_task_group() as group:
        client = await group_client(group, address, env, era)
        group.start_soon(give_up, client, "set_sim_status", {"sims": sims, "status": "suspended"})
        await until_asked(fleet, "PATCH", 2)
        status, took_s = await ended(process, signal.SIGTERM)
        group.cancel_scope.cancel()
    assert (status, took_s < SOON_S) == (0, True), took_s
    written = len(await fleet.writes())
    sent, settled = recorded(fleet)
    assert 2 <= written < len(sims)
    assert len(sent) == written
    assert settled == dict.fromkeys(sent, "changed")


async def test_what_a_server_leaves_at_its_end_another_does_once(fleet: Fleet) -> None:
    """A change of six SIMs, told to end after two: the next server on the same record does the other four."""
    keys = ("healthy", "went_silent", "euicc", "imei_lock", "twin_a", "twin_b")
    sims = [fleet.scenarios[key]["iccid"] for key in keys]
    await fleet.faults("latency=2@PATCH")
    env = environment(fleet, SIM_MCP_CONFIRM="host")
    async with http_server(env) as (process, address), anyio.create_task_group() as group:
        client = await group_client(group, address, env, "auto")
        group.start_soon(give_up, client, "set_sim_status", {"sims": sims, "status": "suspended"})
        await until_asked(fleet, "PATCH", 2)
        status, took_s = await ended(process, signal.SIGTERM)
        group.cancel_scope.cancel()
    assert (status, took_s < SOON_S) == (0, True), took_s
    left = len(sims) - len(recorded(fleet)[0])
    assert left > 0
    await fleet.faults()
    async with http_server(env) as (_, address), Client(with_key(address, env)) as client:
        done = structured(await client.call_tool("continue_change", {}))
    assert done["counts"] == {"changed": len(sims)}
    written = [request["path"] for request in await fleet.writes()]
    assert len(written) == len(set(written)) == len(sims)
    sent, settled = recorded(fleet)
    assert settled == dict.fromkeys(sent, "changed")


async def test_a_collector_that_does_not_answer_does_not_keep_it(fleet: Fleet) -> None:
    """It takes connections and says nothing; what could not be sent is lost, and the record is not."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        env = environment(fleet, SIM_MCP_CONFIRM="host", OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
        async with http_server(env) as (process, address):
            async with Client(with_key(address, env)) as client:
                arguments = {"sims": [fleet.scenarios["healthy"]["iccid"]], "status": "suspended"}
                assert structured(await client.call_tool("set_sim_status", arguments))["counts"] == {"changed": 1}
            status, took_s = await ended(process, signal.SIGTERM)
            assert "Traceback" not in await errors_of(process)
    assert (status, took_s < SOON_S) == (0, True), took_s
    assert recorded(fleet) == ({0}, {0: "changed"})


async def test_a_write_that_hangs_does_not_keep_it(fleet: Fleet) -> None:
    await fleet.faults("latency=60@PATCH")
    env = environment(fleet, SIM_MCP_CONFIRM="host")
    arguments = {"sims": [fleet.scenarios["healthy"]["iccid"]], "status": "suspended"}
    async with http_server(env) as (process, address), anyio.create_task_group() as group:
        client = await group_client(group, address, env, "auto")
        group.start_soon(give_up, client, "set_sim_status", arguments)
        await until_asked(fleet, "PATCH")
        status, took_s = await ended(process, signal.SIGTERM)
        group.cancel_scope.cancel()
    assert (status, took_s < SOON_S) == (0, True), took_s
    assert len(recorded(fleet)[0]) == 1


async def test_streams_and_half_requests_do_not_keep_it(fleet: Fleet) -> None:
    """A client of the older protocol listens at a stream that has no end of its own."""
    env = environment(fleet)
    async with (
        http_server(env) as (process, address),
        anyio.create_task_group() as group,
        await anyio.connect_tcp("127.0.0.1", httpx.URL(address).port or 0) as half,
    ):
        await half.send(b"POST /mcp HTTP/1.1\r\nHo")
        client = await group_client(group, address, env, "legacy")
        assert (await client.list_tools()).tools
        status, took_s = await ended(process, signal.SIGTERM)
        group.cancel_scope.cancel()
    assert (status, took_s < SOON_S) == (0, True), took_s


async def test_who_waits_for_an_answer_is_told_that_the_server_ends(fleet: Fleet) -> None:
    env = environment(fleet)
    await fleet.faults("latency=40@GET")
    answers: list[httpx.Response] = []
    async with http_server(env) as (process, address), anyio.create_task_group() as group:

        async def ask() -> None:
            meta = {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
            }
            key = (fleet.state_dir / "http-key").read_text().strip()
            headers = {
                "Authorization": f"Bearer {key}",
                "Accept": "application/json, text/event-stream",
                "MCP-Protocol-Version": "2026-07-28",
                "Mcp-Method": "tools/call",
                "Mcp-Name": "list_sims",
            }
            params = {"name": "list_sims", "arguments": {}, "_meta": meta}
            call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
            async with httpx.AsyncClient(timeout=60) as http:
                answers.append(await http.post(address, json=call, headers=headers))

        group.start_soon(ask)
        await until_asked(fleet, "GET")
        await ended(process, signal.SIGTERM)
    assert answers[0].status_code == 503
    assert "The server is ending" in answers[0].json()["error"]


@asynccontextmanager
async def stdio_server(env: dict[str, str], cwd: Path) -> AsyncIterator[tuple[Process, list[dict[str, Any]]]]:
    """A server over stdio that has answered; yield it, and what it says from then on."""
    heard: list[dict[str, Any]] = []
    async with (
        await anyio.open_process([sys.executable, "-m", "sim_mcp"], env=env, cwd=cwd) as process,
        anyio.create_task_group() as group,
    ):
        try:
            about = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}
            await say(process, {"id": 1, "method": "initialize", "params": about})
            await say(process, {"method": "notifications/initialized"})
            group.start_soon(listen, process, heard)
            with anyio.fail_after(60):
                while not heard:  # noqa: ASYNC110  # another process.
                    await anyio.sleep(0.05)
            yield process, heard
        finally:
            if process.returncode is None:
                process.kill()


async def say(process: Process, message: dict[str, Any]) -> None:
    assert process.stdin is not None
    await process.stdin.send(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")


async def listen(process: Process, heard: list[dict[str, Any]]) -> None:
    """Read to the end; what is no JSON-RPC fails here."""
    assert process.stdout is not None
    arrived = b""
    async for chunk in process.stdout:
        *lines, arrived = (arrived + chunk).split(b"\n")
        for line in lines:
            message = json.loads(line)
            assert message["jsonrpc"] == "2.0"
            heard.append(message)
    assert arrived == b""


async def errors_of(process: Process) -> str:
    assert process.stderr is not None
    told = b""
    async for chunk in process.stderr:
        told += chunk
    return told.decode()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
async def test_over_stdio_one_signal_ends_a_server_that_waits_for_its_client(
    fleet: Fleet, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    async with stdio_server(environment(fleet), tmp_path) as (process, heard):
        code, took_s = await ended(process, number)
        assert (code, took_s < SOON_S) == (status, True), took_s
        assert await errors_of(process) == ""
    assert [message["id"] for message in heard] == [1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_over_stdio_it_cleans_up_before_it_ends(fleet: Fleet, tmp_path: Path, number: signal.Signals) -> None:
    exports = tmp_path / "exports"
    exports.mkdir()
    env = environment(fleet, SIM_MCP_EXPORT_DIR=str(exports))
    async with stdio_server(env, tmp_path) as (process, _):
        await fleet.faults("latency=0.5@GET")
        call = {"name": "export_sims", "arguments": {"what": "events", "format": "csv"}}
        await say(process, {"id": 2, "method": "tools/call", "params": call})
        with anyio.fail_after(60):
            while not list(exports.iterdir()):  # noqa: ASYNC110  # another process.
                await anyio.sleep(0.05)
        assert [file.suffix for file in exports.iterdir()] == [".part"]
        code, took_s = await ended(process, number)
        assert took_s < SOON_S
        assert code in {0, 130}
        assert await errors_of(process) == ""
    assert list(exports.iterdir()) == []


async def test_over_stdio_a_write_that_was_begun_is_recorded_before_the_end(fleet: Fleet, tmp_path: Path) -> None:
    await fleet.faults("latency=2@PATCH")
    sims = [fleet.scenarios[key]["iccid"] for key in ("healthy", "went_silent", "euicc", "imei_lock")]
    async with stdio_server(environment(fleet, SIM_MCP_CONFIRM="host"), tmp_path) as (process, _):
        call = {"name": "set_sim_status", "arguments": {"sims": sims, "status": "suspended"}}
        await say(process, {"id": 2, "method": "tools/call", "params": call})
        await until_asked(fleet, "PATCH")
        code, took_s = await ended(process, signal.SIGTERM)
    assert (code, took_s < SOON_S) == (0, True), took_s
    sent, settled = recorded(fleet)
    assert len(await fleet.writes()) == len(sent) < len(sims)
    assert sent == set(settled)


async def test_over_stdio_a_write_that_hangs_does_not_keep_it(fleet: Fleet, tmp_path: Path) -> None:
    await fleet.faults("latency=60@PATCH")
    async with stdio_server(environment(fleet, SIM_MCP_CONFIRM="host"), tmp_path) as (process, _):
        arguments = {"sims": [fleet.scenarios["healthy"]["iccid"]], "status": "suspended"}
        call = {"name": "set_sim_status", "arguments": arguments}
        await say(process, {"id": 2, "method": "tools/call", "params": call})
        await until_asked(fleet, "PATCH")
        code, took_s = await ended(process, signal.SIGTERM)
        assert "continue_change reads how it stands" in await errors_of(process)
    assert (code, took_s < SOON_S) == (0, True), took_s
    assert len(recorded(fleet)[0]) == 1


async def test_over_stdio_what_the_server_starts_cannot_read_from_the_wire(fleet: Fleet, tmp_path: Path) -> None:
    """A child that read a line of it would have stolen it from the server."""
    async with stdio_server(environment(fleet), tmp_path) as (process, _):
        assert os.readlink(f"/proc/{process.pid}/fd/0") == "/dev/null"  # noqa: PTH115  # it is no path to follow.


async def test_the_server_still_ends_when_its_client_leaves(fleet: Fleet, tmp_path: Path) -> None:
    async with stdio_server(environment(fleet), tmp_path) as (process, _):
        assert process.stdin is not None
        await process.stdin.aclose()
        with anyio.fail_after(60):
            assert await process.wait() == 0
