"""What the record of changes holds: plans as they stand, what was sent, what was answered, what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sim_mcp.changes.outcome import Answer, Outcome
from sim_mcp.changes.plan import Plan

State = Literal["waiting", "approved", "rejected", "expired", "lapsed"]
"""Expired: nobody agreed, or nobody acted on it, in time. Lapsed: it was begun, and its yes is too old for the rest."""

Intended = Literal["now", "before", "over the limit"]
"""Whether an item may be sent: yes; no, it was before; no, the hour's limit is used up."""


@dataclass(frozen=True)
class Caller:
    """Who asks: whose server it is, and through which client."""

    principal: str
    client: str


@dataclass(frozen=True)
class Progress:
    """What is on record about the items of a plan, by their place in it."""

    sent: frozenset[int]
    settled: Mapping[int, Outcome]
    answers: Mapping[int, Answer]
    read_again: frozenset[int] = frozenset()
    """Items whose doubt was looked into before; `settled` holds what was read last."""


@dataclass(frozen=True)
class StoredPlan:
    """A plan as the record has it."""

    id: str
    plan: Plan
    caller: Caller
    expires_at: datetime
    state: State
    agreed: str | None

    def __post_init__(self) -> None:
        if self.expires_at.tzinfo is None:
            raise ValueError("a moment without a zone")
