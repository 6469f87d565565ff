"""What became of a write, judged by emnify's answer and by reading back. Pure."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from sim_mcp.changes.item import PlannedItem
from sim_mcp.emnify import AuthenticationError, EmnifyError, UnreachableError

OutcomeKind = Literal["changed", "already", "refused", "moved", "failed", "unknown", "dropped"]
"""Moved: it changed after the plan was made. Dropped: it was not sent, because the approval no longer holds."""


@dataclass(frozen=True)
class Outcome:
    """What became of one item of a plan."""

    kind: OutcomeKind
    before: str
    after: str
    note: str
    request: str | None = None
    """emnify's id of the request that was sent, by which its support can find it."""
    sims: int | None = None
    """How many SIMs it is about, where the item is a batch and that is known."""


@dataclass(frozen=True)
class Answer:
    """How emnify answered a write, before anything was read back: why it is in doubt, if it is."""

    request: str | None
    doubt: str | None = None


class Sent(NamedTuple):
    """A write that was sent: why its effect is in doubt, if it is, and emnify's id of the request."""

    doubt: str | None = None
    request: str | None = None
    refused: bool = False
    """Whether emnify said no."""
    sims: tuple[int, ...] = ()
    """Ids of the SIMs that emnify named in its answer, where it names any."""


UNCONFIRMED = Sent("it was sent before, and the answer is not on record")


def sent_before(answer: Answer | None) -> Sent:
    """Return a write of an earlier run, as far as the journal has its answer."""
    return UNCONFIRMED if answer is None else Sent(answer.doubt, answer.request)


def judge_read_back(item: PlannedItem, after: str, sent: Sent, *, done: bool) -> Outcome:
    """Judge a write by what the SIM reads right after it.

    A SIM that is not as wanted yet may follow late, unless emnify refused the write.
    """
    if done:
        note = "read back: done" if sent.doubt is None else f"{sent.doubt}; read back: it is done"
        return Outcome("changed", item.before, after, note, sent.request)
    if sent.refused:
        return Outcome("refused", item.before, after, f"{sent.doubt}; read back: nothing changed", sent.request)
    note = (
        f"{sent.doubt or 'emnify accepted it'}, but it still reads {after}; it may follow late and is not sent again, "
        "so look before repeating"
    )
    return Outcome("unknown", item.before, after, note, sent.request)


def judge_read_again(item: PlannedItem, after: str, first: Outcome, *, done: bool) -> Outcome:
    """Judge a write that was left in doubt by what the SIM reads later."""
    if done:
        note = f"read again: it is {after} now, so it followed late"
        return Outcome("changed", item.before, after, note, first.request)
    note = f"read again: it still reads {after}; it may follow late and is not sent again"
    return Outcome("unknown", item.before, after, note, first.request)


def unread(item: PlannedItem, sent: Sent, error: EmnifyError) -> Outcome:
    """Return the outcome of a write that could not be read back."""
    known = sent.doubt or "emnify accepted it"
    note = f"{known}, but reading back failed ({error}); it is read again by whoever looks next"
    return Outcome("unknown", item.before, "unknown", note, sent.request)


def failed(item: PlannedItem, note: str, request: str | None = None) -> Outcome:
    """Return the outcome of a write that emnify did not act upon."""
    return Outcome("failed", item.before, item.before, f"{note}; nothing changed", request)


def fatal_reason(error: EmnifyError) -> str | None:
    """Return why the remaining SIMs would fail alike, or None where they may not."""
    if isinstance(error, AuthenticationError):
        return "emnify no longer accepts the token"
    if isinstance(error, UnreachableError):
        return "emnify cannot be reached"
    return None
