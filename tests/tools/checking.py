"""How the tests of answers look into them."""

from typing import Any

import bpe_openai


def tokens(text: str) -> int:
    return len(bpe_openai.get_encoding("o200k_base").encode(text))


def leaves(value: Any, name: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in leaves(inner, key)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner, name)]
    return [(name, value)]


def shown(name: str, value: Any, text: str) -> bool:
    plain = text.replace(",", "")
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".") in plain or f"{value:.2f}" in plain
    if name in {"page", "pages"} and value in (0, 1):
        return True
    return str(value).replace('"', "'").replace(",", "") in plain.replace('"', "'")
