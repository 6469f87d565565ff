"""What the record of changes holds: plans as they stand, what was sent, what was answered, what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Self

from sim_mcp.changes.outcome import Answer, Outcome
from sim_mcp.changes.plan import Plan
from sim_mcp.principal import Principal

State = Literal["waiting", "approved", "rejected", "expired", "lapsed"]
"""Expired: nobody agreed, or nobody acted on it, in time. Lapsed: it was begun, and its yes is too old for the rest."""

Intended = Literal["now", "before", "over the limit"]
"""Whether an item may be sent: yes; no, it was before; no, the hour's limit is used up."""


@dataclass(frozen=True)
class Caller:
    """Who asks, and through which client: the name it gives itself, which nobody verifies."""

    principal: str
    """The shown name."""
    client: str
    issuer: str = ""
    subject: str = ""
    scopes: frozenset[str] = field(default=frozenset(), compare=False)
    """What they may; it does not tell one caller from another."""

    @classmethod
    def of(cls, principal: Principal, client: str) -> Self:
        """Return a principal as a caller; one who did not sign in is known by name alone."""
        if not principal.signed_in:
            return cls(principal.name, client, scopes=principal.scopes)
        return cls(principal.name, client, principal.issuer, principal.subject, principal.scopes)

    @property
    def signed_in(self) -> bool:
        """Tell whether somebody vouches for who this is."""
        return bool(self.issuer)

    @property
    def identity(self) -> str:
        """Return issuer and subject as one text, empty for who did not sign in."""
        return f"{self.issuer} {self.subject}".strip()

    @property
    def words(self) -> str:
        """Return both names, for the log."""
        return f"{self.principal} through {self.client}"

    @property
    def owner(self) -> tuple[str, ...]:
        """Return whose plans are this caller's: those of who signed in, and without that those of the client."""
        return (self.issuer, self.subject) if self.signed_in else ("", self.principal, self.client)


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
    decided_by: Principal | None = None
    """Who decided, where they had signed in to do so."""

    def __post_init__(self) -> None:
        if self.expires_at.tzinfo is None:
            raise ValueError("a moment without a zone")
