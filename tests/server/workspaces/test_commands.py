"""On stdio and from a shell, the file of workspaces gives one person profiles."""

import json
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from mcp import Client, StdioServerParameters

from tests.server.workspaces.desk import NAMES, Desk, mark_of
from tests.support import structured, text_of

PROGRAM = str(Path(sys.executable).with_name("sim-mcp"))


def variables(desk: Desk) -> dict[str, str]:
    return {"SIM_MCP_WORKSPACES": str(desk.write()), "SIM_MCP_STATE_DIR": str(desk.directory), "PATH": "/usr/bin:/bin"}


async def run(desk: Desk, *words: str) -> subprocess.CompletedProcess[bytes]:
    with anyio.fail_after(120):
        return await anyio.run_process([PROGRAM, *words], env=variables(desk), cwd=desk.directory, check=False)


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_over_stdio_all_workspaces_of_the_file_are_the_one_users(desk: Desk, era: str) -> None:
    server = StdioServerParameters(command=PROGRAM, env=variables(desk), cwd=desk.directory)
    async with Client(server, mode=era) as client:
        for name in NAMES:
            answer = await client.call_tool("list_sims", {"workspace": name, "per_page": 3})
            assert structured(answer)["workspace"] == name
            assert mark_of(name) in text_of(answer)


async def test_a_shell_names_the_workspace_and_health_tells_of_each(desk: Desk) -> None:
    called = await run(desk, "call", "list_sims", "workspace=borg", "per_page=2", "--json")
    answer = json.loads(called.stdout)
    assert (answer["workspace"], called.returncode) == ("borg", 0)
    unnamed = await run(desk, "call", "list_sims")
    assert unnamed.returncode == 1
    assert b"say which of acme, borg is meant" in unnamed.stderr
    assert (await run(desk, "health")).returncode == 0
    desk.token_file("acme").write_text(desk.fleets["acme"].world.tokens["revoked"])
    told = await run(desk, "health")
    assert told.returncode == 1
    assert b"workspace acme: emnify does not accept" in told.stderr
    assert b"borg" not in told.stderr
