"""The keys that callers' own tokens are sealed with: from a variable, a file that may be replaced, or a command."""

import shlex
from pathlib import Path

from sim_mcp.private_files import read_plain_file, version_of
from sim_mcp.sealing import KeyRing
from sim_mcp.settings import Settings
from sim_mcp.workspaces.token_source import TokenUnavailableError, run_for_secret

_LONGEST = 16_384
_VARIABLES = "SIM_MCP_TOKEN_KEYS, SIM_MCP_TOKEN_KEYS_FILE or SIM_MCP_TOKEN_KEYS_COMMAND"


class TokenKeysError(Exception):
    """There are no keys to be had; the message says why, and shows none."""


class TokenKeys:
    """The operator's keys."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ring: KeyRing | None = None
        self._version: tuple[int, ...] | None = None

    async def read(self) -> KeyRing:
        """Return the keys; a file is read again when it was changed.

        Raises:
            TokenKeysError: There are none, or what is there are no keys.
        """
        file = self._settings.token_keys_file
        version = None if file is None else version_of(file)
        if self._ring is None or version != self._version:
            self._ring, self._version = await self._read(file), version
        return self._ring

    async def _read(self, file: Path | None) -> KeyRing:
        try:
            return KeyRing.parse(await self._text(file))
        except TokenUnavailableError as error:
            raise TokenKeysError(str(error)) from None
        except ValueError as error:
            raise TokenKeysError(f"The keys of callers' tokens ({_VARIABLES}) cannot be used: {error}") from None

    async def _text(self, file: Path | None) -> str:
        settings = self._settings
        if file is not None:
            try:
                raw = read_plain_file(file, _LONGEST)
            except OSError as error:
                raise TokenKeysError(f"SIM_MCP_TOKEN_KEYS_FILE: {file} cannot be read ({error.strerror})") from None
            if raw is None or len(raw) > _LONGEST:
                raise TokenKeysError(f"SIM_MCP_TOKEN_KEYS_FILE: {file} is no file of keys")
            return raw.decode("utf-8-sig")
        if settings.token_keys_command is not None:
            command = shlex.split(settings.token_keys_command)
            if not command:
                raise TokenKeysError("SIM_MCP_TOKEN_KEYS_COMMAND is empty")
            return (await run_for_secret(command, f"SIM_MCP_TOKEN_KEYS_COMMAND ({Path(command[0]).name})")).decode()
        if settings.token_keys is not None:
            return settings.token_keys.get_secret_value()
        raise TokenKeysError(f"Callers' own tokens are kept sealed, and there is no key: set {_VARIABLES}")
