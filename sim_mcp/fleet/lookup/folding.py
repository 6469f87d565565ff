"""How names are compared, in the whole product. Pure."""

import unicodedata

from sim_mcp.sanitize import visible

_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "\u0131": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
"""Letters that Unicode does not take apart into one that is typed without accents and a mark."""


def fold(text: str) -> str:
    """Return a name for comparison: whatever its case, however its accents are encoded, without invisible characters.

    Answers show names without their invisible characters, on one line and with single quotes for double ones, and what
    they show has to be found again.
    """
    seen = " ".join(visible(text).split()).replace('"', "'")
    if seen.isascii():
        return seen.casefold()
    # A capital İ folds to an i with a second dot, which nobody types.
    return unicodedata.normalize("NFC", seen).casefold().replace("i\u0307", "i")


def fold_accents(text: str) -> str:
    """Return a name for a search: as `fold`, and without accents.

    To choose what is changed it is too wide: there, "Koln" and "Köln" are two names.
    """
    folded = fold(text)
    if folded.isascii():
        return folded
    apart = unicodedata.normalize("NFKD", folded)
    # Of some letters it is only the compatible form that has case.
    bare = "".join(char for char in apart if not unicodedata.combining(char)).casefold().translate(_LETTERS)
    return " ".join(bare.split())


def holds_words(name: str, text: str) -> bool:
    """Tell whether a name holds all words of a text, or parts of words, in any order, case and accents."""
    folded, words = fold_accents(name), fold_accents(text).split()
    return bool(words) and all(word in folded for word in words)
