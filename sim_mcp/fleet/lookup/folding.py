"""How names are compared, in the whole product. Pure."""

import unicodedata

from sim_mcp.sanitize import visible


def fold(text: str) -> str:
    """Return a name for comparison: whatever its case, however its accents are encoded, without invisible characters.

    Answers show names without their invisible characters, and what they show has to be found again.
    """
    seen = " ".join(visible(text).split())
    if seen.isascii():
        return seen.casefold()
    # A capital İ folds to an i with a second dot, which nobody types.
    return unicodedata.normalize("NFC", seen).casefold().replace("i\u0307", "i")
