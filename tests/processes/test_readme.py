"""What the README promises a newcomer holds as it is written."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.types import TextContent

from sim_mcp.sandbox import SandboxSettings
from sim_mcp.server.app import build_server
from tests.support import Fleet, fleet_of

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (.+?) \| `(\w+\(.*?\))` \| (.+?) \|$", README, re.MULTILINE)
COMMANDS = [block for block in re.findall(r"```sh\n(.*?)\n```", README, re.DOTALL) if "pytest" not in block]


def read_call(text: str) -> tuple[str, dict[str, Any]]:
    call = ast.parse(text, mode="eval").body
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Name)
    return call.func.id, {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def whole_fleet(anyio_backend: str) -> AsyncIterator[Fleet]:
    """The world that `--sandbox` makes."""
    assert anyio_backend
    async with fleet_of(SandboxSettings()) as made:
        yield made


def test_there_is_something_to_ask() -> None:
    assert len(ROWS) > 5


@pytest.mark.parametrize(("call", "says"), [(call, says) for _, call, says in ROWS], ids=[row[0] for row in ROWS])
async def test_each_question_gets_that_answer_on_the_sandbox(whole_fleet: Fleet, call: str, says: str) -> None:
    tool, arguments = read_call(call)
    async with Client(build_server(whole_fleet.settings())) as client:
        result = await client.call_tool(tool, arguments)
    assert says in "\n".join(block.text for block in result.content if isinstance(block, TextContent))


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in a folder of another name, whose user has an empty home."""
    clone = tmp_path_factory.mktemp("newcomer") / "another name"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
    (clone.parent / "home").mkdir()
    return clone


def shell(command: str, clone: Path) -> subprocess.CompletedProcess[str]:
    own = ("EMNIFY_", "SIM_MCP_", "UV_PROJECT", "VIRTUAL_ENV", "COLUMNS", "XDG_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    path = f"{clone.parent / 'venv/bin'}:{env['PATH']}"
    subprocess.run([sys.executable, "-m", "venv", clone.parent / "venv"], check=True)
    return subprocess.run(
        ["bash", "-c", command],
        cwd=clone,
        env={**env, "HOME": str(clone.parent / "home"), "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


def test_the_commands_are_those_that_are_tried_here() -> None:
    assert [command.split()[-1] for command in COMMANDS] == ["demo", '--bin)/sim-mcp"']


def test_the_first_command_shows_the_product_in_a_clone_of_any_name(clone: Path) -> None:
    done = shell(COMMANDS[0], clone)
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("Everything held.")


async def test_the_second_installs_a_server_that_a_client_can_start(clone: Path) -> None:
    done = shell(f"python3 -m pip install -q uv && {COMMANDS[1]}", clone)
    assert done.returncode == 0, done.stderr
    command = done.stdout.strip().splitlines()[-1]
    env = {"HOME": str(clone.parent / "home"), "PATH": "/usr/bin:/bin", "EMNIFY_APPLICATION_TOKEN": ""}
    server = StdioServerParameters(command=command, args=["--sandbox"], env=env)
    async with Client(server) as client:
        result = await client.call_tool("summarize_sims", {"group_by": ["status"]})
    assert not result.is_error


def test_the_picture_is_drawn_from_the_sandbox(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "docs/picture.py"), str(tmp_path / "picture.svg")]
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60)
    drawn = (tmp_path / "picture.svg").read_text(encoding="utf-8")
    kept = (ROOT / "docs/picture.svg").read_text(encoding="utf-8")
    assert "Networks&#160;reject" in drawn
    assert "url(http" not in drawn
    assert "src:" not in drawn
    assert len(kept.splitlines()) == len(drawn.splitlines())
