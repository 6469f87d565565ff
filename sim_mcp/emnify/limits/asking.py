"""Who asks emnify, and for what: set around a piece of work, and known to every request that is sent within it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

Purpose = Literal["question", "change", "background"]
Reuse = Literal["all", "lasting", "nothing"]
"""Which earlier answers will do: any that is new enough, what hardly ever changes, or none."""


@dataclass
class KnownAnswers:
    """Tell which answers of a piece of work were given from what is known, because the limits are spent."""

    as_of: datetime | None = None
    """When the oldest of them was read, by emnify's clock."""
    fresh_at: datetime | None = None
    """When all of them can be read again."""

    def add(self, as_of: datetime, fresh_at: datetime) -> None:
        """Note one more."""
        self.as_of = min(filter(None, (self.as_of, as_of)))
        self.fresh_at = max(filter(None, (self.fresh_at, fresh_at)))


@dataclass(frozen=True)
class Asking:
    """Say who asks, for what, and which earlier answers will do."""

    by: str = ""
    """The principal; empty where there is only one."""
    purpose: Purpose = "question"
    reuse: Reuse = "lasting"
    known: KnownAnswers | None = field(default=None, compare=False)
    """Where answers from what is known are noted; without one, none are given."""


_asking: ContextVar[Asking] = ContextVar("asking", default=Asking())  # noqa: B039  # it is frozen.


def asking_now() -> Asking:
    """Return who asks in this context, and for what."""
    return _asking.get()


def answers_from_what_is_known(as_of: datetime, fresh_at: datetime) -> None:
    """Note for whoever asks in this context that it is answered as of then, until it can be read again."""
    if (known := asking_now().known) is not None:
        known.add(as_of, fresh_at)


@contextmanager
def asked_by(principal: str) -> Iterator[KnownAnswers]:
    """Let a principal ask within this context; yield what notes the answers from what is known."""
    with _within(Asking(principal, reuse="all", known=KnownAnswers())) as asking:
        yield asking.known or KnownAnswers()


@contextmanager
def in_background() -> Iterator[None]:
    """Let requests that are sent within this context wait behind those that somebody waits for."""
    with _within(Asking(purpose="background")):
        yield


@contextmanager
def for_a_change() -> Iterator[None]:
    """Let requests that are sent within this context go first, and be answered by emnify itself."""
    with _within(replace(asking_now(), purpose="change", reuse="nothing")):
        yield


@contextmanager
def anew() -> Iterator[None]:
    """Let requests that are sent within this context be answered by emnify itself."""
    with _within(replace(asking_now(), reuse="nothing")):
        yield


@contextmanager
def _within(asking: Asking) -> Iterator[Asking]:
    before = _asking.set(asking)
    try:
        yield asking
    finally:
        _asking.reset(before)
