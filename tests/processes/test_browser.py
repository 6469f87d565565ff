"""The server opens the approval page itself: once, for the person alone, and it waits for no browser."""

import json
import os
import re
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import anyio
import httpx
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from tests.changes.test_approval import press, suspend
from tests.processes.test_serving import environment
from tests.support import Fleet, structured


class Seen(NamedTuple):
    """What a browser that was started tells of it."""

    pid: int
    argv: list[str]
    environment: dict[str, str]

    @property
    def file(self) -> Path:
        return Path(self.argv[-1].removeprefix("file://"))

    @property
    def link(self) -> str:
        found = re.search(r'href="([^"]+)"', self.file.read_text())
        assert found
        return found[1]


BROWSER = """#!{python}
import json, os, sys, time
print("this must not reach the client")
seen = [os.getpid(), sys.argv, dict(os.environ)]
name = "{directory}/%d" % os.getpid()
open(name + ".part", "w").write(json.dumps(seen))
os.rename(name + ".part", name + ".json")
time.sleep(600)
"""


def windows(directory: Path) -> list[Seen]:
    return [Seen(*json.loads(file.read_text())) for file in sorted(directory.glob("*.json"))]


def command_lines() -> list[str]:
    """What anybody on this machine can see of its processes."""
    seen = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            seen.append((process / "cmdline").read_text(errors="replace"))
    return seen


@asynccontextmanager
async def server_with_browser(fleet: Fleet, directory: Path, **extra: str) -> AsyncIterator[Client]:
    """A server over stdio, on a machine whose browser runs in the foreground until it is closed."""
    script = directory / "browser"
    script.write_text(BROWSER.format(python=sys.executable, directory=directory))
    script.chmod(0o755)
    env = environment(fleet, SIM_MCP_OPEN_BROWSER="1", BROWSER=str(script), **extra)
    try:
        async with Client(StdioServerParameters(command=sys.executable, args=["-m", "sim_mcp"], env=env)) as client:
            yield client
    finally:
        for window in windows(directory):
            with suppress(ProcessLookupError):
                os.kill(window.pid, 9)


async def first_window(directory: Path) -> Seen:
    with anyio.fail_after(60):
        while not windows(directory):  # noqa: ASYNC110  # what is awaited is another process.
            await anyio.sleep(0.05)
    return windows(directory)[0]


async def test_one_window_is_opened_for_a_plan_however_often_it_is_asked_for(fleet: Fleet, tmp_path: Path) -> None:
    async with server_with_browser(fleet, tmp_path) as client:
        results = [await client.call_tool("set_sim_status", suspend(fleet, "healthy"))]
        window = await first_window(tmp_path)
        plan = structured(results[0])["plan"]
        results += [await client.call_tool("continue_change", {"plan": plan}) for _ in range(3)]
        await client.call_tool("set_sim_status", suspend(fleet, "healthy"))
        for result in results:
            assert "/approve/" not in result.model_dump_json()
            assert structured(result)["state"] == "waiting for approval"
        await anyio.sleep(0.5)
        assert len(windows(tmp_path)) == 1
        assert (await press(window.link, "approve")).status_code < 400
        done = structured(await client.call_tool("continue_change", {"plan": plan}))
    assert done["counts"] == {"changed": 1}


async def test_the_secret_is_in_a_file_of_ours_and_in_no_argument(fleet: Fleet, tmp_path: Path) -> None:
    async with server_with_browser(fleet, tmp_path) as client:
        await client.call_tool("set_sim_status", suspend(fleet, "healthy"))
        window = await first_window(tmp_path)
        secret = window.link.rpartition("/")[2]
        assert len(secret) > 30
        assert not [words for words in command_lines() if secret in words]
        assert stat.S_IMODE(window.file.stat().st_mode) == 0o600
        assert stat.S_IMODE(window.file.parent.stat().st_mode) == 0o700
        assert f'content="0; url={window.link}"' in window.file.read_text()
        assert not [name for name in window.environment if name.startswith(("EMNIFY_", "SIM_MCP_"))]
    assert not window.file.exists()


async def test_a_browser_in_the_foreground_holds_nothing_up(fleet: Fleet, tmp_path: Path) -> None:
    """It blocks for ten minutes here and writes to its standard output, which is not the wire to the client."""
    async with server_with_browser(fleet, tmp_path) as client:
        with anyio.fail_after(60):
            told = structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy")))
            await first_window(tmp_path)
            assert structured(await client.call_tool("get_sim", {"sim": fleet.scenarios["healthy"]["iccid"]}))
    assert told["approve_at"] == "the browser window that was opened"


@pytest.mark.parametrize("browser", ["/no/such/browser", "/bin/false"])
async def test_where_no_browser_opens_the_operator_is_told_and_nobody_the_link(
    fleet: Fleet, tmp_path: Path, browser: str
) -> None:
    # Without a screen and without other browsers, as a server in a rack is.
    env = {**environment(fleet, SIM_MCP_OPEN_BROWSER="1"), "BROWSER": browser, "PATH": str(tmp_path)}
    log = tmp_path / "stderr"
    with log.open("w") as sink:
        server = StdioServerParameters(command=sys.executable, args=["-m", "sim_mcp"], env=env)
        async with Client(stdio_client(server, errlog=sink)) as client:
            result = await client.call_tool("set_sim_status", suspend(fleet, "healthy"))
            with anyio.fail_after(60):
                while "No browser could be opened" not in log.read_text():  # noqa: ASYNC110  # another process.
                    await anyio.sleep(0.05)
    assert "/approve/" not in log.read_text() + result.model_dump_json()


async def test_reading_a_window_twice_shows_the_same_plan(fleet: Fleet, tmp_path: Path) -> None:
    async with server_with_browser(fleet, tmp_path) as client, httpx.AsyncClient() as http:
        await client.call_tool("set_sim_status", suspend(fleet, "healthy"))
        window = await first_window(tmp_path)
        for _ in range(2):
            assert "Suspended" in (await http.get(window.link)).text
