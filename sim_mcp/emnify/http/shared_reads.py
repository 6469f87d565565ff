"""Reads that several callers want are sent once, and answered from what is known as the limits are being spent.

A write of ours divides time: what was asked before it began or while it was under way answers nobody after it.
"""

import copy
import json
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import anyio

from sim_mcp.emnify.errors import DeadlineExceededError, EmnifyError, RateLimitedError
from sim_mcp.emnify.http.calls import ON_SIM, SIMS, Answer, Call, on_sim
from sim_mcp.emnify.limits.asking import answers_from_what_is_known, asking_now
from sim_mcp.emnify.limits.rate_limit import SPENT_FROM_S


class Pace(Protocol):
    """What the pacer tells of the limits."""

    @property
    def sparing_s(self) -> float:
        """Return for how many seconds an answer should do."""

    def wait_s(self, operation: str) -> float:
        """Return in how many seconds a request of this operation may be sent."""


Send = Callable[[Call, float], Awaitable[Answer]]

REUSED_FOR_S = 2.0
"""How long the answer to one question answers the same question of another caller."""

KNOWN_FOR_S = 3600.0
"""How long an answer is kept for the time when the limits are spent."""

_ROWS_KEPT = 100
_NEVER_NEW = -1
_MOST_BYTES, _LARGEST, _OVERHEAD = 16 * 2**20, 2 * 2**20, 2**11
"""All that is kept, the most for one answer, and what one takes beside its body."""


@dataclass(frozen=True)
class _Kept:
    answer: Answer
    """Without `data`, which takes several times the room of the body."""
    call: Call
    age: int
    """The number of writes that had begun or ended before it was asked for."""
    asked_at: float
    as_of: datetime

    @property
    def size(self) -> int:
        return len(self.answer.body) + _OVERHEAD

    def repeated(self) -> Answer:
        """Return the answer once more; whoever gets it may do with it as they like."""
        return replace(self.answer, data=json.loads(self.answer.body))


@dataclass
class _Flight:
    """A read under way, for all who want it; without answer and error, whoever sent it went away."""

    done: anyio.Event = field(default_factory=anyio.Event)
    answer: Answer | None = None
    error: EmnifyError | None = None


class SharedReads:
    """Send calls for all callers of one client."""

    def __init__(
        self,
        send: Send,
        pacer: Pace,
        now: Callable[[], datetime],
        *,
        reused_for_s: float = REUSED_FOR_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take how calls are sent, the pace of the limits, emnify's clock, and this machine's."""
        self._send = send
        self._pacer = pacer
        self._now = now
        self._reused_for_s = reused_for_s
        self._monotonic = monotonic
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0
        self._flights: dict[tuple[int, str], _Flight] = {}
        self._age = 0

    async def send(self, call: Call, deadline_s: float) -> Answer:
        """Send a write or a read that has to be new; answer any other read by what is new enough, or together.

        Raises:
            EmnifyError: The call failed.
        """
        if call.writes:
            return await self._write(call, deadline_s)
        asking = asking_now()
        if asking.reuse == "nothing" or (asking.reuse == "lasting" and call.lasts_s is None):
            return await self._read(call, deadline_s, keep=asking.purpose != "background")
        kept = self._find(call.target)
        if kept is not None and self._is_new(kept):
            return kept.repeated()
        if kept is not None and asking.known is not None and (fresh_in_s := self._fresh_in_s(kept)) > 0:
            answers_from_what_is_known(kept.as_of, self._now() + timedelta(seconds=fresh_in_s))
            return kept.repeated()
        try:
            return await self._together(call, deadline_s)
        except RateLimitedError as error:
            # Other servers may have spent the limits. Looked for again: a write may have been sent meanwhile.
            kept = self._find(call.target)
            if kept is None or asking.known is None:
                raise
            answers_from_what_is_known(kept.as_of, self._now() + timedelta(seconds=error.retry_after_s or 0.0))
            return kept.repeated()

    async def _write(self, call: Call, deadline_s: float) -> Answer:
        self._forget_what_changes(call)
        try:
            return await self._send(call, deadline_s)
        finally:
            self._forget_what_changes(call)

    async def _read(self, call: Call, deadline_s: float, *, keep: bool = True) -> Answer:
        age, asked_at = self._age, self._monotonic()
        answer = await self._send(call, deadline_s)
        if keep and (call.lasts_s is not None or age == self._age):
            kept = _Kept(replace(answer, data=None), replace(call, on_sent=None), age, asked_at, self._now())
            self._keep(kept)
            if call.template == SIMS and isinstance(answer.data, list):
                self._keep_each(kept, answer.data)
        return answer

    async def _together(self, call: Call, deadline_s: float) -> Answer:
        """Send a read, or wait for the same one that is under way; who sent it may go away, then another sends it."""
        over_at = anyio.current_time() + deadline_s
        key = (self._age, call.target)
        while (flight := self._flights.get(key)) is not None:
            with anyio.CancelScope(deadline=over_at):
                await flight.done.wait()
            if flight.answer is not None:
                return flight.answer
            if flight.error is not None:
                # Each caller gets an error of its own: they are raised, and so changed, in several places.
                raise copy.copy(flight.error)
            if anyio.current_time() >= over_at:
                raise DeadlineExceededError(
                    f"emnify did not answer about {call.subject} within {deadline_s:g} s", operation=call.operation
                )
        return await self._fly(key, call, over_at - anyio.current_time())

    async def _fly(self, key: tuple[int, str], call: Call, deadline_s: float) -> Answer:
        flight = self._flights[key] = _Flight()
        try:
            flight.answer = await self._read(call, deadline_s)
        except (DeadlineExceededError, RateLimitedError):
            raise  # others may have more time.
        except EmnifyError as error:
            flight.error = error
            raise
        else:
            return flight.answer
        finally:
            del self._flights[key]
            flight.done.set()

    def _fresh_in_s(self, kept: _Kept) -> float:
        """Return in how many seconds this should be read again: because of the limits now, or to spare them."""
        wait_s = self._pacer.wait_s(kept.call.operation)
        spared_s = self._pacer.sparing_s - (self._monotonic() - kept.asked_at)
        return max(wait_s if wait_s > SPENT_FROM_S else 0.0, spared_s)

    def _is_new(self, kept: _Kept) -> bool:
        age_s = self._monotonic() - kept.asked_at
        if kept.call.lasts_s is not None:
            return age_s < kept.call.lasts_s
        return kept.age == self._age and age_s < self._reused_for_s

    def _find(self, target: str) -> _Kept | None:
        kept = self._kept.get(target)
        if kept is not None and self._monotonic() - kept.asked_at > KNOWN_FOR_S:
            self._drop(target)
            return None
        return kept

    def _keep(self, kept: _Kept) -> None:
        self._drop(kept.call.target)
        if kept.size > _LARGEST:
            return
        self._kept[kept.call.target] = kept
        self._bytes += kept.size
        while self._bytes > _MOST_BYTES:
            self._drop(next(iter(self._kept)))

    def _keep_each(self, page: _Kept, rows: list[Any]) -> None:
        """Keep each SIM of a page, for questions about it while the limits are spent; at other times it is read."""
        for row in rows[:_ROWS_KEPT]:
            sim_id = row.get("id") if isinstance(row, dict) else None
            if not isinstance(sim_id, int) or sim_id < 1:
                continue
            call = on_sim("GET", "", sim_id)
            known = self._kept.get(call.target)
            if known is None or not self._is_new(known):
                answer = Answer(call.operation, page.answer.status, {}, None, json.dumps(row).encode())
                self._keep(replace(page, answer=answer, call=call, age=_NEVER_NEW))

    def _drop(self, target: str) -> None:
        kept = self._kept.pop(target, None)
        self._bytes -= kept.size if kept is not None else 0

    def _forget_what_changes(self, write: Call) -> None:
        self.forget(write.ids.get("id") if write.ids and write.template.startswith(ON_SIM) else None)

    def forget(self, sim: int | str | None) -> None:
        """Forget what a write may change: of another SIM than the one it is about, nothing; None: it may be any."""
        self._age += 1
        for target, kept in list(self._kept.items()):
            about = kept.call.ids.get("id") if kept.call.ids and kept.call.template.startswith(ON_SIM) else None
            of_another = sim is not None and about is not None and about != sim
            if kept.call.lasts_s is None and not of_another:
                self._drop(target)
