"""What a `.env` may decide, and how one that cannot be read is told."""

import os
from pathlib import Path

import pytest

from sim_mcp.settings import Settings, SettingsError, read_settings

SECRET = "canary-3f1c9a-token"
FILE = f"EMNIFY_APPLICATION_TOKEN={SECRET}\nEMNIFY_BASE_URL=https://emnify.example\nSIM_MCP_CONFIRM=host\n"
FROM_FILE = (SECRET, "https://emnify.example", "host")
NOTHING = (None, "https://cdn.emnify.net", "ask")


def decided(settings: Settings) -> tuple[str | None, str, str]:
    token = settings.application_token
    return token.get_secret_value() if token else None, settings.base_url, settings.confirm.value


@pytest.mark.parametrize(
    ("environment", "sandbox", "expected"),
    [
        ({}, False, FROM_FILE),
        ({"SIM_MCP_LOG_LEVEL": "INFO", "SIM_MCP_APPROVAL_WAIT": "0"}, False, FROM_FILE),
        ({"EMNIFY_BASE_URL": "https://mine.example"}, False, (SECRET, "https://mine.example", "host")),
        ({"EMNIFY_APPLICATION_TOKEN": "", "SIM_MCP_CONFIRM": ""}, False, FROM_FILE),
        ({"EMNIFY_APPLICATION_TOKEN": "mine"}, False, ("mine", *NOTHING[1:])),
        ({"EMNIFY_APPLICATION_TOKEN": "${input:emnify}"}, False, NOTHING),
        ({"SIM_MCP_CONFIRM": "ask"}, False, NOTHING),
        ({"SIM_MCP_CONFIRM": "block"}, False, (*NOTHING[:2], "block")),
        ({"SIM_MCP_READ_ONLY": "0"}, False, NOTHING),
        ({"SIM_MCP_POLICY": "/etc/policy.toml"}, False, NOTHING),
        ({"SIM_MCP_APPROVAL_PAGE": "1"}, False, NOTHING),
        ({"SIM_MCP_OPEN_BROWSER": "1"}, False, NOTHING),
        ({"SIM_MCP_MAX_SIMS_PER_CHANGE": "5"}, False, NOTHING),
        ({"SIM_MCP_MAX_SIMS_PER_HOUR": "5"}, False, NOTHING),
        ({}, True, NOTHING),
        ({"SIM_MCP_LOG_LEVEL": "INFO"}, True, NOTHING),
    ],
)
def test_the_working_directory_decides_over_nothing_that_came_from_elsewhere(
    tmp_path: Path, environment: dict[str, str], sandbox: bool, expected: tuple[str | None, str, str]
) -> None:
    file = tmp_path / ".env"
    file.write_text(FILE)
    told: list[str] = []
    settings = read_settings(environment, file, sandbox=sandbox, tell=told.append)
    assert decided(settings) == expected
    if expected[0] == SECRET:
        assert told == []
    else:
        assert len(told) == 1
        assert f"--env-file {file}" in told[0]
        assert SECRET not in told[0]


@pytest.mark.parametrize(
    ("line", "unchanged"),
    [
        ("EMNIFY_BASE_URL=https://evil.example", "base_url"),
        ("SIM_MCP_CONFIRM=host", "confirm"),
        ("SIM_MCP_READ_ONLY=1", "read_only"),
        ("SIM_MCP_POLICY=/tmp/policy.toml", "policy"),
        ("SIM_MCP_APPROVAL_PAGE=0", "approval_page"),
        ("SIM_MCP_OPEN_BROWSER=1", "open_browser"),
        ("SIM_MCP_FORM_WAIT=1", "form_wait_s"),
        ("SIM_MCP_APPROVAL_WAIT=1", "approval_wait_s"),
        ("SIM_MCP_MAX_SIMS_PER_CHANGE=9999", "max_sims_per_change"),
        ("SIM_MCP_MAX_SIMS_PER_HOUR=9999", "max_sims_per_hour"),
        ("SIM_MCP_STATE_DIR=/tmp", "state_dir"),
        ("SIM_MCP_EXPORT_DIR=/tmp", "export_dir"),
        ("SIM_MCP_LOG_LEVEL=DEBUG", "log_level"),
    ],
)
def test_no_setting_of_a_token_from_the_environment_is_changed(tmp_path: Path, line: str, unchanged: str) -> None:
    (tmp_path / ".env").write_text(f"{line}\n")
    settings = read_settings({"EMNIFY_APPLICATION_TOKEN": "mine"}, tmp_path / ".env")
    assert getattr(settings, unchanged) == getattr(Settings(), unchanged)
    by_name = read_settings({"EMNIFY_APPLICATION_TOKEN": "mine"}, named=tmp_path / ".env")
    assert getattr(by_name, unchanged) != getattr(Settings(), unchanged)


@pytest.mark.parametrize("sandbox", [True, False])
def test_a_file_that_the_operator_named_is_trusted(tmp_path: Path, sandbox: bool) -> None:
    named, here = tmp_path / "mine.env", tmp_path / ".env"
    named.write_text("SIM_MCP_CONFIRM=host\nEMNIFY_BASE_URL=https://emnify.example\n")
    here.write_text("SIM_MCP_READ_ONLY=1\n")
    for chosen in (
        read_settings({"EMNIFY_APPLICATION_TOKEN": "mine"}, here, named=named, sandbox=sandbox),
        read_settings({"EMNIFY_APPLICATION_TOKEN": "mine", "SIM_MCP_ENV_FILE": str(named)}, here, sandbox=sandbox),
    ):
        assert decided(chosen) == ("mine", "https://emnify.example", "host")
        assert not chosen.read_only


def test_another_projects_env_is_no_business_of_ours(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DATABASE_URL=postgres://db\nexport X-Y.z='1'\n")
    told: list[str] = []
    read_settings({"EMNIFY_APPLICATION_TOKEN": "mine"}, tmp_path / ".env", tell=told.append)
    assert told == []
    (tmp_path / ".venv").mkdir()
    assert read_settings({}, tmp_path / ".venv").application_token is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("# one\n\nEMNIFY_BASE_URL : https://mine.example\n", "line 3, is not NAME=value"),
        ("EMNIFY_BASE_URL: https://mine.example\n", "line 1, is not NAME=value"),
        ("A=1\rEMNIFY_BASE_URL:=https://mine.example\r", "line 2, is not NAME=value"),
        ("A=1\r\n\r\nset EMNIFY_BASE_URL=https://mine.example\r\n", "line 3, is not NAME=value"),
        ('$env:EMNIFY_BASE_URL = "https://mine.example"\n', "line 1, is not NAME=value"),
        ("SIM_MCP_READ_ONLY\n", "line 1: SIM_MCP_READ_ONLY has no value"),
        ("SIM_MCP_READ_ONLY=1\nSIM_MCP_READ_ONLY=0\n", "SIM_MCP_READ_ONLY in line 1 and again in line 2"),
        ('A=1\nEMNIFY_BASE_URL="https://mine.example\n', "line 2, is not NAME=value"),
        ('A=1\nEMNIFY_BASE_URL="https://\nSIM_MCP_READ_ONLY=1"\n', "line 2: the value of EMNIFY_BASE_URL"),
        ("A=1\n\ufeffSIM_MCP_READ_ONLY=1\n", "line 2, is not NAME=value"),
        ("A=1\u2028SIM_MCP_READ_ONLY=1\n", "line 1, ends in U+2028"),
        ("# a comment\x0bSIM_MCP_READ_ONLY=1\n", "line 1, ends in U+000B"),
        (f"EMNIFY_APPLICATION_TOKEN {SECRET}\n", "line 1, is not NAME=value"),
        (f"\n{SECRET}\n{SECRET} {SECRET}\n", "line 3, is not NAME=value"),
        ("SIM_MCP_READONLY=1\n", "did you mean SIM_MCP_READ_ONLY"),
        ("sim_mcp_read_only=1\n", "did you mean SIM_MCP_READ_ONLY"),
        ("EMNIFY_BASEURL=https://mine.example\n", "did you mean EMNIFY_BASE_URL"),
        ("emnify-base-url=https://mine.example\n", "did you mean EMNIFY_BASE_URL"),
        ("EMNIFY_BASE_URL=${MINE}\n", "EMNIFY_BASE_URL must be"),
        ("SIM_MCP_ENV_FILE=/tmp/other\n", "SIM_MCP_ENV_FILE, which a file cannot"),
    ],
)
def test_what_cannot_be_read_is_an_error_with_its_line_and_without_its_content(
    tmp_path: Path, text: str, says: str
) -> None:
    file = tmp_path / ".env"
    file.write_bytes(text.encode())
    with pytest.raises(SettingsError) as refused:
        read_settings({}, file)
    assert says in str(refused.value)
    assert "Nothing was started" in str(refused.value)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_every_line_end_and_every_encoding_that_shows_itself_is_read(
    tmp_path: Path, encoding: str, line_end: str
) -> None:
    file = tmp_path / ".env"
    lines = [
        "# für uns",
        "export SIM_MCP_READ_ONLY=1",
        "SIM_MCP_EXPORT_DIR='/srv/Käse' # hier",
        "SIM_MCP_LOG_LEVEL=debug",
    ]
    file.write_bytes(line_end.join(lines).encode(encoding))
    settings = read_settings({}, file)
    assert (settings.read_only, settings.export_dir, settings.log_level) == (True, Path("/srv/Käse"), "DEBUG")


@pytest.mark.parametrize(
    ("encoding", "says"), [("cp1252", "line 2, is not in UTF-8"), ("utf-16-le", "UTF-8"), ("utf-32-be", "UTF-8")]
)
def test_any_other_encoding_is_named_as_the_fault(tmp_path: Path, encoding: str, says: str) -> None:
    file = tmp_path / ".env"
    file.write_bytes("SIM_MCP_READ_ONLY=1\n# für uns\n".encode(encoding))
    with pytest.raises(SettingsError, match=says):
        read_settings({}, file)


@pytest.mark.parametrize("kind", ["pipe", "link to nothing", "link to itself", "huge", "cut"])
def test_what_is_no_readable_file_is_named_and_never_waited_for(tmp_path: Path, kind: str) -> None:
    file = tmp_path / ".env"
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "huge":
        file.write_bytes(b"#" * 1_000_001)
    elif kind == "cut":
        file.write_bytes(b"\xff\xfeA\0=\0\xd8")
    else:
        file.symlink_to(file if kind == "link to itself" else tmp_path / "nothing")
    with pytest.raises(SettingsError, match=r"\.env"):
        read_settings({}, file)


@pytest.mark.parametrize("bad", ["missing.env", "."])
def test_a_named_file_that_is_none_is_an_error(tmp_path: Path, bad: str) -> None:
    with pytest.raises(SettingsError, match="Nothing was started"):
        read_settings({}, named=tmp_path / bad)


def test_nothing_in_a_file_is_filled_in(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("HALF=canary\nEMNIFY_APPLICATION_TOKEN=${HALF}-token\n")
    settings = read_settings({"HALF": "other"}, file)
    assert settings.application_token is None
    assert "placeholder" in (settings.token_fault or "")
