"""Where the token of a workspace comes from: a variable, a file, or a command; read again when it may be another."""

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import anyio
from pydantic import SecretStr

from sim_mcp.logs import hide
from sim_mcp.pasted import paste_fault
from sim_mcp.private_files import read_plain_file, version_of

_LONGEST = 16_384
_COMMAND_TAKES_S = 20.0
_COMMAND_RESTS_S = 30.0
"""How long what a command said is taken for its word: many calls in a row do not start it as often."""


class TokenUnavailableError(Exception):
    """There is no token to be had; the message says why and what to do, and holds nothing secret."""


class TokenSource(Protocol):
    """Where a token comes from."""

    def may_have_changed(self) -> bool:
        """Tell at little cost whether the token may be another than the one that was read last."""

    async def read(self) -> SecretStr:
        """Return the token as it is now.

        Raises:
            TokenUnavailableError: There is none.
        """


class FixedToken:
    """A token that stays the same as long as the process lives."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def may_have_changed(self) -> bool:
        """Return False."""
        return False

    async def read(self) -> SecretStr:
        """Return the token."""
        return self._token


class FileToken:
    """The first line of a file, which may be replaced at any time."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._version: tuple[int, ...] | None = None

    def may_have_changed(self) -> bool:
        """Tell whether the file was written or replaced since it was read."""
        return self._version is not None and version_of(self._file) != self._version

    async def read(self) -> SecretStr:
        """Return the token as it is now.

        Raises:
            TokenUnavailableError: The file cannot be read, or holds no token.
        """
        # Noted first: what is written while it is read is read again.
        self._version = version_of(self._file) or ()
        return read_token_file(self._file)


class CommandToken:
    """What a command prints, such as that of a password store."""

    def __init__(self, command: Sequence[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._command = list(command)
        self._clock = clock
        self._read: SecretStr | None = None
        self._read_at = 0.0

    def may_have_changed(self) -> bool:
        """Return False: only running it would tell, and that is done when emnify wants another token."""
        return False

    async def read(self) -> SecretStr:
        """Return what the command prints, or printed within the last half minute.

        Raises:
            TokenUnavailableError: It cannot be started, fails, takes too long, or prints no token.
        """
        if self._read is None or self._clock() - self._read_at > _COMMAND_RESTS_S:
            self._read = await self._run()
            self._read_at = self._clock()
        return self._read

    async def _run(self) -> SecretStr:
        named = f"its token_command ({Path(self._command[0]).name})"
        return as_token(await run_for_secret(self._command, named), f"what {named} printed")


async def run_for_secret(command: Sequence[str], named: str) -> bytes:
    """Return what a command prints, such as that of a password store.

    Raises:
        TokenUnavailableError: It cannot be started, fails, or takes too long.
    """
    try:
        with anyio.fail_after(_COMMAND_TAKES_S):
            # What it says on stderr may be secret, and stdin belongs to the protocol.
            done = await anyio.run_process(command, check=False, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except TimeoutError:
        raise TokenUnavailableError(f"{named} did not end within {_COMMAND_TAKES_S:.0f} s") from None
    except OSError as error:
        raise TokenUnavailableError(f"{named} cannot be started ({error.strerror})") from None
    if done.returncode:
        raise TokenUnavailableError(f"{named} failed with exit code {done.returncode}")
    return done.stdout


def read_token_file(file: Path) -> SecretStr:
    """Return the token in a file.

    Raises:
        TokenUnavailableError: The file cannot be read, or holds no token.
    """
    try:
        raw = read_plain_file(file, _LONGEST)
    except OSError as error:
        raise TokenUnavailableError(f"its token_file {file} cannot be read ({error.strerror})") from None
    if raw is None:
        raise TokenUnavailableError(f"its token_file {file} is no file")
    return as_token(raw, f"what is in its token_file {file}")


def as_token(raw: bytes, what: str) -> SecretStr:
    """Return what was read as a token, which no log shows from now on.

    Raises:
        TokenUnavailableError: It cannot be one; none of it is repeated.
    """
    try:
        token = raw.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise TokenUnavailableError(f"{what} is no token: it is not text") from None
    if not token or len(token) > _LONGEST:
        raise TokenUnavailableError(f"{what} is no token: {'it is too long' if token else 'it is empty'}")
    hide(token)
    if (fault := paste_fault(token)) is not None:
        raise TokenUnavailableError(f"{what} is no token: {fault}")
    return SecretStr(token)
