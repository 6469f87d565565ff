"""Secrets sealed with AES-GCM, under keys of the operator's: each opens only for whom and what it was sealed for."""

import binascii
import json
import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import NamedTuple, Self

KEY_BYTES = 32
_NONCE_BYTES = 12
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_HOW_TO_MAKE_ONE = 'echo "$(date +%Y-%m):$(openssl rand -base64 32)" makes one'


class SealError(Exception):
    """What was sealed does not open: its key is gone, or it was changed, or sealed for somebody else."""


class Sealed(NamedTuple):
    """A sealed secret: the id of its key, then nonce and ciphertext, in base64."""

    key: str
    body: str


class KeyRing:
    """The keys: the first one seals, all of them open."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)
        self.first = next(iter(self._keys))
        """The id of the key that seals."""

    def __repr__(self) -> str:
        """Name the keys, and show none."""
        return f"KeyRing({', '.join(self._keys)})"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read keys, each `ID:KEY` with the key as 32 bytes in base64, between blanks, commas or line ends.

        Raises:
            ValueError: There is none, or one is no key; none of it is repeated.
        """
        found: dict[str, bytes] = {}
        for number, entry in enumerate(text.replace(",", " ").split(), 1):
            name, colon, encoded = entry.partition(":")
            if not (colon and _ID.fullmatch(name)):
                raise ValueError(f"key {number} is not ID:KEY, where ID has letters, digits, ., _ and - only")
            try:
                key = b64decode(encoded, validate=True)
            except binascii.Error:
                key = b""
            if len(key) != KEY_BYTES:
                raise ValueError(f"the key {name} is not {KEY_BYTES} bytes in base64: {_HOW_TO_MAKE_ONE}")
            if name in found:
                raise ValueError(f"two keys are called {name}")
            found[name] = key
        if not found:
            raise ValueError(f"there is no key: {_HOW_TO_MAKE_ONE}")
        return cls(found)

    def seal(self, secret: str, about: tuple[str, ...]) -> Sealed:
        """Seal a secret with the first key, for what it is about and nothing else."""
        # Loaded only where something is sealed.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        nonce = secrets.token_bytes(_NONCE_BYTES)
        ciphertext = AESGCM(self._keys[self.first]).encrypt(nonce, secret.encode(), _associated(about))
        return Sealed(self.first, b64encode(nonce + ciphertext).decode())

    def open(self, sealed: Sealed, about: tuple[str, ...]) -> str:
        """Return the secret.

        Raises:
            SealError: Its key is not on the ring, or it was not sealed for this.
        """
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        key = self._keys.get(sealed.key)
        if key is None:
            raise SealError(f"it was sealed with the key {sealed.key[:40]!r}, which this server does not have")
        try:
            raw = b64decode(sealed.body, validate=True)
            return AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _associated(about)).decode()
        except (InvalidTag, ValueError):
            raise SealError("it was changed, or sealed for somebody else") from None


def _associated(about: tuple[str, ...]) -> bytes:
    return json.dumps(about, ensure_ascii=False).encode()
