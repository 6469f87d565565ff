"""Keys that are given out: shown once, kept as hashes, good until they are taken back."""

import json
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sim_mcp.principal import Scope
from sim_mcp.server.signin.key_file import KeyFile, KeyFileError
from tests.processes.test_commands import invoked
from tests.processes.test_serving import environment
from tests.server.signin.issuing import client_with, served, settings_for
from tests.server.signin.test_tokens import ask

READ: frozenset[Scope] = frozenset({"sims:read"})


async def opens(address: str, secret: str) -> bool:
    return (await ask(address, f"Bearer {secret}")).status_code == 200


async def test_a_running_server_notices_keys_that_are_added_and_taken_back(tmp_path: Path) -> None:
    env = environment(None, SIM_MCP_STATE_DIR=str(tmp_path))
    async with served(settings_for(None, tmp_path)) as address:
        added = invoked("keys", "add", "night-shift", "--scope", "sims:read", "--scope", "sims:write", env=env)
        secret = added.stdout.strip()
        assert await opens(address, secret)
        assert not await opens(address, secret[:-1])
        assert not await opens(address, "simkey_")
        async with client_with(address, secret) as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
        assert "set_sim_status" in names
        assert "delete_sims" not in names
        assert invoked("keys", "remove", "night-shift", env=env).exit_code == 0
        assert not await opens(address, secret)


def test_a_key_is_shown_once_and_kept_nowhere(tmp_path: Path) -> None:
    env = environment(None, SIM_MCP_STATE_DIR=str(tmp_path))
    added = invoked("keys", "add", "bot", env=env)
    secret = added.stdout.strip()
    assert secret.startswith("simkey_")
    assert len(secret) > 43
    assert "not shown again" in added.stderr
    assert secret not in added.stderr
    for file in tmp_path.iterdir():
        assert secret not in file.read_text()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for words in (("keys", "list"), ("keys", "list", "--json")):
        listed = invoked(*words, env=env)
        assert "bot" in listed.stdout
        assert "sims:read" in listed.stdout
        assert secret not in listed.stdout


def test_the_list_says_which_workspaces_a_key_opens_by_their_file(tmp_path: Path) -> None:
    here = environment(None, SIM_MCP_STATE_DIR=str(tmp_path))
    for name, words in (("bound", ["--workspace", "acme"]), ("granted", []), ("stranger", [])):
        invoked("keys", "add", name, *words, env=here)

    def listed(env: dict[str, str]) -> dict[str, str]:
        return {row["key"]: row["workspaces"] for row in json.loads(invoked("keys", "list", "--json", env=env).stdout)}

    assert listed(here) == {"bound": "none, for none is named here", "granted": "all", "stranger": "all"}
    file = tmp_path / "workspaces.toml"
    grant = '[[workspace.allow]]\nkey = "granted"\n'
    both = ('[[workspace]]\nname = "' + name + '"\ntoken_command = ["true"]\n' + grant for name in ("acme", "borg"))
    file.write_text("\n".join(both))
    several = {**here, "SIM_MCP_WORKSPACES": str(file)}
    assert listed(several) == {"bound": "acme", "granted": "acme borg", "stranger": "none"}


def test_without_keys_the_list_says_how_to_make_one(tmp_path: Path) -> None:
    listed = invoked("keys", "list", env=environment(None, SIM_MCP_STATE_DIR=str(tmp_path)))
    assert (listed.exit_code, "sim-mcp keys add NAME" in listed.stdout) == (0, True)


@pytest.mark.parametrize("words", [("add", "bot"), ("add", "two words"), ("remove", "nobody"), ("add", "")])
def test_what_cannot_be_done_is_said_and_changes_nothing(tmp_path: Path, words: tuple[str, str]) -> None:
    env = environment(None, SIM_MCP_STATE_DIR=str(tmp_path))
    invoked("keys", "add", "bot", env=env)
    before = (tmp_path / "keys.json").read_bytes()
    refused = invoked("keys", *words, env=env)
    assert refused.exit_code == 1
    assert "Nothing was" in refused.stderr
    assert (tmp_path / "keys.json").read_bytes() == before


def test_a_scope_that_is_none_is_refused_with_those_there_are(tmp_path: Path) -> None:
    env = environment(None, SIM_MCP_STATE_DIR=str(tmp_path))
    refused = invoked("keys", "add", "bot", "--scope", "sims:all", env=env)
    assert (refused.exit_code, "sims:approve" in refused.stderr) == (2, True)


def test_the_next_key_of_a_name_is_somebody_else(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path / "keys.json")
    first = keys.find(keys.add("bot", READ))
    keys.remove("bot")
    second = keys.find(keys.add("bot", READ))
    assert first is not None
    assert second is not None
    assert (first.name, first.principal.key == second.principal.key) == (second.name, False)


def test_keys_added_at_once_are_all_kept(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        secrets = list(threads.map(lambda n: KeyFile(tmp_path / "keys.json").add(f"bot-{n}", READ), range(16)))
    keys = KeyFile(tmp_path / "keys.json")
    assert len(keys.keys()) == 16
    assert all(keys.find(secret) for secret in secrets)


def _readable(file: Path) -> None:
    file.chmod(0o644)


def _damaged(file: Path) -> None:
    file.write_text('{"keys": [{"name": "bot"}]}')


def _elsewhere(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))
    file.symlink_to(file.with_name("elsewhere"))


@pytest.mark.parametrize("harm", [_readable, _damaged, _elsewhere])
async def test_a_file_that_others_may_have_changed_or_that_is_damaged_opens_nothing(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    settings = settings_for(None, tmp_path)
    keys = KeyFile(tmp_path / "keys.json")
    secret = keys.add("bot", READ)
    async with served(settings) as address:
        assert await opens(address, secret)
        harm(tmp_path / "keys.json")
        assert not await opens(address, secret)
    with pytest.raises(KeyFileError, match=str(tmp_path)):
        keys.keys()
    env = environment(None, SIM_MCP_STATE_DIR=str(tmp_path))
    refused = invoked("serve", "--http", "--port", "0", env=env)
    assert (refused.exit_code, "Nothing was started" in refused.stderr) == (2, True)
    assert invoked("keys", "list", env=env).exit_code == 1


async def test_keys_may_be_kept_in_a_file_of_the_operators_choice(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    file = tmp_path / "etc" / "robots.json"
    env = environment(None, SIM_MCP_STATE_DIR=str(tmp_path), SIM_MCP_KEYS=str(file))
    secret = invoked("keys", "add", "bot", env=env).stdout.strip()
    assert file.exists()
    async with served(settings_for(None, tmp_path, keys_file=file)) as address:
        assert await opens(address, secret)
    nowhere = environment(None, SIM_MCP_KEYS=str(tmp_path / "gone" / "keys.json"))
    assert "SIM_MCP_KEYS" in invoked("keys", "add", "bot", env=nowhere).stderr
    kernel = environment(None, SIM_MCP_KEYS="/proc/keys.json")
    refused = invoked("keys", "add", "bot", env=kernel)
    assert (refused.exit_code, "Nothing changed" in refused.stderr) == (1, True)


async def test_a_key_for_certain_workspaces_opens_none_that_has_no_name(tmp_path: Path) -> None:
    secret = KeyFile(tmp_path / "keys.json").add("bot", READ, frozenset({"acme"}))
    async with served(settings_for(None, tmp_path)) as address, client_with(address, secret) as client:
        refused = await client.call_tool("list_sims", {})
        assert refused.is_error
        assert "acme" in str(refused.content)
