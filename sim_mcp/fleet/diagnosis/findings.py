"""What a rule may find, and what every rule is: evidence in, a finding or nothing out."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sim_mcp.fleet.diagnosis.evidence import Evidence, Source
from sim_mcp.fleet.events.event import Happening
from sim_mcp.sanitize import quoted

Sure = Literal["certain", "likely", "possible", "unknown"]
Kind = Literal["fault", "cost", "note"]
_MOST_PROOF = 3
_TEXT = 240
_FRESH = timedelta(days=2)


@dataclass(frozen=True)
class Finding:
    """Say a cause, how sure it is, what shows it, and what a person can do about it."""

    cause: str
    """In our words: no text of customers or networks, for it stands outside the fence."""
    sure: Sure
    proof: tuple[str, ...] = ()
    """What was read, with time; holds text of customers and networks, cleaned."""
    steps: tuple[str, ...] = ()
    kind: Kind = "fault"
    rule: str = ""


@dataclass(frozen=True)
class Rule:
    """Tie a rule to what it rules out when it finds nothing, and to what it needs to have read for that."""

    find: Callable[[Evidence], Finding | None]
    rules_out: str
    needs: tuple[Source, ...] = ()

    @property
    def name(self) -> str:
        """Return the name of the rule."""
        return self.find.__name__


def shown(evidence: Evidence, events: Iterable[Happening]) -> tuple[str, ...]:
    """Write events as proof, the newest first; repetitions of one text are counted, as far back as was read."""
    about = "" if evidence.all_events else "at least "
    counted: dict[tuple[str, str], list[Happening]] = {}
    for event in events:
        counted.setdefault((event.name, event.text), []).append(event)
    lines = []
    for (name, text), alike in list(counted.items())[:_MOST_PROOF]:
        newest, oldest = alike[0], alike[-1]
        times = f" ({about}{len(alike)} times since {moment(oldest.at)})" if len(alike) > 1 else ""
        lines.append(f"{moment(newest.at)} {name}{times}: {quoted(text, _TEXT)}")
    if len(counted) > _MOST_PROOF:
        lines.append(f"and {len(counted) - _MOST_PROOF} more kinds of such events")
    return tuple(lines)


def moment(at: datetime | None) -> str:
    """Write a moment to the minute."""
    return "at an unknown time" if at is None else f"{at:%Y-%m-%dT%H:%MZ}"


def named(evidence: Evidence) -> str:
    """Return what to call the SIM in a call of a tool."""
    return evidence.sim.printed_iccid or str(evidence.sim.id)


def refused_for(evidence: Evidence, words: str, cause: str, step: str) -> Finding | None:
    """Find a cause by words of the refusals that no success followed."""
    refusals = [each for each in evidence.open_refusals if words in each.text.lower()]
    if not refusals:
        return None
    return Finding(cause, sureness(evidence, refusals[0], "certain"), shown(evidence, refusals), (step,))


def sureness(evidence: Evidence, newest: Happening, fresh: Sure) -> Sure:
    """Return how sure a refusal makes: what was refused days ago may be mended since."""
    if evidence.now - newest.when <= _FRESH:
        return fresh
    return "likely" if fresh == "certain" else "possible"


def unless_followed(evidence: Evidence, type_: int, cure: int) -> list[Happening]:
    """Return the newest event of a type, unless its cure or a data session came after it."""
    cured = evidence.last(lambda each: each.type == cure or each.session_opened)
    return evidence.since(cured, lambda each: each.type == type_)[:1]
