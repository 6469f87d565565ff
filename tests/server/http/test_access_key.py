"""The key of the HTTP door: made once, its owner's alone, and never used where others may know it."""

import stat
from pathlib import Path

import anyio
import httpx
import pytest
from mcp import Client

from sim_mcp.logs import without_secrets
from sim_mcp.server.http.access_key import access_key
from sim_mcp.settings import Settings
from tests.processes.test_commands import invoked
from tests.processes.test_serving import environment, served
from tests.support import key_in, with_key


def refused(state_dir: Path, port: str = "0") -> tuple[int, str]:
    """Start a server that is expected not to start."""
    env = environment(None, SIM_MCP_STATE_DIR=str(state_dir))
    done = invoked("serve", "--http", "--port", port, env=env)
    return done.exit_code, done.stderr


def names(directory: Path) -> list[str]:
    return [file.name for file in directory.iterdir() if "key" in file.name]


async def test_the_key_is_made_once_and_stays(tmp_path: Path) -> None:
    env = environment(None, SIM_MCP_STATE_DIR=str(tmp_path))
    keys = set()
    for _ in range(2):
        async with served([], env) as address, Client(with_key(address, env)) as client:
            assert (await client.list_tools()).tools
            keys.add(key_in(env))
    assert len(keys) == 1
    assert len(keys.pop()) >= 43
    assert stat.S_IMODE((tmp_path / "http-key").stat().st_mode) == 0o600
    assert names(tmp_path) == ["http-key"]  # and no draft of it.


async def test_the_usual_place_of_the_key_is_its_owners_alone(tmp_path: Path) -> None:
    env = {**environment(None), "XDG_STATE_HOME": str(tmp_path)}
    del env["SIM_MCP_STATE_DIR"]
    (tmp_path / "sim-mcp").mkdir(mode=0o755)  # as earlier versions left it.
    async with served([], env):
        assert stat.S_IMODE((tmp_path / "sim-mcp").stat().st_mode) == 0o700
        assert stat.S_IMODE((tmp_path / "sim-mcp" / "http-key").stat().st_mode) == 0o600


async def test_servers_started_at_once_share_one_key(tmp_path: Path) -> None:
    env = environment(None, SIM_MCP_STATE_DIR=str(tmp_path))
    worked: list[str] = []

    async def serve() -> None:
        async with served([], env) as address, Client(with_key(address, env)) as client:
            assert (await client.list_tools()).tools
            worked.append(address)

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(serve)
    assert len(worked) == 4


@pytest.mark.parametrize("damage", ["", "\n", "short", "not a key, but a sentence of forty characters", "\x00" * 43])
def test_a_damaged_key_is_told_not_used(tmp_path: Path, damage: str) -> None:
    (tmp_path / "http-key").write_text(damage)
    (tmp_path / "http-key").chmod(0o600)
    code, told = refused(tmp_path)
    assert code == 2
    assert str(tmp_path / "http-key") in told
    assert "Delete it" in told
    assert "Nothing was started" in told


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604])
def test_a_key_that_others_may_have_read_is_told_not_used(tmp_path: Path, mode: int) -> None:
    (tmp_path / "http-key").write_text("k" * 43)
    (tmp_path / "http-key").chmod(mode)
    code, told = refused(tmp_path)
    assert code == 2
    assert "chmod 600" in told
    assert "k" * 43 not in told


def test_a_key_that_is_a_link_elsewhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("k" * 43)
    (tmp_path / "elsewhere").chmod(0o600)
    (tmp_path / "http-key").symlink_to(tmp_path / "elsewhere")
    code, told = refused(tmp_path)
    assert (code, str(tmp_path) in told) == (2, True)


@pytest.mark.parametrize("place", ["missing", "a file", "/proc/nothing/is/made/here", "/proc"])
def test_where_the_key_cannot_be_kept_the_start_says_what_to_do(tmp_path: Path, place: str) -> None:
    (tmp_path / "a file").write_text("")
    code, told = refused(tmp_path / place)
    assert code == 2
    assert "SIM_MCP_STATE_DIR" in told
    assert "--no-key" in told
    assert "Nothing was started" in told


async def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    env = environment(None, SIM_MCP_STATE_DIR=str(tmp_path))
    async with served([], env) as address:
        code, told = refused(tmp_path, str(httpx.URL(address).port))
    assert (code, "is taken" in told) == (2, True)


def test_the_key_is_left_out_of_the_log(tmp_path: Path) -> None:
    key = access_key(Settings(state_dir=tmp_path)).secret.get_secret_value()
    assert without_secrets(f"a library says {key}") == "a library says …"
