"""The log on stderr, without secrets: who holds one can say yes for a person, or act for the account.

Libraries log whole messages, each with a handler of its own, so the record of each line is what leaves them out.
"""

import logging
import re
import sys

from pydantic import SecretStr

_HIDDEN = "…"
_SHORTEST = 8
_SECRET = re.compile(
    r"(?P<shown>/approve/|\bBearer\s+)[\w.~+/=-]{%d,}" % _SHORTEST  # noqa: UP031  # braces that stay.
    + r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*",
    re.IGNORECASE,
)
_registered: set[str] = set()


def log_to_stderr(level: str, application_token: SecretStr | None) -> None:
    """Log to stderr from now on, whoever logs; stdout is the wire."""
    if application_token is not None:
        hide(application_token.get_secret_value())
    logging.setLogRecordFactory(_Discreet)
    # A line that cannot be written would be printed with all that it was made of.
    logging.raiseExceptions = False
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # It announces each retry in words that name nothing; the client's own log says what was tried again.
    logging.getLogger("stamina").setLevel(logging.ERROR)


def hide(secret: str) -> None:
    """Leave a secret out of every line from now on."""
    if len(secret) >= _SHORTEST:
        _registered.add(secret)


def without_secrets(text: str) -> str:
    """Return a text without approval links, tokens, and what was registered."""
    for secret in _registered:
        text = text.replace(secret, _HIDDEN)
    return _SECRET.sub(lambda found: f"{found['shown'] or ''}{_HIDDEN}", text)


class _Discreet(logging.LogRecord):
    """Tell nothing secret, whichever handler asks."""

    def getMessage(self) -> str:  # noqa: N802  # logging's name.
        return without_secrets(super().getMessage())

    def __setattr__(self, name: str, value: object) -> None:
        # What a formatter made of a traceback is put here before it is written.
        if name in ("exc_text", "stack_info") and isinstance(value, str):
            value = without_secrets(value)
        super().__setattr__(name, value)
