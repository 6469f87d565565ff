"""How names are compared, in the whole product. Pure."""

import unicodedata

from sim_mcp.sanitize import visible

_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "\u0131": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
"""Letters that Unicode does not take apart into one that is typed without accents and a mark."""

_SHORTEST_CUT = 35
"""Characters that are left of a name where an answer cuts it; what is shorter was cut by somebody else."""


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


def is_called(name: str, said: str) -> bool:
    """Tell whether a name is the one that was said, whole or, where it is long, cut as an answer shows it."""
    folded, wanted = fold(name), fold(said)
    if folded == wanted:
        return True
    cut = wanted.removesuffix("…").rstrip()
    return wanted.endswith("…") and len(cut) >= _SHORTEST_CUT and len(folded) > len(cut) and folded.startswith(cut)


def holds_words(name: str, text: str) -> bool:
    """Tell whether a name holds all words of a text, or parts of words, in any order, case and accents."""
    folded, words = fold_accents(name), search_words(text)
    return bool(words) and all(word in folded for word in words)


def search_words(text: str) -> tuple[str, ...]:
    """Return the words to search for, without the dots where an answer cut a name."""
    return tuple(fold_accents(text.strip().removesuffix("…")).split())
