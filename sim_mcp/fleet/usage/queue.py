"""The queue of SIMs to read: which calls want which SIMs, and which SIM is next."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import anyio

from sim_mcp.emnify import EmnifyError
from sim_mcp.fleet.usage.periods import Period

TRIES = 2
"""How often a SIM is tried within one job."""

FAILURES_IN_A_ROW = 24
"""So many failures one after the other mean that no SIM can be read."""

_MONTHS = "months"

Task = tuple[str, int]
"""What to read (both months come in one answer) and the id of the SIM."""


@dataclass(eq=False)
class Job:
    """SIMs to read for one call, or for several with the same question."""

    periods: tuple[Period, ...]
    since: float
    """Usage read before this is read again unless it is final (Unix time)."""
    queue: deque[int]
    left: set[int]
    began: float = field(default_factory=anyio.current_time)
    done: int = 0
    gone: int = 0
    failed: int = 0
    waiting: int = 0
    promised: bool = False
    """Whether a caller was told that reading goes on: then it does even if nobody waits."""
    trouble: EmnifyError | None = None
    ended: anyio.Event = field(default_factory=anyio.Event)

    @property
    def kind(self) -> str:
        """Return what is read: "months" for both months at once, or the key of a range of days."""
        return _MONTHS if self.periods[0].is_month else self.periods[0].key

    @property
    def keys(self) -> list[str]:
        """Return the keys that the periods are stored under."""
        return [period.key for period in self.periods]


class Jobs:
    """Hold the jobs under way; a SIM that several want is read once."""

    def __init__(self) -> None:
        self._jobs: dict[object, Job] = {}
        self._turns: deque[object] = deque()
        self._under_way: set[Task] = set()
        self._tries: dict[Task, int] = {}
        self._failures = 0

    @property
    def left(self) -> int:
        """Return how many readings are left at most: a SIM that several jobs want is counted for each."""
        return sum(len(job.left) for job in self._jobs.values())

    def until_done(self, job: Job) -> int:
        """Return how many readings it takes until a job is done, including the turns of other jobs meanwhile."""
        others: dict[str, list[Job]] = {}
        for each in self._jobs.values():
            if each is not job:
                others.setdefault(each.kind, []).append(each)
        readings = len(job.left)
        for kind, jobs in others.items():
            theirs = set().union(*(each.left for each in jobs)) - (job.left if kind == job.kind else set())
            readings += min(len(theirs), len(jobs) * len(job.left))
        return readings

    def find(self, key: object) -> Job | None:
        """Return the job with that key, if it is under way."""
        return self._jobs.get(key)

    def add(self, key: object, periods: tuple[Period, ...], since: float, sims: Sequence[int]) -> Job:
        """Add a job that reads SIMs in that order; it takes over from jobs that nobody waits for now.

        A fleet changes a little from call to call: otherwise each call would leave a job for the whole fleet behind.
        """
        job = Job(periods, since, deque(sims), set(sims))
        rests: dict[tuple[Period, ...], Job] = {}
        for other_key, other in list(self._jobs.items()):
            if other.waiting or other.kind != job.kind or not {*other.keys} <= {*job.keys}:
                continue
            rest = rests.setdefault(other.periods, Job(other.periods, other.since, deque(), set(), promised=True))
            rest.since = min(rest.since, other.since)
            only_theirs = other.left - job.left if other.promised else set()
            rest.queue.extend(sim for sim in other.queue if sim in only_theirs)
            job.promised |= other.promised
            self.drop(other_key)
        for rest in rests.values():
            rest.left.update(rest.queue)
            if rest.left:
                self._put(rest, rest)
        return self._put(key, job)

    def _put(self, key: object, job: Job) -> Job:
        self._jobs[key] = job
        self._turns.append(key)
        return job

    def drop(self, key: object) -> None:
        """End a job and wake those who wait for it."""
        job = self._jobs.pop(key, None)
        if job is not None:
            job.queue.clear()
            job.ended.set()
            self._turns.remove(key)

    def next(self) -> tuple[Job, int] | None:
        """Return the next SIM to read, if any; jobs take turns, so that ten SIMs do not wait for ten thousand."""
        for _ in range(len(self._turns)):
            job = self._jobs[self._turns[0]]
            self._turns.rotate(-1)
            while job.queue:
                sim = job.queue.popleft()
                if sim in job.left and (job.kind, sim) not in self._under_way:
                    self._under_way.add((job.kind, sim))
                    return job, sim
        return None

    def finish(self, task: Task) -> None:
        """Mark a task as no longer under way."""
        self._under_way.discard(task)

    def known(self, job: Job, sim: int) -> None:
        """Take a SIM off one job that found it known already; other jobs may want it newer."""
        self._take_off([job], sim, done=1)
        self.again((job.kind, sim))

    def read(self, task: Task) -> None:
        """Take a SIM that was read off every job."""
        self._failures = 0
        self._tries.pop(task, None)
        self._take_off(self._wanting(task), task[1], done=1)

    def gone(self, task: Task) -> None:
        """Take a SIM that no longer exists off every job."""
        self._failures = 0
        self._take_off(self._wanting(task), task[1], gone=1)

    def again(self, task: Task) -> None:
        """Queue a SIM again in every job that wants it."""
        for job in self._wanting(task):
            job.queue.append(task[1])

    def failed(self, task: Task, error: EmnifyError, *, may_pass: bool = True) -> None:
        """Queue a SIM again or give it up; after too many failures in a row, end every job."""
        self._failures += 1
        self._tries[task] = self._tries.get(task, 0) + 1
        if self._failures >= FAILURES_IN_A_ROW:
            self.halt(error)
        elif may_pass and self._tries[task] < TRIES:
            self.again(task)
        else:
            self._tries.pop(task)
            self._take_off(self._wanting(task), task[1], failed=1)

    def halt(self, error: EmnifyError) -> None:
        """End every job with an error that would meet every SIM."""
        self._failures = 0
        self._tries.clear()
        for key, job in list(self._jobs.items()):
            job.trouble = error
            self.drop(key)

    def _wanting(self, task: Task) -> list[Job]:
        kind, sim = task
        return [job for job in self._jobs.values() if job.kind == kind and sim in job.left]

    def _take_off(self, jobs: Iterable[Job], sim: int, *, done: int = 0, gone: int = 0, failed: int = 0) -> None:
        for job in jobs:
            job.left.discard(sim)
            job.done, job.gone, job.failed = job.done + done, job.gone + gone, job.failed + failed
            if not job.left:
                for key in [key for key, each in self._jobs.items() if each is job]:
                    self.drop(key)
