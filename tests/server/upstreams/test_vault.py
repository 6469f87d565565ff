"""Callers' tokens are kept sealed in the record: for their owner and workspace, under keys that may be replaced."""

from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from sim_mcp.changes.record.place import Place, open_record
from sim_mcp.changes.record.storage import Record
from sim_mcp.sealing import SealError
from sim_mcp.server.upstreams.token_keys import TokenKeys, TokenKeysError
from sim_mcp.server.upstreams.vault import Owner, Vault
from sim_mcp.settings import Settings

ALICE, BOB = Owner("https://issuer.example", "alice"), Owner("https://issuer.example", "bob")
TOKEN = SecretStr("a-token-of-alice")


def a_key(name: str) -> str:
    return f"{name}:{b64encode(name.encode().ljust(32, b'.')).decode()}"


def keys(*names: str) -> TokenKeys:
    return TokenKeys(Settings(token_keys=SecretStr(" ".join(map(a_key, names)))))


@pytest.fixture
def record(place: Place) -> Iterator[Record]:
    with closing(open_record(place)) as record:
        yield record


@pytest.fixture
def vault(record: Record) -> Vault:
    return Vault(record, keys("one"))


async def test_a_token_is_found_by_its_owner_and_workspace_alone(vault: Vault) -> None:
    assert await vault.find("acme", ALICE) is None
    await vault.keep("acme", ALICE, TOKEN, 7)
    kept = await vault.find("acme", ALICE)
    assert kept is not None
    assert (kept.organisation, kept.used, await vault.open(kept)) == (7, None, TOKEN)
    for workspace, owner in (("borg", ALICE), ("acme", BOB), ("acme", Owner("https://other.example", "alice"))):
        assert await vault.find(workspace, owner) is None
    await vault.remove("acme", BOB)
    assert await vault.find("acme", ALICE) is not None
    await vault.remove("acme", ALICE)
    assert await vault.find("acme", ALICE) is None


@pytest.mark.parametrize("moved", [("workspace", "borg"), ("subject", "bob"), ("issuer", "https://other.example")])
async def test_a_row_that_was_moved_to_somebody_else_does_not_open(
    vault: Vault, record: Record, moved: tuple[str, str]
) -> None:
    await vault.keep("acme", ALICE, TOKEN, None)
    column, value = moved
    with record.writing() as db:
        db.execute(f"UPDATE own_tokens SET {column} = ?", (value,))  # noqa: S608  # a column of the test's.
    (kept,) = await vault.all()
    with pytest.raises(SealError, match="sealed for somebody else"):
        await vault.open(kept)


async def test_its_use_is_noted_now_and_then(record: Record) -> None:
    clock = [0.0]
    vault = Vault(record, keys("one"), elapsed_s=lambda: clock[0])
    await vault.keep("acme", ALICE, TOKEN, None)
    noted = []
    for clock[0] in (1.0, 200.0, 302.0):
        kept = await vault.find("acme", ALICE)
        assert kept is not None
        await vault.note_use(kept)
        kept = await vault.find("acme", ALICE)
        assert kept is not None
        noted.append(kept.used)
    assert noted[0] is not None
    assert noted[0] == noted[1] != noted[2]
    # What is entered anew was not used.
    await vault.keep("acme", ALICE, TOKEN, None)
    kept = await vault.find("acme", ALICE)
    assert kept is not None
    assert kept.used is None


async def test_after_rotation_the_old_key_is_not_needed(vault: Vault, record: Record) -> None:
    await vault.keep("acme", ALICE, TOKEN, None)
    await vault.keep("acme", BOB, SecretStr("a-token-of-bob"), None)
    before = await vault.find("acme", ALICE)
    both = Vault(record, keys("two", "one"))
    assert await both.rotate() == (2, 0)
    assert await both.rotate() == (0, 0)
    new = Vault(record, keys("two"))
    kept = await new.find("acme", ALICE)
    assert before is not None
    assert kept is not None
    assert (kept.sealed.key, await new.open(kept), kept.entered) == ("two", TOKEN, before.entered)
    third = Vault(record, keys("three"))
    assert await third.rotate() == (0, 2)


async def test_keys_in_a_file_are_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "token-keys"
    source = TokenKeys(Settings(token_keys_file=file))
    with pytest.raises(TokenKeysError, match="cannot be read"):
        await source.read()
    file.write_text(a_key("one"))
    assert (await source.read()).first == "one"
    file.write_text(f"{a_key('two')}\n{a_key('one')}\n")
    assert (await source.read()).first == "two"
    file.write_text("nonsense")
    with pytest.raises(TokenKeysError, match="key 1 is not ID:KEY") as refused:
        await source.read()
    assert "nonsense" not in str(refused.value)


async def test_keys_are_what_a_command_prints(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(a_key("one"))
    assert (await TokenKeys(Settings(token_keys_command=f"cat '{tmp_path}/keys'")).read()).first == "one"
    with pytest.raises(TokenKeysError, match=r"SIM_MCP_TOKEN_KEYS_COMMAND \(false\) failed with exit code 1"):
        await TokenKeys(Settings(token_keys_command="false")).read()
    with pytest.raises(TokenKeysError, match="there is no key: set SIM_MCP_TOKEN_KEYS"):
        await TokenKeys(Settings()).read()


def test_keys_come_from_one_place() -> None:
    with pytest.raises(ValueError, match="the keys come from one place"):
        Settings(token_keys=SecretStr(a_key("one")), token_keys_command="false")
