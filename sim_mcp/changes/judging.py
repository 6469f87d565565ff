"""What became of a write, judged by its answer and by reading back. Pure."""

from typing import NamedTuple

from sim_mcp.changes.plan import (
    Assign,
    Change,
    Delete,
    Planned,
    SetStatus,
    organisation_in,
    same_organisation,
    state_of,
)
from sim_mcp.changes.record.entries import Answer, Outcome
from sim_mcp.emnify import AuthenticationError, EmnifyError, Sim, SimStatus, UnreachableError


class Sent(NamedTuple):
    """How a write was answered: why it is in doubt, if it is, emnify's id of the request, and whether it said no."""

    doubt: str | None = None
    request: str | None = None
    refused: bool = False


LOST = Sent("it was sent before, and the answer is not on record")


def sent_before(answer: Answer | None) -> Sent:
    """Return how a write of an earlier run was answered, as far as the record has it."""
    return LOST if answer is None else Sent(answer.doubt, answer.request)


def read_back(change: Change, item: Planned, now: Sim | None, sent: Sent) -> Outcome:
    """Judge a write by what is so now; what is not as wanted may follow late, unless emnify said no."""
    doubt = sent.doubt
    after = reading_of(change, now)
    if is_done(change, now):
        note = "read back: done" if doubt is None else f"{doubt}; read back: it is done"
        return Outcome("changed", item.before, after, note, sent.request)
    if sent.refused:
        return Outcome("refused", item.before, after, f"{doubt}; read back: nothing changed", sent.request)
    note = (
        f"{doubt or 'emnify accepted it'}, but it still reads {after}; it may follow late and is not sent again, "
        "so look before repeating"
    )
    return Outcome("unknown", item.before, after, note, sent.request)


def read_later(change: Change, item: Planned, now: Sim | None, first: Outcome) -> Outcome:
    """Judge a SIM in doubt by what it reads later."""
    after = reading_of(change, now)
    if is_done(change, now):
        note = f"read again: it is {after} now, so it followed late"
        return Outcome("changed", item.before, after, note, first.request)
    note = f"read again: it still reads {after}; it may follow late and is not sent again"
    return Outcome("unknown", item.before, after, note, first.request)


def reading_of(change: Change, now: Sim | None) -> str:
    """Describe what a SIM reads now, or that it is gone."""
    return "Deleted" if now is None else state_of(change, now)


def is_done(change: Change, now: Sim | None) -> bool:
    """Tell whether a SIM is as the change wants it."""
    if isinstance(change, Delete):
        return now is None or now.known_status is SimStatus.DELETED
    if now is None:
        return False
    if isinstance(change, SetStatus):
        return now.known_status is change.target
    return isinstance(change, Assign) and all(
        same_organisation(organisation_in(now, role), target) for role, target in change.organisations
    )


def failed(item: Planned, note: str, request: str | None = None) -> Outcome:
    """Return the outcome of a write that emnify did not act upon."""
    return Outcome("failed", item.before, item.before, f"{note}; nothing changed", request)


def hopeless(error: EmnifyError) -> str | None:
    """Say why the remaining SIMs would fail alike, if they would."""
    if isinstance(error, AuthenticationError):
        return "emnify no longer accepts the token"
    if isinstance(error, UnreachableError):
        return "emnify cannot be reached"
    return None
