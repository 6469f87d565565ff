"""Read a `.env` file as a whole, or refuse it with the line that is wrong."""

import codecs
import io
import re
from collections.abc import Collection
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from sim_mcp.private_files import read_plain_file

_MAX_BYTES = 1_000_000
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
_LINE_END = re.compile(r"\r\n|\r|\n")
_OTHER_LINE_END = re.compile("[\v\f\x1c-\x1e\x85\u2028\u2029]")


class EnvFileError(Exception):
    """A file cannot be read; the message has the line but never its content, which may be a secret."""


def read_env_file(path: Path, ours: Collection[str]) -> dict[str, str]:
    """Return the variables that a file sets; nothing in them is expanded.

    Args:
        path: a file of lines `NAME=value`, in UTF-8, or in UTF-16 or UTF-32 with a byte order mark.
        ours: the names whose values are used, which must be set once and to one plain line.

    Raises:
        EnvFileError: It is not a readable file, or one of its lines is malformed or ambiguous.
    """
    found: dict[str, tuple[int, str]] = {}
    for binding in parse_stream(io.StringIO(_read_text(path), newline="")):
        if binding.key is None and not binding.error:
            continue
        line = _line_number(binding)
        if binding.error or binding.key is None or not _NAME.fullmatch(binding.key):
            raise EnvFileError(f"{path}, line {line}, is not NAME=value")
        name, value = binding.key, binding.value
        if name not in ours:
            found.setdefault(name, (line, value or ""))
            continue
        if name in found:
            raise EnvFileError(f"{path} sets {name} in line {found[name][0]} and again in line {line}")
        if value is None:
            raise EnvFileError(f"{path}, line {line}: {name} has no value; write {name}=value")
        if not value.isprintable():
            raise EnvFileError(f"{path}, line {line}: the value of {name} holds a line break or an invisible character")
        found[name] = (line, value)
    return {name: value for name, (_, value) in found.items()}


def _read_text(path: Path) -> str:
    try:
        read = read_plain_file(path, _MAX_BYTES)
    except OSError as error:
        raise EnvFileError(f"{path} cannot be read ({error.strerror or type(error).__name__})") from None
    if read is None:
        raise EnvFileError(f"{path} is no file that could be read for settings")
    if len(read) > _MAX_BYTES:
        raise EnvFileError(f"{path} is larger than a file of settings could be")
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if read.startswith(mark)), "utf-8")
    try:
        text = read.decode(encoding)
    except UnicodeDecodeError as error:
        line = 1 + len(_LINE_END.findall(read[: error.start].decode("latin-1")))
        where = f"{path}, line {line}," if encoding == "utf-8" else f"{path}"
        raise EnvFileError(f"{where} is not in {encoding.upper()}: save the file as UTF-8") from None
    if "\0" in text:
        raise EnvFileError(f"{path} is not in UTF-8 but looks like UTF-16 or UTF-32: save the file as UTF-8")
    if (odd := _OTHER_LINE_END.search(text)) is not None:
        line = 1 + len(_LINE_END.findall(text[: odd.start()]))
        raise EnvFileError(f"{path}, line {line}, ends in U+{ord(odd[0]):04X}: save the file with LF or CRLF line ends")
    return text


def _line_number(binding: Binding) -> int:
    """Return the line number of a setting: the parser's is that of the blank lines before it."""
    before = len(binding.original.string) - len(binding.original.string.lstrip())
    return binding.original.line + len(_LINE_END.findall(binding.original.string[:before]))
