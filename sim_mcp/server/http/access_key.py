"""The bearer key of the HTTP server: created once, kept in a file that only its owner can read."""

import os
import re
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from sim_mcp.logs import hide
from sim_mcp.settings import Settings

FILE = "http-key"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_USABLE = re.compile(r"[A-Za-z0-9._~+/=-]{32,512}")
_LONGEST = 1024
_WITHOUT = "or serve without a key (--no-key), where every program on this machine may then ask"


class AccessKeyError(Exception):
    """No usable key; the message says why and what to do."""


@dataclass(frozen=True)
class AccessKey:
    """The secret that clients send as a bearer token, and the file that holds it."""

    secret: SecretStr
    file: Path


def access_key(settings: Settings) -> AccessKey:
    """Return the key in the state directory, creating it if there is none.

    Servers that start at the same moment create and share one.

    Raises:
        AccessKeyError: The file cannot be written, is damaged, or is readable by others.
    """
    try:
        file = settings.state_directory().absolute() / FILE
        return AccessKey(SecretStr(kept_secret(file)), file)
    except OSError as error:
        place = error.filename or settings.state_dir or "the user's state directory"
        raise AccessKeyError(
            f"The key of the HTTP server cannot be kept: {place}: {error.strerror or error}. Set SIM_MCP_STATE_DIR "
            f"to a directory that exists and can be written to, {_WITHOUT}. Nothing was started."
        ) from None


def kept_secret(file: Path) -> str:
    """Return the secret in a file, creating it if there is none, and mask it in every log line.

    Raises:
        AccessKeyError: The file is damaged, or is readable by others.
        OSError: It cannot be read or written.
    """
    if not file.exists():
        _make(file)
    secret = _read(file)
    hide(secret)
    return secret


def _make(file: Path) -> None:
    """Write a new key to a temporary file and link it into place, unless another server was faster."""
    temporary = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as opened:
            opened.write(secrets.token_urlsafe(32) + "\n")
            opened.flush()
            os.fsync(opened.fileno())
        with suppress(FileExistsError):
            os.link(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def _read(file: Path) -> str:
    # Neither follow a link nor block on a named pipe.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with os.fdopen(os.open(file, flags), "rb") as opened:
        about = os.fstat(opened.fileno())
        text = opened.read(_LONGEST).decode("ascii", errors="replace").strip()
    if not stat.S_ISREG(about.st_mode) or not _USABLE.fullmatch(text):
        raise AccessKeyError(
            f"{file} holds no key that could be used. Delete it: the next start makes a new one, which clients then "
            "have to be given. Nothing was started."
        )
    if os.name == "posix" and (about.st_mode & _OTHERS or about.st_uid != os.geteuid()):
        raise AccessKeyError(
            f"The key in {file} can be read by others than its owner, or is not this account's, so others may know "
            "it. Delete it: the next start makes a new one, which clients then have to be given; or, if nobody else "
            f"can have read it, chown it to this account and chmod 600 {file}. Nothing was started."
        )
    return text
