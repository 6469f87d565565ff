"""Findings and rules: a rule takes the evidence and returns a finding or None."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sim_mcp.fleet.diagnosis.evidence import Evidence, Source
from sim_mcp.fleet.events.event import Event
from sim_mcp.formatting import format_minute
from sim_mcp.sanitize import quoted

Certainty = Literal["certain", "likely", "possible", "unknown"]
Kind = Literal["fault", "cost", "note"]
_MOST_PROOF = 3
_TEXT = 240
_RECENT = timedelta(days=2)


@dataclass(frozen=True)
class Finding:
    """Hold a cause, how certain it is, what proves it, and what a person can do about it."""

    cause: str
    """In our own words, without text of customers or networks: it stands outside the fence."""
    certainty: Certainty
    proof: tuple[str, ...] = ()
    """What was read, with its time; includes text of customers and networks, cleaned."""
    steps: tuple[str, ...] = ()
    kind: Kind = "fault"
    rule: str = ""


@dataclass(frozen=True)
class Rule:
    """Hold a rule with what it rules out when it finds nothing, and the sources it needs for that."""

    find: Callable[[Evidence], Finding | None]
    rules_out: str
    needs: tuple[Source, ...] = ()

    @property
    def name(self) -> str:
        """Return the name of the rule."""
        return self.find.__name__


def format_events(evidence: Evidence, events: Iterable[Event]) -> tuple[str, ...]:
    """Return events as lines of proof, the newest first; repetitions of a text are counted as far back as was read."""
    at_least = "" if evidence.all_events else "at least "
    counted: dict[tuple[str, str], list[Event]] = {}
    for event in events:
        counted.setdefault((event.name, event.text), []).append(event)
    lines = []
    for (name, text), alike in list(counted.items())[:_MOST_PROOF]:
        newest, oldest = alike[0], alike[-1]
        times = f" ({at_least}{len(alike)} times since {format_minute(oldest.at)})" if len(alike) > 1 else ""
        lines.append(f"{format_minute(newest.at)} {name}{times}: {quoted(text, _TEXT)}")
    if len(counted) > _MOST_PROOF:
        lines.append(f"and {len(counted) - _MOST_PROOF} more kinds of such events")
    return tuple(lines)


def label_sim(evidence: Evidence) -> str:
    """Return the identifier by which a tool call names the SIM: the printed ICCID, or else the id."""
    return evidence.sim.printed_iccid or str(evidence.sim.id)


def find_refusal(evidence: Evidence, words: str, cause: str, step: str) -> Finding | None:
    """Return a finding if a refused data session that no success followed contains the words."""
    refusals = [each for each in evidence.open_refusals if words in each.text.lower()]
    if not refusals:
        return None
    return Finding(cause, certainty_of(evidence, refusals[0], "certain"), format_events(evidence, refusals), (step,))


def certainty_of(evidence: Evidence, newest: Event, if_recent: Certainty) -> Certainty:
    """Return how certain a refusal makes a cause; if it is days old, the cause may be gone."""
    if evidence.now - newest.when <= _RECENT:
        return if_recent
    return "likely" if if_recent == "certain" else "possible"


def newest_unresolved(evidence: Evidence, type_: int, cure: int) -> list[Event]:
    """Return the newest event of a type, or nothing if its cure or a data session came after it."""
    cured = evidence.last(lambda each: each.type == cure or each.session_opened)
    return evidence.since(cured, lambda each: each.type == type_)[:1]
