"""Paths that an operator chooses: one rule for all of them."""

import re
from pathlib import Path

_PLACEHOLDER = re.compile(r"\$\{[^}]*\}|\$\(|\$[A-Za-z_]\w*|%\w+%")


def whole_path(text: str) -> Path:
    """Return the path that is meant: a whole one, or one that starts with ~, the home directory, as in a shell.

    Who starts a server decides its working directory, so what a relative path means would be anybody's guess.

    Raises:
        ValueError: The path is relative, or holds a variable that nothing fills in here.
    """
    text = text.strip()
    if (placeholder := _PLACEHOLDER.search(text)) is not None:
        raise ValueError(f"holds {placeholder[0]}, which is not filled in here: write the path out")
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise ValueError("starts with the home directory of a user who is not known here: write the path out") from None
    if not path.is_absolute():
        raise ValueError(f"must be a whole path, such as {Path.cwd() / path}")
    return path
