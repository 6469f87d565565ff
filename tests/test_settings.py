"""What an operator decides, and what is refused before anything starts."""

import traceback
from pathlib import Path

import pytest
from pydantic import SecretStr

from sim_mcp.settings import ENV_FILE, Confirm, Settings, SettingsError, read_settings

SECRET = "canary-3f1c9a-token"


def test_without_anything_set_it_asks_and_points_at_production(tmp_path: Path) -> None:
    settings = read_settings({}, tmp_path / ".env")
    assert settings.application_token is None
    assert settings.base_url == "https://cdn.emnify.net"
    assert settings.confirm is Confirm.ASK
    assert settings.may_write


@pytest.mark.parametrize("setting", [{"SIM_MCP_CONFIRM": "block"}, {"SIM_MCP_READ_ONLY": "1"}])
def test_block_and_read_only_both_forbid_writing(setting: dict[str, str], tmp_path: Path) -> None:
    assert not read_settings(setting, tmp_path / ".env").may_write


def test_the_environment_wins_over_a_file_that_was_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.env"
    file.write_text("SIM_MCP_CONFIRM=host\nSIM_MCP_LOG_LEVEL=debug\n")
    settings = read_settings({"SIM_MCP_CONFIRM": "block"}, named=file)
    assert (settings.confirm, settings.log_level) == (Confirm.BLOCK, "DEBUG")


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    settings = read_settings({"EMNIFY_APPLICATION_TOKEN": " ", "EMNIFY_BASE_URL": ""}, tmp_path / ".env")
    assert settings.application_token is None


@pytest.mark.parametrize(
    "address",
    [
        "http://cdn.emnify.net",
        "http://10.0.0.1",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "ftp://127.0.0.1",
        "https://user:pass@cdn.emnify.net",
        "https://cdn.emnify.net/?x=1",
        "cdn.emnify.net",
        "https://",
        "http://127.0.0.1:999999",
    ],
)
def test_an_address_that_would_carry_the_token_in_clear_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="EMNIFY_BASE_URL"):
        read_settings({"EMNIFY_BASE_URL": address}, tmp_path / ".env")


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://cdn.emnify.net/", "https://cdn.emnify.net"),
        ("https://cdn.emnify.net/api/v1", "https://cdn.emnify.net"),
        ("http://127.0.0.1:8580", "http://127.0.0.1:8580"),
        ("http://[::1]:8580", "http://[::1]:8580"),
        ("http://localhost:8580", "http://localhost:8580"),
    ],
)
def test_https_anywhere_and_http_on_this_machine_are_fine(given: str, used: str, tmp_path: Path) -> None:
    assert read_settings({"EMNIFY_BASE_URL": given}, tmp_path / ".env").base_url == used


@pytest.mark.parametrize(
    ("variable", "value"),
    [("SIM_MCP_CONFIRM", "yes"), ("SIM_MCP_READ_ONLY", "maybe"), ("SIM_MCP_LOG_LEVEL", "loud")],
)
def test_a_wrong_value_is_named_with_its_variable(variable: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({variable: value}, tmp_path / ".env")
    assert variable in str(caught.value)
    assert value in str(caught.value).lower()


def test_a_misspelt_safety_setting_is_an_error_not_a_silence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="did you mean SIM_MCP_READ_ONLY"):
        read_settings({"SIM_MCP_READONLY": "1"}, tmp_path / ".env")


def test_the_token_is_in_no_repr_string_dump_or_traceback(tmp_path: Path) -> None:
    settings = read_settings({"EMNIFY_APPLICATION_TOKEN": SECRET}, tmp_path / ".env")
    assert SECRET not in repr(settings) + str(settings) + settings.model_dump_json()
    try:
        read_settings({"EMNIFY_APPLICATION_TOKEN": SECRET, "SIM_MCP_CONFIRM": "x"}, tmp_path / ".env")
    except SettingsError:
        assert SECRET not in traceback.format_exc()


PATHS = ("SIM_MCP_POLICY", "SIM_MCP_STATE_DIR", "SIM_MCP_EXPORT_DIR")


@pytest.mark.parametrize("variable", PATHS)
def test_a_path_is_whole_or_from_the_home_directory(variable: str, tmp_path: Path) -> None:
    for chosen in ("~/some where", f" {Path.home() / 'some where'} "):
        settings = read_settings({variable: chosen}, tmp_path / ".env")
        assert {settings.policy, settings.state_dir, settings.export_dir} == {None, Path.home() / "some where"}


@pytest.mark.parametrize("variable", [*PATHS, "SIM_MCP_ENV_FILE"])
@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("exports", "must be a whole path, such as HERE/exports"),
        ("./exports", "must be a whole path, such as HERE/exports"),
        ("~nobody-of-that-name/exports", "user who is not known"),
        ("${workspaceFolder}/exports", r"holds ${workspaceFolder}, which is not filled in"),
        ("$HOME/exports", "holds $HOME, which is not filled in"),
        ("%USERPROFILE%/exports", "holds %USERPROFILE%, which is not filled in"),
    ],
)
def test_any_other_path_is_refused_with_the_one_to_write(variable: str, value: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({variable: value}, tmp_path / ".env")
    assert f"{variable} is {value!r} but " in str(refused.value)
    assert says.replace("HERE", str(Path.cwd())) in str(refused.value)


GOOD = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl-_0"


@pytest.mark.parametrize(
    ("pasted", "kind"),
    [
        (f'"{GOOD}"', "quotation"),
        (f"'{GOOD}", "quotation"),
        (f"“{GOOD}”", "quotation"),
        (f"`{GOOD}`", "quotation"),
        (f"Bearer {GOOD}", "Bearer"),
        (f"bearer: {GOOD}", "begins with a word"),
        (f"EMNIFY_APPLICATION_TOKEN={GOOD}", "begins with a word"),
        (f"Authorization: Bearer {GOOD}", "begins with a word"),
        ("${EMNIFY_TOKEN}", "placeholder"),
        ("${input:emnify}", "placeholder"),
        ("{env:EMNIFY_TOKEN}", "placeholder"),
        ("$TOKEN", "placeholder"),
        ("$(cat token)", "placeholder"),
        ("%EMNIFY_TOKEN%", "placeholder"),
        ("<token>", "placeholder"),
        ("your token", "placeholder"),
        ("YOUR_APPLICATION_TOKEN", "placeholder"),
        ("your-emnify-token-here", "placeholder"),
        ("…", "placeholder"),
        ("xxxx", "placeholder"),
        (f"\ufeff{GOOD}", "invisible"),
        (f"{GOOD}\u200b", "invisible"),
        (f"{GOOD[:9]}\u00ad{GOOD[9:]}", "invisible"),
        (f"{GOOD[:9]}\n{GOOD[9:]}", "line break"),
        (f"{GOOD[:9]}\r\n  {GOOD[9:]}", "line break"),
        (f"{GOOD}\u00a0", "odd blank"),
        (f"{GOOD[:9]}\t{GOOD[9:]}", "tab"),
        (f"{GOOD[:9]} {GOOD[9:]}", "blank"),
        (f"{GOOD}é", "no token has"),
        (f"{GOOD},", "no token has"),
    ],
)
def test_a_token_pasted_wrong_is_told_by_kind_and_counts_as_none(pasted: str, kind: str, tmp_path: Path) -> None:
    settings = read_settings({"EMNIFY_APPLICATION_TOKEN": pasted}, tmp_path / ".env")
    assert settings.application_token is None
    assert kind in (settings.token_fault or "")
    assert GOOD[:9] not in repr(settings) + str(settings.token_fault) + settings.model_dump_json()


@pytest.mark.parametrize("pasted", [GOOD, f" {GOOD}\n", "sandbox-enterprise-0123456789abcdef", "aGVsbG8+/w=="])
def test_a_token_that_is_as_it_should_be_is_used(pasted: str, tmp_path: Path) -> None:
    settings = read_settings({"EMNIFY_APPLICATION_TOKEN": pasted}, tmp_path / ".env")
    assert settings.application_token is not None
    assert settings.application_token.get_secret_value() == pasted.strip()
    assert settings.token_fault is None


@pytest.mark.parametrize(
    ("address", "token", "place"),
    [
        ("https://cdn.emnify.net", "abc.def", "emnify"),
        ("https://cdn.emnify.net", "sandbox-enterprise-1", "emnify"),
        ("http://127.0.0.1:8580", "sandbox-enterprise-1", "sandbox"),
        ("http://localhost:8580", "abc.def", "emnify at localhost:8580"),
        ("https://emnify.example", "sandbox-enterprise-1", "emnify at emnify.example"),
        ("http://127.0.0.1:8580", None, "emnify at 127.0.0.1:8580"),
    ],
)
def test_only_what_is_surely_made_up_is_called_a_sandbox(address: str, token: str | None, place: str) -> None:
    assert Settings(base_url=address, application_token=SecretStr(token) if token else None).place == place


@pytest.mark.parametrize(
    "address", ["mysql://someone:its-password@host/db", "its-password", "host=a password=its-password"]
)
def test_a_database_is_named_by_an_address_that_is_never_repeated(address: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"SIM_MCP_DATABASE_URL must be .*postgresql://") as refused:
        read_settings({"SIM_MCP_DATABASE_URL": address}, tmp_path / ".env")
    assert "its-password" not in str(refused.value)


def test_the_record_is_kept_in_the_database_where_one_is_set(tmp_path: Path) -> None:
    address = "postgresql://someone:its-password@host/db"
    settings = read_settings({"SIM_MCP_DATABASE_URL": address, "SIM_MCP_STATE_DIR": str(tmp_path)}, tmp_path / ".env")
    assert settings.record_place() == SecretStr(address)
    assert "its-password" not in repr(settings)
    assert read_settings({"SIM_MCP_STATE_DIR": str(tmp_path)}, tmp_path / ".env").record_place() == tmp_path


def test_settings_cannot_be_changed_once_read() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().read_only = True  # type: ignore[misc]  # that is the point


def test_every_variable_is_documented() -> None:
    documented = (Path(__file__).parent.parent / "docs/settings.md").read_text(encoding="utf-8")
    for alias in (str(field.alias) for field in Settings.model_fields.values()):
        assert not alias.isupper() or f"| `{alias}` |" in documented
    assert f"| `{ENV_FILE}` |" in documented
