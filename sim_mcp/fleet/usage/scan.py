"""Read the usage of many SIMs in the background, as fast as the rate limits allow; callers share what is read."""

import logging
import math
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import anyio
from anyio.abc import TaskGroup

from sim_mcp.emnify import (
    AuthenticationError,
    EmnifyClient,
    EmnifyError,
    ForbiddenError,
    NotFoundError,
    anew,
    in_background,
)
from sim_mcp.fleet.usage.cache import Amount, UsageStore
from sim_mcp.fleet.usage.fetch import read_usage
from sim_mcp.fleet.usage.periods import Period, month_before, month_of
from sim_mcp.fleet.usage.queue import Job, Jobs
from sim_mcp.fleet.usage.sharing import KeptUsage, SharedUsage
from sim_mcp.recorder import Recorder

log = logging.getLogger(__name__)

AT_ONCE = 32
"""SIMs read at once: at 10 a second, enough for answers that take 3 s; other calls get the remaining connections."""

FRESH_S = 3600.0
"""How long usage of a period that is not final is used again without asking emnify."""

_PER_SIM_S = 0.32
"""What a SIM takes in a long scan, with room to spare: the limit is 2,000 requests in five minutes."""

_CLOCK_WITHIN_S = 10.0
_PROGRESS_EVERY_S = 1.0
_TAKEN_RETRY_S = 0.2
_RENEWS_EVERY_S = 5.0
_ENOUGH_TO_EXTRAPOLATE = 20
_OPERATIONS = {True: "GET /api/v1/sim/{id}/stats", False: "GET /api/v1/sim/{id}/stats/daily"}

Progress = Callable[[int, int, str], Awaitable[None]]
T = TypeVar("T")


@dataclass(frozen=True)
class UsageResult:
    """What is known of the usage of the SIMs asked for, by period and SIM id, and how far reading is."""

    amounts: Mapping[Period, Mapping[int, Amount]]
    wanted: int
    left: int = 0
    """SIMs still to be read, which goes on in the background unless there is `trouble`."""
    gone: int = 0
    """SIMs that emnify no longer knows."""
    failed: int = 0
    """SIMs whose usage could not be read; the next call tries them again."""
    eta_s: float | None = None
    """Seconds until the rest is read, where that can be estimated."""
    trouble: EmnifyError | None = None
    """Why reading stopped before its end."""
    slowed_down: bool = False
    """Whether emnify asks to slow down (429)."""
    note: str | None = None
    """Why usage is not kept on disk, where it is not."""

    @property
    def is_complete(self) -> bool:
        """Tell whether every SIM that emnify knows was read."""
        return not self.left and not self.failed

    @property
    def read(self) -> int:
        """Return how many SIMs were read."""
        return self.wanted - self.left - self.gone - self.failed

    @property
    def between(self) -> tuple[datetime, datetime] | None:
        """Return when the oldest and the newest of it was read, by emnify's clock."""
        times = [amount.read_at for found in self.amounts.values() for amount in found.values()]
        return (datetime.fromtimestamp(min(times), UTC), datetime.fromtimestamp(max(times), UTC)) if times else None


class UsageScan:
    """Read the usage of many SIMs, as an async context manager: leaving it ends all reading."""

    def __init__(self, client: EmnifyClient, directory: Path | None, *, shared: KeptUsage | None = None) -> None:
        self._client = client
        self._directory = directory
        self._shared = shared
        self._record = Recorder()
        self._opened: UsageStore | SharedUsage | None = None
        self._group: TaskGroup | None = None
        self._jobs = Jobs()
        self._workers = 0
        self._keeps_claims = False

    async def __aenter__(self) -> Self:
        self._group = await anyio.create_task_group().__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        group, self._group = self._group, None
        try:
            if group is not None:
                group.cancel_scope.cancel()
                # Without the error: a task group would wrap it.
                await group.__aexit__(None, None, None)
        finally:
            if self._opened is not None:
                with anyio.CancelScope(shield=True):
                    await self._record(self._opened.close)

    async def months(self) -> tuple[Period, Period]:
        """Return this month and the last one, by emnify's clock.

        Raises:
            EmnifyError: Its clock is not known yet and it could not be asked.
        """
        if self._client.own_organisation_id is None:
            with anew():
                await self._client.list_sim_statuses(deadline_s=_CLOCK_WITHIN_S)
        this = month_of(self._client.now().date())
        return this, month_before(this)

    async def read(
        self, sims: Collection[int], periods: Sequence[Period], *, wait_s: float, progress: Progress | None = None
    ) -> UsageResult:
        """Read the usage of SIMs in months or in one range of days, for at most `wait_s` seconds.

        The rest is read in the background, in the order given; the same call picks it up. Usage that is known is not
        read again: of a final period never, of any other for an hour, or twice as long as reading so many SIMs takes.

        Args:
            sims: SIM ids.
            periods: months, or a single range of days.
            wait_s: seconds to wait.
            progress: called every second with how many SIMs are read, of how many, and a message.

        Raises:
            EmnifyError: Nothing is known and emnify could not be asked.
        """
        wanted, chosen = tuple(dict.fromkeys(sims)), tuple(periods)
        over_at = anyio.current_time() + wait_s
        key = (chosen, len(wanted), hash(frozenset(wanted)))
        job = self._jobs.find(key)
        since = job.since if job else self._now() - max(FRESH_S, 2 * _PER_SIM_S * len(wanted))
        known = await self._known(chosen, wanted, since)
        left = [sim for sim in wanted if any(sim not in known[period] for period in chosen)]
        if not left:
            return self._result(known, wanted, None)
        job = self._jobs.find(key) or self._jobs.add(key, chosen, since, left)
        self._start_workers()
        await self._wait(key, job, len(wanted), over_at, progress)
        # Taken before the look-up: what is read during it is neither known yet nor failed.
        still_left, gone = frozenset(job.left), job.gone
        known = await self._known(chosen, wanted, job.since)
        if job.trouble is not None and not any(known.values()):
            raise job.trouble
        return self._result(known, wanted, job, still_left, gone)

    async def _wait(self, key: object, job: Job, wanted: int, over_at: float, progress: Progress | None) -> None:
        job.waiting += 1
        finished = False
        try:
            while job.left and job.trouble is None and (left_s := over_at - anyio.current_time()) > 0:
                with anyio.move_on_after(min(_PROGRESS_EVERY_S, left_s)):
                    await job.ended.wait()
                if progress is not None:
                    so_far = wanted - len(job.left)
                    await progress(
                        so_far, wanted, f"usage of {so_far:,} of {wanted:,} SIMs read{self._client.pacer.giving_way}"
                    )
            finished = True
        finally:
            job.waiting -= 1
            job.promised |= finished
            # A cancelled call ends only what nobody else waits for or was promised.
            if not finished and not job.waiting and not job.promised:
                self._jobs.drop(key)

    def _result(
        self,
        known: dict[Period, dict[int, Amount]],
        wanted: Sequence[int],
        job: Job | None,
        left: frozenset[int] = frozenset(),
        gone: int = 0,
    ) -> UsageResult:
        have = set.intersection(*(set(found) for found in known.values()))
        to_come = len(left - have)
        return UsageResult(
            amounts=known,
            wanted=len(wanted),
            left=to_come,
            gone=gone,
            # This counts SIMs whose months shifted because midnight came in between.
            failed=max(0, len(wanted) - len(have) - to_come - gone),
            eta_s=self._eta_s(job) if job and to_come and job.trouble is None else None,
            trouble=job.trouble if job else None,
            slowed_down=self._client.pacer.slowed_down,
            note=self._opened.note if self._opened is not None else None,
        )

    def _eta_s(self, job: Job) -> float:
        """Return the seconds until the job is done: by the rate limits, or by its own pace where that is slower."""
        by_limits = self._client.pacer.forecast_s(_OPERATIONS[job.periods[0].is_month], self._jobs.until_done(job))
        took_s = anyio.current_time() - job.began
        by_pace = took_s / job.done * len(job.left) if job.done >= _ENOUGH_TO_EXTRAPOLATE else 0.0
        return math.ceil(max(1.0, by_limits, by_pace))

    async def _known(
        self, periods: Sequence[Period], wanted: Collection[int], since: float
    ) -> dict[Period, dict[int, Amount]]:
        chosen, workspace = set(wanted), self._client.identity

        def look_up(store: KeptUsage, period: Period) -> dict[int, Amount]:
            found = store.known(workspace, period.key, since)
            return {sim: amount for sim, amount in found.items() if sim in chosen}

        return {period: await self._ask(partial(look_up, period=period)) for period in periods}

    # In the background

    def _start_workers(self) -> None:
        if self._group is not None and not self._keeps_claims:
            self._keeps_claims = True
            self._group.start_soon(self._keep_claims)
        while self._group is not None and self._workers < min(AT_ONCE, self._jobs.left):
            self._workers += 1
            self._group.start_soon(self._work)

    async def _keep_claims(self) -> None:
        """Renew the claims: what is read may have to wait for minutes, by the rate limits."""
        try:
            while self._workers:
                await self._ask(lambda store: store.renew(self._now()))
                await anyio.sleep(_RENEWS_EVERY_S)
        except Exception:
            # As below; others may then read the same SIMs too.
            log.exception("Claims on SIMs could not be kept")
        finally:
            self._keeps_claims = False

    async def _work(self) -> None:
        try:
            with in_background():
                while (task := self._jobs.next()) is not None:
                    await self._read_one(*task)
        except Exception:
            # A crash here would take down the server.
            log.exception("Reading usage failed unexpectedly")
            self._jobs.halt(EmnifyError("reading usage broke off by a fault of this server; see its log"))
        finally:
            self._workers -= 1

    async def _read_one(self, job: Job, sim: int) -> None:
        task = (job.kind, sim)
        try:
            of_whom = self._client.identity
            claim = await self._ask(lambda store: store.claim(of_whom, job.kind, sim, job.keys, job.since, self._now()))
            if claim == "mine":
                await self._fetch(job, sim)
            elif claim == "taken":
                await anyio.sleep(_TAKEN_RETRY_S)
        except AuthenticationError as error:
            self._jobs.halt(error)
        except NotFoundError:
            self._jobs.gone(task)
        except EmnifyError as error:
            log.info("The usage of a SIM could not be read: %s", error)
            self._jobs.failed(task, error, may_pass=not isinstance(error, ForbiddenError))
        else:
            if claim == "mine":
                self._jobs.read(task)
            elif claim == "known":
                self._jobs.known(job, sim)
            else:
                self._jobs.again(task)
        finally:
            self._jobs.finish(task)

    async def _fetch(self, job: Job, sim: int) -> None:
        workspace = self._client.identity
        try:
            read = await read_usage(self._client, sim, job.periods[0])
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._ask(lambda store: store.release(workspace, job.kind, sim))
            raise
        # Kept even if the call was cancelled meanwhile.
        with anyio.CancelScope(shield=True):
            await self._ask(lambda store: store.keep(workspace, job.kind, sim, read))

    def _now(self) -> float:
        return self._client.now().timestamp()

    async def _ask(self, question: Callable[[KeptUsage], T]) -> T:
        def answer() -> T:
            # Opened on first use, since most sessions never need it.
            if self._opened is None:
                own = UsageStore(self._directory)
                opened = own if self._shared is None else SharedUsage(own, self._shared)
                opened.forget_old(self._now())
                self._opened = opened
            return question(self._opened)

        return await self._record(answer)
