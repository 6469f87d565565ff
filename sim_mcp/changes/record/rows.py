"""Parse rows of the record; one that is damaged, or from a newer version, raises and hides no other."""

import json
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any, get_args

from sim_mcp.changes.outcome import Answer, Outcome, OutcomeKind
from sim_mcp.changes.plan import Plan
from sim_mcp.changes.record.entries import Caller, Progress
from sim_mcp.principal import Principal

UNREADABLE = (ValueError, KeyError, TypeError, AttributeError)
"""Errors that a damaged row, or one of a newer version, may raise."""


def parse_body(raw: Any) -> dict[str, Any]:
    """Parse the JSON object of a row.

    Raises:
        ValueError: It is damaged.
    """
    try:
        body = json.loads(raw)
    except (TypeError, RecursionError) as error:
        raise ValueError("no text, or nested without end") from error
    if not isinstance(body, dict):
        raise ValueError("no object")  # noqa: TRY004  # of a row, not of an argument.
    return body


def parse_text(raw: Any) -> str:
    """Return a string of a row.

    Raises:
        ValueError: It is something else.
    """
    if not isinstance(raw, str):
        raise ValueError("no text")  # noqa: TRY004  # as above.
    # A lone surrogate cannot be encoded again, which would end the output of every row after it.
    return raw.encode(errors="replace").decode()


def parse_moment(raw: Any) -> datetime:
    """Parse a moment of a row; it has a zone.

    Raises:
        ValueError: It is something else.
    """
    moment = datetime.fromisoformat(parse_text(raw))
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone")
    return moment


def parse_caller(planned: dict[str, Any]) -> Caller:
    """Parse who asked for a plan.

    Raises:
        ValueError: The row is damaged.
    """
    principal, client, *owner = map(parse_text, planned["caller"])
    issuer, subject = owner or ("", "")
    return Caller(principal, client, issuer, subject, frozenset(map(parse_text, planned.get("scopes", ()))))


def caller_as_recorded(caller: Caller) -> list[str]:
    """Return who asked for a plan as its row has it; versions that know no owners cannot read, nor go on with, it."""
    return [caller.principal, caller.client, *([caller.issuer, caller.subject] if caller.signed_in else ())]


def workspace_of(planned: dict[str, Any]) -> str:
    """Return what the operator calls the workspace of a plan, from its row; empty where there was one alone.

    Raises:
        ValueError: The row is damaged.
    """
    return parse_text(planned["plan"].get("workspace_name", ""))


def parse_decider(decided: dict[str, Any]) -> Principal | None:
    """Parse who decided on a plan, or None where they had not signed in to do so.

    Raises:
        ValueError: The row is damaged.
    """
    if "by" not in decided:
        return None
    issuer, subject, name, *scopes = map(parse_text, decided["by"])
    return Principal(issuer, subject, name, frozenset(scopes))


def decider_as_recorded(who: Principal) -> list[str]:
    """Return who decided on a plan as its row has it."""
    return [who.issuer, who.subject, who.name, *sorted(who.scopes)]


def parse_outcome(body: dict[str, Any]) -> Outcome:
    """Parse an outcome.

    Raises:
        ValueError: The row is damaged.
    """
    before, after, note = (parse_text(body.get(name)) for name in ("before", "after", "note"))
    request = body.get("request")
    kind: Any = body.get("kind")
    if kind not in get_args(OutcomeKind):
        raise ValueError(f"an outcome of another version: {kind}")
    sims = body.get("sims")
    counted = sims if isinstance(sims, int) else None
    return Outcome(kind, before, after, note, None if request is None else parse_text(request), counted)


def parse_outcome_or_doubt(raw: Any) -> Outcome:
    """Parse an outcome; one that cannot be read becomes unknown, since something was settled."""
    try:
        return parse_outcome(parse_body(raw))
    except UNREADABLE:
        return Outcome("unknown", "?", "?", "what is on record of it cannot be read by this version")


def parse_plan(planned: dict[str, Any], rows: list[tuple[Any, Any]], *, agreed: bool) -> Plan:
    """Parse a plan from its row and its items with their places; a plan nobody agreed to may lack its items.

    Raises:
        ValueError: A row is damaged, or of a newer version, or is missing.
    """
    plan = Plan.model_validate({**planned["plan"], "items": [parse_body(body) for _, body in rows]})
    # What was sent is known by an item's place: where one is missing, another would be sent in its stead.
    whole = [place for place, _ in rows] == [*range(len(rows))]
    if not whole or ((rows or agreed) and planned.get("to_do", len(plan.to_do)) != len(plan.to_do)):
        raise ValueError("items are missing")
    return plan


def parse_progress(rows: Iterable[tuple[str, int, Any]]) -> Progress:
    """Return the progress from rows of kind, place and body, oldest first; a later reading replaces an outcome."""
    sent: set[int] = set()
    answers: dict[int, Answer] = {}
    settled: dict[int, Outcome] = {}
    read: dict[int, Outcome] = {}
    for kind, item, raw in rows:
        if kind == "intent":
            sent.add(item)
        elif kind == "outcome":
            settled[item] = parse_outcome_or_doubt(raw)
        else:
            # What cannot be read adds nothing: the first word stands.
            with suppress(*UNREADABLE):
                body = parse_body(raw)
                if kind == "answer":
                    answers[item] = Answer(body["request"], body["doubt"])
                else:
                    read[item] = parse_outcome(body)
    return Progress(frozenset(sent), {**settled, **read}, answers, frozenset(read))
