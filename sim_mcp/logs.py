"""Log to stderr without secrets: tokens, keys, and approval links.

Libraries log whole messages through handlers of their own, so the log record itself removes the secrets.
"""

import logging
import re
import sys

from pydantic import SecretStr

_MASK = "…"
_MIN_LENGTH = 8
_SECRET = re.compile(
    r"(?P<prefix>/approve/|\bBearer\s+)[\w.~+/=-]{%d,}" % _MIN_LENGTH  # noqa: UP031  # braces that stay.
    + r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*",
    re.IGNORECASE,
)
_registered: set[str] = set()


def log_to_stderr(level: str, application_token: SecretStr | None) -> None:
    """Send all logging to stderr, since stdout carries the protocol."""
    if application_token is not None:
        hide(application_token.get_secret_value())
    logging.setLogRecordFactory(_MaskingRecord)
    # Otherwise logging prints the raw arguments of a record that it fails to write.
    logging.raiseExceptions = False
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # It logs each retry without saying of what; the client logs that itself.
    logging.getLogger("stamina").setLevel(logging.ERROR)
    # The client logs each request itself, by its operation and without the address.
    for library in ("httpx", "httpcore"):
        logging.getLogger(library).setLevel(logging.WARNING)


def hide(secret: str) -> None:
    """Mask a secret in every log line from now on."""
    if len(secret) >= _MIN_LENGTH:
        _registered.add(secret)


def without_secrets(text: str) -> str:
    """Return a text with approval links, bearer tokens, JWTs and registered secrets masked."""
    for secret in _registered:
        text = text.replace(secret, _MASK)
    return _SECRET.sub(lambda found: f"{found['prefix'] or ''}{_MASK}", text)


class _MaskingRecord(logging.LogRecord):
    """Mask secrets in the message and in the traceback, for every handler."""

    def getMessage(self) -> str:  # noqa: N802  # logging's name.
        return without_secrets(super().getMessage())

    def __setattr__(self, name: str, value: object) -> None:
        # Formatters cache the text of a traceback in these attributes.
        if name in ("exc_text", "stack_info") and isinstance(value, str):
            value = without_secrets(value)
        super().__setattr__(name, value)
