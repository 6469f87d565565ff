"""Rows of the record, read: one that is damaged, or that a newer version wrote, is told apart and hides no other."""

import json
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any, get_args

from sim_mcp.changes.outcome import Answer, Outcome, OutcomeKind
from sim_mcp.changes.plan import Plan
from sim_mcp.changes.record.entries import Caller, Progress

UNREADABLE = (ValueError, KeyError, TypeError, AttributeError)
"""What comes of a row that is damaged, or that a newer version wrote."""


def body_of(said: Any) -> dict[str, Any]:
    """Read what a row holds.

    Raises:
        ValueError: It is damaged.
    """
    try:
        body = json.loads(said)
    except (TypeError, RecursionError) as error:
        raise ValueError("no text, or nested without end") from error
    if not isinstance(body, dict):
        raise ValueError("no object")  # noqa: TRY004  # of a row, not of an argument.
    return body


def text_of(said: Any) -> str:
    """Return a text that a row holds.

    Raises:
        ValueError: It holds something else there.
    """
    if not isinstance(said, str):
        raise ValueError("no text")  # noqa: TRY004  # as above.
    # Half a character cannot be written out again, which would end the telling of all that comes after it.
    return said.encode(errors="replace").decode()


def moment_of(said: Any) -> datetime:
    """Return a moment that a row holds.

    Raises:
        ValueError: It holds something else there.
    """
    moment = datetime.fromisoformat(text_of(said))
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone")
    return moment


def caller_of(planned: dict[str, Any]) -> Caller:
    """Return who asked for a plan.

    Raises:
        ValueError: The row is damaged.
    """
    principal, client = planned["caller"]
    return Caller(text_of(principal), text_of(client))


def outcome_of(body: dict[str, Any]) -> Outcome:
    """Return an outcome that a row holds.

    Raises:
        ValueError: The row is damaged.
    """
    before, after, note = (text_of(body.get(name)) for name in ("before", "after", "note"))
    request = body.get("request")
    kind: Any = body.get("kind")
    if kind not in get_args(OutcomeKind):
        raise ValueError(f"an outcome of another version: {kind}")
    return Outcome(kind, before, after, note, None if request is None else text_of(request))


def told_outcome(said: Any) -> Outcome:
    """Return an outcome that a row holds; what cannot be read is a doubt, for something was settled."""
    try:
        return outcome_of(body_of(said))
    except UNREADABLE:
        return Outcome("unknown", "?", "?", "what is on record of it cannot be read by this version")


def plan_of(planned: dict[str, Any], rows: list[tuple[Any, Any]], *, agreed: bool) -> Plan:
    """Return a plan of the row that it was made by, and of its items with their places; who never agreed needs none.

    Raises:
        ValueError: A row is damaged, or of a newer version, or is missing.
    """
    plan = Plan.model_validate({**planned["plan"], "items": [body_of(body) for _, body in rows]})
    # What was sent is known by an item's place: where one is missing, another would be sent in its stead.
    whole = [place for place, _ in rows] == [*range(len(rows))]
    if not whole or ((rows or agreed) and planned.get("to_do", len(plan.to_do)) != len(plan.to_do)):
        raise ValueError("items are missing")
    return plan


def progress_of(rows: Iterable[tuple[str, int, Any]]) -> Progress:
    """Return what rows of a plan's items say, by kind, place and body, oldest first; a later reading stands."""
    sent: set[int] = set()
    answers: dict[int, Answer] = {}
    settled: dict[int, Outcome] = {}
    read: dict[int, Outcome] = {}
    for kind, item, said in rows:
        if kind == "intent":
            sent.add(item)
        elif kind == "outcome":
            settled[item] = told_outcome(said)
        else:
            # What cannot be read adds nothing: the first word stands.
            with suppress(*UNREADABLE):
                body = body_of(said)
                if kind == "answer":
                    answers[item] = Answer(body["request"], body["doubt"])
                else:
                    read[item] = outcome_of(body)
    return Progress(frozenset(sent), {**settled, **read}, answers, frozenset(read))
