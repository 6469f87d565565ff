"""Why a name leads to no single SIM, in words: what was tried, what is similar, and what to do."""

from collections.abc import Sequence

from sim_mcp.emnify import Sim
from sim_mcp.emnify.identifiers import ICCID_LENGTH, PRINTED_ICCID_LENGTH, typed_number
from sim_mcp.sanitize import fence, quoted

MAX_CANDIDATES = 10
MAX_SUGGESTIONS = 5
_LOST_FROM = 15
"""Digits that a spreadsheet keeps; it writes noughts for the others."""


class LookupFailedError(Exception):
    """A name does not lead to exactly one SIM; the message says what was tried and what to do."""


class SimNotFoundError(LookupFailedError):
    """No SIM has that name; the message lists similar ones."""

    def __init__(
        self, name: str, tried: Sequence[str], similar: Sequence[Sim] = (), hint: str = "", near: Sequence[Sim] = ()
    ) -> None:
        message = f"No SIM found for {quoted(name)}. Searched as {', '.join(tried)}."
        # Where SIMs are listed, they are the advice.
        why = hint or (number_fault(name) if similar or near else _hint_nothing(name))
        super().__init__(" ".join(filter(None, [message, why, list_similar(similar, near)])))


class MisreadNumberError(LookupFailedError):
    """A number cannot be right; the message lists SIMs whose number is nearly the same."""

    def __init__(self, why: str, near: Sequence[Sim]) -> None:
        super().__init__(f"{why}. {list_similar((), near)}".strip())


class AmbiguousSimError(LookupFailedError):
    """Several SIMs have that name, and none is guessed."""

    def __init__(self, name: str, candidates: Sequence[Sim]) -> None:
        many = f"More than {MAX_CANDIDATES}" if len(candidates) > MAX_CANDIDATES else len(candidates)
        super().__init__(
            f"{many} SIMs go by {quoted(name)}. Ask which is meant and name it by its ICCID:\n"
            f"{_format_sims(candidates[:MAX_CANDIDATES])}"
        )


def number_fault(text: str) -> str | None:
    """Return what is wrong with a number that no SIM has, as far as its digits show it; "" for nothing, None for words.

    A hint has to fit what failed: in a word no digit is wrong.
    """
    digits = typed_number(text)
    if digits is None and (not any(map(str.isdecimal, text)) or any(map(str.isalpha, text))):
        return None
    size = len(digits or "")
    if digits and size in (ICCID_LENGTH, PRINTED_ICCID_LENGTH) and not digits[_LOST_FROM:].strip("0"):
        return "It ends in noughts, as where a spreadsheet lost the last digits: take it from its source again."
    if size == ICCID_LENGTH - 1:
        return f"It has {size} digits, one fewer than an ICCID."
    if size == PRINTED_ICCID_LENGTH + 1:
        return f"It has {size} digits, one more than an ICCID with its check digit."
    return ""


def _hint_nothing(text: str) -> str:
    fault = number_fault(text)
    if fault is None:
        return "find_sims looks for words, in any order, in names of devices, tags and organisations."
    return fault or "Compare the digits, or look for a part of them with find_sims."


def list_similar(similar: Sequence[Sim], near: Sequence[Sim]) -> str:
    """Return the SIMs that hold what was given, and those whose number is nearly the same."""
    parts = []
    if near:
        one = "This one has" if len(near) == 1 else "These have"
        parts.append(
            f"{one} nearly that number, a digit or two apart; check them against the card, none was chosen:\n"
            f"{_format_sims(near[:MAX_SUGGESTIONS])}"
        )
    others = [sim for sim in similar if sim not in near]
    if others:
        parts.append(f"Did you mean one of these?\n{_format_sims(others[:MAX_SUGGESTIONS])}")
    return "\n".join(parts)


def _format_sims(sims: Sequence[Sim]) -> str:
    rows = [
        f"{sim.printed_iccid or f'id {sim.id}'} {sim.known_status.label if sim.known_status is not None else ''}"
        f"{f' {quoted(sim.device.name, 60)}' if sim.device else ' no device'}"
        for sim in sims
    ]
    return fence("\n".join(rows))
