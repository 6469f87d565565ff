"""The operator lists whose tokens are kept, and seals them anew with another key; no command shows one."""

import json
from base64 import b64encode
from pathlib import Path

import anyio
import pytest
from click.testing import CliRunner, Result
from pydantic import SecretStr

from sim_mcp.changes.record.place import open_record
from sim_mcp.cli.commands import main
from sim_mcp.cli.tokens import why_not_to_serve
from sim_mcp.server.upstreams.token_keys import TokenKeys
from sim_mcp.server.upstreams.vault import Owner, Vault
from sim_mcp.settings import Settings
from sim_mcp.workspaces.file import Workspace

SECRET = "a-token-of-alice-0123456789"
OWN = Workspace.model_validate({"name": "field", "own_tokens": True})


def a_key(name: str) -> str:
    return f"{name}:{b64encode(name.encode().ljust(32, b'.')).decode()}"


def run(directory: Path, keys: str, *words: str) -> Result:
    env = {"SIM_MCP_STATE_DIR": str(directory), "SIM_MCP_TOKEN_KEYS": keys, "EMNIFY_APPLICATION_TOKEN": None}
    return CliRunner(env=env).invoke(main, ["tokens", *words])


def enter(directory: Path, keys: str) -> None:
    vault = Vault(open_record(directory), TokenKeys(Settings(token_keys=SecretStr(keys))))
    anyio.run(vault.keep, "field", Owner("https://issuer.example", "alice"), SecretStr(SECRET), 7)


def test_whose_tokens_are_kept_is_listed_without_them(tmp_path: Path) -> None:
    assert run(tmp_path, a_key("one"), "list").output == "No caller has entered a token.\n"
    enter(tmp_path, a_key("one"))
    (row,) = json.loads(run(tmp_path, a_key("one"), "list", "--json").stdout)
    assert (row["workspace"], row["subject"], row["organisation"], row["used"]) == ("field", "alice", "7", "never")
    listed = run(tmp_path, a_key("one"), "list")
    assert "alice" in listed.output
    assert SECRET not in listed.output


def test_tokens_are_sealed_anew_with_the_first_key(tmp_path: Path) -> None:
    enter(tmp_path, a_key("one"))
    assert run(tmp_path, f"{a_key('two')} {a_key('one')}", "rotate").output == "1 sealed anew with the first key.\n"
    assert run(tmp_path, a_key("two"), "rotate").output == "0 sealed anew with the first key.\n"
    (row,) = json.loads(run(tmp_path, a_key("two"), "list", "--json").stdout)
    assert row["key"] == "two"
    lost = run(tmp_path, a_key("three"), "rotate")
    assert (lost.exit_code, "1 could not be opened by any key" in lost.output) == (1, True)


def test_a_key_that_is_none_is_told_and_not_shown(tmp_path: Path) -> None:
    refused = run(tmp_path, "one:c2VjcmV0", "rotate")
    assert refused.exit_code == 2
    assert "SIM_MCP_TOKEN_KEYS" in refused.output
    assert "the key one is not 32 bytes in base64" in refused.output
    assert "c2VjcmV0" not in refused.output


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ({"client_id": None}, "SIM_MCP_CLIENT_ID is not set"),
        ({"token_keys": None, "client_id": None}, "SIM_MCP_CLIENT_ID and SIM_MCP_TOKEN_KEYS are not set"),
        ({"token_keys": None, "token_keys_command": "false"}, "failed with exit code 1"),
        ({"approval_page": False}, "SIM_MCP_APPROVAL_PAGE=1 is not set"),
    ],
)
def test_a_server_does_not_start_where_nobody_could_enter_a_token(missing: dict[str, object], told: str) -> None:
    whole = {
        "public_url": "https://sims.example",
        "issuer": "https://issuer.example",
        "client_id": "pages",
        "token_keys": SecretStr(a_key("one")),
    }
    settings = Settings(**whole).model_copy(update={"workspaces": (OWN,)})
    assert why_not_to_serve(settings) is None
    assert told in (why_not_to_serve(settings.model_copy(update=missing)) or "")
    assert why_not_to_serve(settings.model_copy(update={**missing, "workspaces": ()})) is None
