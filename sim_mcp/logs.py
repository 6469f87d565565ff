"""Log to stderr without secrets: tokens, keys, and approval links.

Libraries log whole messages through handlers of their own, so the log record itself removes the secrets.
"""

import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType

import click
from pydantic import SecretStr

_MASK = "…"
_MIN_LENGTH = 8
_SECRET = re.compile(
    r"(?P<prefix>/approve/|\bBearer\s+)[\w.~+/=-]{%d,}" % _MIN_LENGTH  # noqa: UP031  # braces that stay.
    + r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*",
    re.IGNORECASE,
)
_TOLD_APART = ("tool", "outcome", "operation", "status", "took_ms", "emnify_request")
"""What a line says besides its message, in fields of its own where the log is JSON."""

_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

_registered: set[str] = set()
_fields: ContextVar[Mapping[str, str]] = ContextVar("fields", default=MappingProxyType({}))


def log_to_stderr(level: str, application_token: SecretStr | None, *, as_json: bool = False) -> None:
    """Send all logging to stderr, since stdout carries the protocol."""
    if application_token is not None:
        hide(application_token.get_secret_value())
    logging.setLogRecordFactory(_MaskingRecord)
    # Otherwise logging prints the raw arguments of a record that it fails to write.
    logging.raiseExceptions = False
    stderr = logging.StreamHandler(sys.stderr)
    stderr.setFormatter(TextLines(_TEXT))
    logging.basicConfig(level=level, handlers=[stderr])
    if as_json:
        for handler in logging.getLogger().handlers:
            handler.setFormatter(JsonLines())
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


@contextmanager
def logging_with(fields: Mapping[str, str]) -> Iterator[None]:
    """Within the block, and in tasks started there, add fields to every line of a log in JSON."""
    before = _fields.set({**_fields.get(), **fields})
    try:
        yield
    finally:
        _fields.reset(before)


def tell(text: str) -> None:
    """Tell the operator something on stderr at any level, in the form of the log where that is JSON."""
    log = logging.getLogger(__name__)
    if logs_json():
        logging.getLogger().handle(log.makeRecord(log.name, logging.INFO, __file__, 0, text, (), None))
    else:
        click.echo(text, err=True)


def logs_json() -> bool:
    """Tell whether the log is JSON."""
    return any(isinstance(handler.formatter, JsonLines) for handler in logging.getLogger().handlers)


class TextLines(logging.Formatter):
    """Write each record as a line that ends with the workspace it is about, where there are several."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name.
        """Return the line, without what follows it."""
        workspace = _fields.get().get("workspace")
        line = super().formatMessage(record)
        return line if workspace is None else f"{line} (workspace {workspace})"


class JsonLines(logging.Formatter):
    """Write each record as one line of JSON, without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_fields.get(),
        }
        line |= {name: record.__dict__[name] for name in _TOLD_APART if record.__dict__.get(name) is not None}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        return without_secrets(json.dumps(line, ensure_ascii=False, default=str))


class _MaskingRecord(logging.LogRecord):
    """Mask secrets in the message and in the traceback, for every handler."""

    def getMessage(self) -> str:  # noqa: N802  # logging's name.
        return without_secrets(super().getMessage())

    def __setattr__(self, name: str, value: object) -> None:
        # Formatters cache the text of a traceback in these attributes.
        if name in ("exc_text", "stack_info") and isinstance(value, str):
            value = without_secrets(value)
        super().__setattr__(name, value)
