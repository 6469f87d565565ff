"""The file of workspaces: what is wrong with it is told before anything starts, and a token never."""

from pathlib import Path

import pytest

from sim_mcp.settings import Settings, SettingsError, read_settings
from sim_mcp.workspaces.token_source import TokenUnavailableError

CANARY = "canary-0123456789abcdef"
NAME = '[[workspace]]\nname = "acme"\n'
TOKEN = 'token_env = "ACME_TOKEN"\n'


def settings_of(tmp_path: Path, content: str, **variables: str) -> Settings:
    file = tmp_path / "workspaces.toml"
    file.write_text(content, encoding="utf-8")
    given = {"ACME_TOKEN": CANARY, "SIM_MCP_WORKSPACES": str(file), **variables}
    return read_settings(given, tmp_path / "none.env")


async def test_each_workspace_has_a_name_a_token_and_an_address(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("file-0123456789")
    content = f"""
        {NAME}{TOKEN}base_url = "https://emnify.example/api/v1/"
        [[workspace.allow]]
        key = "robot"
        scopes = ["sims:read"]
        [[workspace]]
        name = "borg"
        token_file = "{tmp_path / "token"}"
    """
    settings = settings_of(tmp_path, content)
    acme, borg = settings.workspaces
    assert (acme.name, acme.base_url) == ("acme", "https://emnify.example")
    assert (acme.allow[0].key, acme.allow[0].scopes) == ("robot", ("sims:read",))
    assert [(await each.source().read()).get_secret_value() for each in (acme, borg)] == [CANARY, "file-0123456789"]
    assert settings.application_token is None
    assert settings.has_token
    assert CANARY not in repr(settings)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "knows [[workspace]] alone"),
        ("workspace = []", "names no workspace"),
        ("[workspace]\nname = 1", "knows [[workspace]] alone"),
        ("[[workspace]\n", "is not TOML"),
        (f'{NAME}token = "{CANARY}"', "workspace acme: a token does not belong into this file; write token_env"),
        (f'{NAME}token_env = "{CANARY}"', "workspace acme: token_env names a variable, in capitals"),
        (f'{NAME}{TOKEN}token_file = "/x"', "workspace acme: its token comes from one of"),
        (NAME, "workspace acme: its token comes from one of"),
        (f'{NAME}token_env = "NO_TOKEN"', "the variable NO_TOKEN, which is not set"),
        (f'{NAME}token_file = "token"', "workspace acme: token_file must be a whole path"),
        (f'{NAME}token_file = "/no/such/file"', "its token_file /no/such/file cannot be read (No such file"),
        (f'{NAME}token_command = "pass x"', "workspace acme: token_command: it should be a valid list"),
        (f'[[workspace]]\nname = "a.b"\n{TOKEN}', "workspace 1: a name has letters"),
        (f"{NAME}{TOKEN}[[workspace]]\nname = 'ACME'\n{TOKEN}", "two workspaces are called ACME"),
        (f'{NAME}{TOKEN}base_url = "http://x.example"', "workspace acme: base_url must be https"),
        (f'{NAME}{TOKEN}alow = "x"', 'workspace acme knows no "alow"; did you mean "allow"?'),
        (f'{NAME}{TOKEN}allow = [{{ subject = "x", key = "y" }}]', "workspace acme, allow 1: write one of key"),
        (f'{NAME}{TOKEN}allow = [{{ claim = "groups" }}]', "claim and value go together"),
        (f'{NAME}{TOKEN}allow = [{{ key = "y", issuer = "z" }}]', "a key has no issuer"),
        (f'{NAME}{TOKEN}allow = [{{ key = "y", scopes = ["read"] }}]', "it should be 'sims:read'"),
        (f"{NAME}{TOKEN}own_tokens = true", "workspace acme: its token comes from one of"),
        (f"{NAME}own_tokens = false", "workspace acme: its token comes from one of"),
        (f'{NAME}own_tokens = "yes"', "workspace acme: own_tokens: it should be a valid boolean"),
        (f"{NAME}{TOKEN}organisation = 7", "workspace acme: organisation says whose tokens callers may enter"),
        (f'{NAME}own_tokens = true\norganisation = "7"', "workspace acme: organisation: it should be a valid integer"),
        (f"{NAME}{TOKEN}allow = [{{}}]", "workspace acme, allow 1: write one of key"),
    ],
)
def test_a_bad_file_is_told_with_the_place_and_no_secret(tmp_path: Path, content: str, why: str) -> None:
    with pytest.raises(SettingsError) as told:
        settings_of(tmp_path, content)
    assert why in str(told.value)
    assert str(told.value).startswith("SIM_MCP_WORKSPACES: ")
    assert str(told.value).endswith("Nothing was started.")
    assert CANARY not in str(told.value)


def test_a_workspace_may_leave_the_token_to_its_callers(tmp_path: Path) -> None:
    (acme,) = settings_of(tmp_path, f"{NAME}own_tokens = true\norganisation = 7").workspaces
    assert (acme.own_tokens, acme.organisation) == (True, 7)
    with pytest.raises(TokenUnavailableError, match="each caller enters their own"):
        acme.source()


def test_a_variable_that_holds_no_token_is_told_by_the_kind_of_fault(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="what is in the variable ACME_TOKEN is no token: it is in quotation") as it:
        settings_of(tmp_path, NAME + TOKEN, ACME_TOKEN=f'"{CANARY}"')
    assert CANARY not in str(it.value)


def test_a_single_token_beside_the_file_is_told_unless_a_workspace_uses_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="are both set"):
        settings_of(tmp_path, NAME + TOKEN, EMNIFY_APPLICATION_TOKEN="token-0123456789")
    used = NAME + 'token_env = "EMNIFY_APPLICATION_TOKEN"'
    settings = settings_of(tmp_path, used, EMNIFY_APPLICATION_TOKEN="token-0123456789")
    assert (settings.application_token, len(settings.workspaces)) == (None, 1)


def test_a_variable_that_the_file_names_is_no_misspelt_setting(tmp_path: Path) -> None:
    content = NAME + 'token_env = "EMNIFY_APPLICATION_TOKENS"'
    assert settings_of(tmp_path, content, EMNIFY_APPLICATION_TOKENS=CANARY).workspaces


def test_the_env_file_of_the_working_directory_names_no_commands(tmp_path: Path) -> None:
    (tmp_path / "workspaces.toml").write_text(f'{NAME}token_command = ["touch", "{tmp_path / "ran"}"]')
    found = tmp_path / ".env"
    found.write_text(f"SIM_MCP_WORKSPACES={tmp_path / 'workspaces.toml'}\n")
    with pytest.raises(SettingsError, match="decides nothing like that"):
        read_settings({}, found)
    assert read_settings({}, tmp_path / "none", named=found).workspaces[0].name == "acme"
    assert not (tmp_path / "ran").exists()


def test_a_sandbox_brings_a_token_of_its_own_instead(tmp_path: Path) -> None:
    (tmp_path / "workspaces.toml").write_text("")
    given = {"SIM_MCP_WORKSPACES": str(tmp_path / "workspaces.toml")}
    assert read_settings(given, tmp_path / "none", sandbox=True).workspaces == ()
