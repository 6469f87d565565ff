"""Where the token of a workspace comes from: read again when it may be another, and never told."""

import os
import sys
from pathlib import Path

import pytest

from sim_mcp.logs import without_secrets
from sim_mcp.workspaces.token_source import CommandToken, FileToken, TokenUnavailableError

CANARY = "canary-0123456789abcdef"


async def test_a_file_is_read_again_when_it_was_written_or_replaced(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first-0123456789\n")
    source = FileToken(file)
    assert not source.may_have_changed()
    assert (await source.read()).get_secret_value() == "first-0123456789"
    assert not source.may_have_changed()
    (tmp_path / "new").write_text(f"\ufeff{CANARY}\r\n")
    (tmp_path / "new").replace(file)
    assert source.may_have_changed()
    assert (await source.read()).get_secret_value() == CANARY
    assert not source.may_have_changed()
    assert CANARY not in without_secrets(f"a line with {CANARY}")


async def test_a_link_that_is_turned_to_another_file_is_noticed(tmp_path: Path) -> None:
    """As the secrets of a container are replaced."""
    for name in ("first", "second"):
        (tmp_path / name).write_text(f"{name}-0123456789")
    (tmp_path / "token").symlink_to("first")
    source = FileToken(tmp_path / "token")
    await source.read()
    (tmp_path / "turned").symlink_to("second")
    (tmp_path / "turned").replace(tmp_path / "token")
    assert source.may_have_changed()
    assert (await source.read()).get_secret_value() == "second-0123456789"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (f"Bearer {CANARY}".encode(), "such as Bearer"),
        (f"{CANARY}\n{CANARY}".encode(), "line break"),
        (b"\xff\xfe\xfa", "not text"),
        (CANARY.encode() * 1000, "too long"),
    ],
)
async def test_what_is_no_token_is_told_by_its_kind(tmp_path: Path, content: bytes, why: str) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(TokenUnavailableError, match=why) as told:
        await FileToken(file).read()
    assert CANARY not in str(told.value)
    assert str(file) in str(told.value)


async def test_a_file_that_is_gone_or_a_pipe_is_told(tmp_path: Path) -> None:
    with pytest.raises(TokenUnavailableError, match="No such file"):
        await FileToken(tmp_path / "none").read()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TokenUnavailableError, match="is no file"):
        await FileToken(tmp_path / "pipe").read()


def printing(script: str) -> list[str]:
    return [sys.executable, "-c", script]


async def test_a_command_is_run_again_after_a_while_and_not_for_each_call(tmp_path: Path) -> None:
    counting = f"import pathlib; f = pathlib.Path({str(tmp_path / 'n')!r}); f.open('a').write('x'); "
    now = [0.0]
    source = CommandToken(
        printing(f"{counting}print('token-0123456789-' + str(len(f.read_text())))"), clock=lambda: now[0]
    )
    assert (await source.read()).get_secret_value() == "token-0123456789-1"
    now[0] = 29.0
    assert (await source.read()).get_secret_value() == "token-0123456789-1"
    now[0] = 31.0
    assert (await source.read()).get_secret_value() == "token-0123456789-2"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (f"import sys; print({CANARY!r}); print({CANARY!r}, file=sys.stderr); sys.exit(3)", "exit code 3"),
        ("pass", "it is empty"),
        (f"print({CANARY!r} + ' ' + {CANARY!r})", "a blank"),
    ],
)
async def test_what_a_failing_command_says_is_not_repeated(
    script: str, why: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(TokenUnavailableError, match=why) as told:
        await CommandToken(printing(script)).read()
    assert CANARY not in str(told.value)
    assert CANARY not in "".join(capfd.readouterr())


async def test_a_command_that_is_not_there_is_told() -> None:
    with pytest.raises(TokenUnavailableError, match=r"token_command \(no-such-command\) cannot be started"):
        await CommandToken(["no-such-command", CANARY]).read()
