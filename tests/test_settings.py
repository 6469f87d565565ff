"""What an operator decides, and what is refused before anything starts."""

import traceback
from pathlib import Path

import pytest

from sim_mcp.settings import Confirm, Settings, SettingsError, read_settings

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


def test_the_environment_wins_over_the_env_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("SIM_MCP_CONFIRM=host\nSIM_MCP_LOG_LEVEL=debug\n")
    settings = read_settings({"SIM_MCP_CONFIRM": "block"}, file)
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


def test_the_directory_for_exports_is_a_whole_path(tmp_path: Path) -> None:
    for chosen in ("~/exports", str(Path.home() / "exports")):
        settings = read_settings({"SIM_MCP_EXPORT_DIR": chosen}, tmp_path / ".env")
        assert settings.export_dir == Path.home() / "exports"
    with pytest.raises(SettingsError, match=r"SIM_MCP_EXPORT_DIR is 'exports' but must be a whole path"):
        read_settings({"SIM_MCP_EXPORT_DIR": "exports"}, tmp_path / ".env")


def test_settings_cannot_be_changed_once_read() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().read_only = True  # type: ignore[misc]  # that is the point


def test_every_variable_is_documented_in_the_readme() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    for field in Settings.model_fields.values():
        assert f"| `{field.alias}` |" in readme
