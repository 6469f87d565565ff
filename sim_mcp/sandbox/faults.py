"""Faults to inject: throttling, latency, server errors, dropped, truncated, empty and malformed answers."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from sim_mcp.sandbox.world.rng import mix, share


class Kind(StrEnum):
    """Kinds of faults, in the order in which they apply."""

    LATENCY = "latency"
    """Wait before doing anything; `latency=0.2` is in seconds."""
    DROP = "drop"
    """Close the connection before acting."""
    THROTTLE = "throttle"
    """Answer 429 without acting."""
    ERROR = "error"
    """Answer a status without acting; `error=503`."""
    EXPIRE_TOKENS = "expire_tokens"
    """Invalidate the token of the request; once by default."""
    DROP_AFTER = "drop_after"
    """Act, then close the connection without an answer."""
    ERROR_AFTER = "error_after"
    """Act, then answer a status as if it had failed; `error_after=504`."""
    TRUNCATE = "truncate"
    """Act, then send half of the body and close."""
    EMPTY = "empty"
    """Act, then answer with the right status and no body."""
    MALFORMED = "malformed"
    """Act, then answer with the right status and a body that is not JSON."""


_STATUSES = range(400, 600)
_WITH_STATUS = {Kind.ERROR, Kind.ERROR_AFTER}
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
_HELP = (
    "expected KIND[=VALUE][:SHARE|:xN][@[METHOD ]PATH], e.g. throttle=0.1, latency=0.2, error=503:x3@GET /api/v1/sim"
)


@dataclass(frozen=True)
class Fault:
    """One fault: what goes wrong, how often, and on which requests."""

    kind: Kind
    chance: float = 1.0
    """Share of the matching requests that are hit, 0 to 1."""
    times: int | None = None
    """Number of hits after which it is over; None never ends."""
    value: float = 0.0
    """Seconds of a latency, or the status of an error."""
    method: str = ""
    path: str = ""
    """Part of the path that must occur; empty is any."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one fault such as `error=503:x3@GET /api/v1/sim`.

        Raises:
            ValueError: if the text says no such thing; the message says what is expected.
        """
        what, _, where = text.strip().partition("@")
        name, _, rest = what.partition("=")
        try:
            kind = Kind(name.strip())
        except ValueError:
            raise ValueError(f"fault {text!r}: no kind {name!r} among {', '.join(Kind)}; {_HELP}") from None
        parts = [part.strip() for part in rest.split(":") if part.strip()]
        value = 0.0
        if kind in _WITH_STATUS or kind is Kind.LATENCY:
            if not parts:
                raise ValueError(f"fault {text!r}: {kind} needs a value; {_HELP}")
            value = _number(text, parts.pop(0))
        if kind in _WITH_STATUS and value not in _STATUSES:
            raise ValueError(f"fault {text!r}: a status is between 400 and 599")
        chance, times = 1.0, 1 if kind is Kind.EXPIRE_TOKENS and not parts else None
        for part in parts:
            if re.fullmatch(r"x[0-9]{1,9}", part):
                times = int(part[1:])
            else:
                chance = _number(text, part)
        if not 0 <= chance <= 1:
            raise ValueError(f"fault {text!r}: a share is between 0 and 1")
        first, _, remainder = where.strip().partition(" ")
        method, path = (first.upper(), remainder.strip()) if first.upper() in _METHODS else ("", where.strip())
        return cls(kind, chance, times, value, method, path)

    def __str__(self) -> str:
        """Return the fault in the form that `parse` reads."""
        parts = [f"{self.value:g}"] if self.value else []
        if self.chance != 1 or (self.kind is Kind.EXPIRE_TOKENS and self.times is None):
            parts.append(f"{self.chance:g}")
        if self.times is not None:
            parts.append(f"x{self.times}")
        where = " ".join(part for part in (self.method, self.path) if part)
        return self.kind + ("=" + ":".join(parts) if parts else "") + (f"@{where}" if where else "")

    def concerns(self, method: str, path: str) -> bool:
        """Return whether the fault applies to a request."""
        return self.path in path and self.method in {"", method}


@dataclass(frozen=True)
class Faults:
    """The faults in force at a time."""

    rules: tuple[Fault, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """Read faults such as `throttle=0.1`, `latency=0.2`, `error=503:x3@GET /api/v1/sim`.

        Raises:
            ValueError: at the first text that is none; the message says what is expected.
        """
        return cls(tuple(Fault.parse(text) for text in texts))

    def texts(self) -> list[str]:
        """Return the faults in the form that `parse` reads."""
        return [str(rule) for rule in self.rules]


class FaultPlan:
    """Decide, request by request, which faults strike; the same seed and order of requests decide the same."""

    def __init__(self, faults: Faults, seed: int) -> None:
        self._seed = seed
        self.use(faults)

    def use(self, faults: Faults) -> None:
        """Replace the faults and start counting anew."""
        self.faults = faults
        self._seen = [0] * len(faults.rules)
        self._hits = [0] * len(faults.rules)

    def strike(self, method: str, path: str) -> dict[Kind, Fault]:
        """Return the faults that hit this request, at most one of a kind."""
        struck: dict[Kind, Fault] = {}
        for at, rule in enumerate(self.faults.rules):
            if not rule.concerns(method, path) or (rule.times is not None and self._hits[at] >= rule.times):
                continue
            self._seen[at] += 1
            if rule.kind not in struck and share(mix(self._seed, 0xFA17, at, self._seen[at])) < rule.chance:
                self._hits[at] += 1
                struck[rule.kind] = rule
        return struck


def _number(text: str, part: str) -> float:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,9})?|\.[0-9]{1,9}", part):
        raise ValueError(f"fault {text!r}: {part!r} is no number; {_HELP}")
    return float(part)
