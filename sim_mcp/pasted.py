"""Mistakes in pasting a token, reported by their kind; the token is neither sent nor repeated."""

import re
import unicodedata
from collections.abc import Callable

_INVISIBLE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs"})
_PLACEHOLDER = re.compile(r".*\$\{.*|\$\(.*|\$\w+|%\w+%|\{.*\}|<.*>|…|\.{3,}|[x*]{3,}", re.IGNORECASE | re.DOTALL)
_EXAMPLE = re.compile(
    r"((your|my|the|an?) )?((emnify|application|app|api|access) )*(token|key)( here)?|change ?me|todo"
)
_PREFIX = re.compile(r"(bearer|token|authorization|emnify_application_token)\s*[:=\s]", re.IGNORECASE)
_FITS = re.compile(r"[A-Za-z0-9._~+/=:|-]+")


def paste_fault(token: str) -> str | None:
    """Return what is wrong with a pasted token, without repeating any of it; None where it looks right."""
    return next((fault for matches, fault in _FAULTS if matches(token)), None)


def _is_quoted(token: str) -> bool:
    return any(
        char in "\"'`" or (not char.isascii() and unicodedata.category(char) in {"Pi", "Pf", "Ps"})
        for char in (token[0], token[-1])
    )


def _is_placeholder(token: str) -> bool:
    words = re.sub(r"[\s_-]+", " ", token.casefold())
    return _PLACEHOLDER.fullmatch(token) is not None or _EXAMPLE.fullmatch(words) is not None


_FAULTS: tuple[tuple[Callable[[str], object], str], ...] = (
    (lambda token: re.search(r"[^\S ]", token), "it has a line break, a tab or an odd blank in it"),
    (
        lambda token: any(unicodedata.category(char) in _INVISIBLE for char in token),
        "it has an invisible character in it, such as a byte order mark",
    ),
    (_is_placeholder, "it is a placeholder that nobody filled in"),
    (_is_quoted, "it is in quotation marks"),
    (_PREFIX.match, "it begins with a word that is not part of it, such as Bearer"),
    (lambda token: " " in token, "it has a blank in it"),
    (lambda token: not _FITS.fullmatch(token), "it has a character in it that no token has"),
)
