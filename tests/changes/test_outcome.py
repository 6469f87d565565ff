"""What became of a write, by emnify's answer and by reading back."""

import pytest

from sim_mcp.changes.item import PlannedItem
from sim_mcp.changes.outcome import (
    UNCONFIRMED,
    Answer,
    Outcome,
    Sent,
    failed,
    fatal_reason,
    judge_read_again,
    judge_read_back,
    sent_before,
    unread,
)
from sim_mcp.emnify import AuthenticationError, ConnectionSettingsError, EmnifyError, UnreachableError, UpstreamError

ITEM = PlannedItem(sim_id=7, iccid=None, before="Activated", after="Suspended", verdict="change", reason="stops")


@pytest.mark.parametrize(
    ("sent", "done", "outcome"),
    [
        (Sent(None, "r"), True, Outcome("changed", "Activated", "now", "read back: done", "r")),
        (Sent("no answer", "r"), True, Outcome("changed", "Activated", "now", "no answer; read back: it is done", "r")),
        (
            Sent("forbidden", "r", refused=True),
            False,
            Outcome("refused", "Activated", "now", "forbidden; read back: nothing changed", "r"),
        ),
        (
            Sent(None, "r"),
            False,
            Outcome(
                "unknown",
                "Activated",
                "now",
                "emnify accepted it, but it still reads now; it may follow late and is not sent again, "
                "so look before repeating",
                "r",
            ),
        ),
        (
            Sent("no answer"),
            False,
            Outcome(
                "unknown",
                "Activated",
                "now",
                "no answer, but it still reads now; it may follow late and is not sent again, so look before repeating",
            ),
        ),
    ],
)
def test_a_write_is_judged_by_what_the_sim_reads(sent: Sent, done: bool, outcome: Outcome) -> None:
    assert judge_read_back(ITEM, "now", sent, done=done) == outcome


def test_a_doubt_is_judged_again_and_keeps_its_request() -> None:
    first = Outcome("unknown", "Activated", "Activated", "lost", "r")
    late = judge_read_again(ITEM, "Suspended", first, done=True)
    assert late == Outcome(
        "changed", "Activated", "Suspended", "read again: it is Suspended now, so it followed late", "r"
    )
    still = judge_read_again(ITEM, "Activated", first, done=False)
    note = "read again: it still reads Activated; it may follow late and is not sent again"
    assert still == Outcome("unknown", "Activated", "Activated", note, "r")


def test_what_cannot_be_read_back_says_what_is_known() -> None:
    found = unread(ITEM, Sent(None, "r"), UpstreamError("emnify failed"))
    note = "emnify accepted it, but reading back failed (emnify failed); it is read again by whoever looks next"
    assert found == Outcome("unknown", "Activated", "unknown", note, "r")
    assert unread(ITEM, Sent("no answer"), UpstreamError("x")).note.startswith("no answer, but reading back failed (x)")


def test_a_write_of_an_earlier_run_is_as_the_journal_has_it() -> None:
    assert sent_before(None) is UNCONFIRMED
    assert Sent("it was sent before, and the answer is not on record") == UNCONFIRMED
    assert sent_before(Answer("r", "late")) == Sent("late", "r")


def test_a_failed_write_changed_nothing() -> None:
    assert failed(ITEM, "no", "r") == Outcome("failed", "Activated", "Activated", "no; nothing changed", "r")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (AuthenticationError("x"), "emnify no longer accepts the token"),
        (UnreachableError("x"), "emnify cannot be reached"),
        (ConnectionSettingsError("x"), "emnify cannot be reached"),
        (UpstreamError("x"), None),
    ],
)
def test_only_what_every_sim_would_meet_is_fatal(error: EmnifyError, reason: str | None) -> None:
    assert fatal_reason(error) == reason
