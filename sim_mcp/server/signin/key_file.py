"""Keys that the operator gives out: kept as hashes in a file of the owner's, read again whenever it changed."""

import json
import logging
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sim_mcp.principal import Principal, Scope
from sim_mcp.private_files import OWNER_READS_WRITES, private_lock
from sim_mcp.settings import Settings
from sim_mcp.workspaces.grant import KEYS

log = logging.getLogger(__name__)

FILE = "keys.json"
_BEGINS = "simkey_"
_TURN_WITHIN_S = 5.0
"""Far longer than another one writes; where no lock can be made at all, waiting does not help."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,59}$")]


class KeyFileError(Exception):
    """The file of keys cannot be used, or not in this way; the message says why and what to do."""


class Key(BaseModel):
    """A key that was given out: everything but the key itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    id: str = Field(min_length=8)
    """Never given twice, so that a later key of the same name does not own what an earlier one asked for."""
    name: Name
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    scopes: frozenset[Scope]
    workspaces: frozenset[str] | None = None
    added: datetime

    @property
    def principal(self) -> Principal:
        """Return who comes with the key."""
        return Principal(KEYS, self.id, self.name, frozenset(self.scopes), self.workspaces)


class _Content(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    keys: tuple[Key, ...] = ()


class KeyFile:
    """The keys that were given out and not taken back. It blocks, for as long as a small file takes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._version: tuple[int, ...] | None = None
        self._by_hash: dict[str, Key] = {}

    def keys(self) -> tuple[Key, ...]:
        """Return the keys, by name.

        Raises:
            KeyFileError: The file is damaged, or others than its owner may read it.
        """
        return tuple(sorted(self._read().keys, key=lambda key: key.name))

    def add(self, name: str, scopes: frozenset[Scope], workspaces: frozenset[str] | None = None) -> str:
        """Make a key and return it, which nothing can do a second time.

        Raises:
            KeyFileError: There is a key of that name, or the file cannot be used or written.
        """
        secret = _BEGINS + secrets.token_urlsafe(32)
        try:
            key = Key(
                id=secrets.token_hex(8),
                name=name,
                sha256=_hash(secret),
                scopes=scopes,
                workspaces=workspaces,
                added=datetime.now(UTC),
            )
        except ValidationError:
            raise KeyFileError(
                f"{name[:60]!r} is no name for a key: letters, digits and . _ @ - only, 60 at most. Nothing was added."
            ) from None
        with self._turn():
            known = self._read().keys
            if any(other.name == name for other in known):
                raise KeyFileError(
                    f"There is a key named {name} already, and nobody can be shown it again. Choose another name, or "
                    f"take it back first: sim-mcp keys remove {name}. Nothing was added."
                )
            self._write(_Content(keys=(*known, key)))
        return secret

    def remove(self, name: str) -> None:
        """Take a key back: from now on it opens nothing.

        Raises:
            KeyFileError: There is none of that name, or the file cannot be used or written.
        """
        with self._turn():
            known = self._read().keys
            left = tuple(key for key in known if key.name != name)
            if len(left) == len(known):
                names = ", ".join(sorted(key.name for key in known)) or "none"
                raise KeyFileError(f"There is no key named {name[:60]}; there are: {names}. Nothing was removed.")
            self._write(_Content(keys=left))

    def find(self, secret: str) -> Key | None:
        """Return the key that was given out, or None; a file that cannot be used holds none."""
        try:
            version = _version(self.path)
            if version != self._version:
                # Noted first: a file that is damaged is told of once, not at each request.
                self._version, self._by_hash = version, {}
                self._by_hash = {key.sha256: key for key in self._read().keys}
        except KeyFileError as error:
            log.warning("No key of the file is accepted. %s", error)
        return self._by_hash.get(_hash(secret)) if secret.startswith(_BEGINS) else None

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self.path.parent.is_dir():
            raise KeyFileError(
                f"There is no directory {self.path.parent} to keep keys in. Make it, or set SIM_MCP_KEYS."
            )
        try:
            with private_lock(self.path.with_name(f"{self.path.name}.lock"), timeout_s=_TURN_WITHIN_S):
                yield
        except OSError as error:
            why = error.strerror or str(error).rstrip(".")
            raise KeyFileError(f"{self.path} cannot be written: {why}. Nothing changed.") from None

    def _read(self) -> _Content:
        # Neither follow a link nor block on a named pipe.
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            with os.fdopen(os.open(self.path, flags), "rb") as opened:
                about = os.fstat(opened.fileno())
                raw = opened.read()
        except FileNotFoundError:
            return _Content()
        except OSError as error:
            raise KeyFileError(f"The keys in {self.path} cannot be read: {error.strerror or error}.") from None
        if os.name == "posix" and (about.st_mode & _OTHERS or about.st_uid != os.geteuid()):
            raise KeyFileError(
                f"{self.path} can be read or written by others than its owner, or is not this account's, so others "
                f"may have added keys. Look at what is in it, then chown it to this account and chmod 600 {self.path}."
            )
        try:
            return _Content.model_validate_json(raw)
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "it"
            raise KeyFileError(
                f"{self.path} cannot be understood ({where}: {error.errors()[0]['msg']}). Mend it, or remove it and "
                "add the keys anew: sim-mcp keys add NAME."
            ) from None

    def _write(self, content: _Content) -> None:
        temporary = self.path.with_name(f"{self.path.name}.{secrets.token_hex(8)}")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_READS_WRITES)
            with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
                json.dump(content.model_dump(mode="json", exclude_none=True), opened, indent=1)
                opened.flush()
                os.fsync(opened.fileno())
            temporary.replace(self.path)
        finally:
            temporary.unlink(missing_ok=True)


def key_file(settings: Settings) -> KeyFile:
    """Return the file of keys: the one that the operator names, or the one in the state directory.

    Raises:
        KeyFileError: There is no state directory.
    """
    try:
        return KeyFile(settings.keys_file or settings.state_directory().absolute() / FILE)
    except OSError as error:
        raise KeyFileError(
            f"There is no place to keep keys in ({error}). Set SIM_MCP_STATE_DIR, or SIM_MCP_KEYS."
        ) from None


def _hash(secret: str) -> str:
    # Keys are random and long: there is nothing to guess, which a slow hash would make harder.
    return sha256(secret.encode(errors="surrogatepass")).hexdigest()


def _version(file: Path) -> tuple[int, ...] | None:
    """Return what differs once a file was written or replaced, or None where there is none."""
    try:
        about = file.lstat()
    except OSError:
        return None
    return about.st_ino, about.st_mtime_ns, about.st_size, about.st_mode
