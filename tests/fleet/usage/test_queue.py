"""Which SIM is read next, for whom, how often, and when reading is given up."""

from datetime import date

import pytest

from sim_mcp.emnify import EmnifyError
from sim_mcp.fleet.usage.periods import days, month_before, month_of
from sim_mcp.fleet.usage.queue import FAILURES_IN_A_ROW, Jobs

NOVEMBER = month_of(date(2026, 11, 1))
MONTHS = (NOVEMBER, month_before(NOVEMBER))
WEEK = days(date(2026, 11, 1), date(2026, 11, 7))
ERROR = EmnifyError("no")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_jobs_take_turns_and_a_sim_is_under_way_once() -> None:
    jobs = Jobs()
    first = jobs.add("a", MONTHS, 0, [1, 2, 3])
    first.waiting = 1
    second = jobs.add("b", MONTHS, 0, [3, 1, 4])
    second.waiting = 1
    assert [task[1] for task in (jobs.next(), jobs.next(), jobs.next(), jobs.next()) if task] == [1, 3, 2, 4]
    assert jobs.next() is None
    assert (first.kind, jobs.left) == ("months", 6)
    jobs.read((first.kind, 1))
    jobs.finish((first.kind, 1))
    assert (first.done, second.done, first.left, second.left) == (1, 1, {2, 3}, {3, 4})


async def test_a_sim_that_fails_twice_is_given_up_and_one_that_cannot_pass_at_once() -> None:
    jobs = Jobs()
    job = jobs.add("a", (WEEK,), 0, [1, 2])
    assert jobs.next() == (job, 1)
    jobs.failed((job.kind, 1), ERROR)
    jobs.finish((job.kind, 1))
    assert (job.failed, list(job.queue)) == (0, [2, 1])
    assert jobs.next() == (job, 2)
    jobs.failed((job.kind, 2), ERROR, may_pass=False)
    assert (job.failed, job.left) == (1, {1})
    assert jobs.next() == (job, 1)
    jobs.failed((job.kind, 1), ERROR)
    assert (job.failed, job.left, job.trouble) == (2, set(), None)
    assert job.ended.is_set()
    assert jobs.find("a") is None


async def test_24_failures_in_a_row_end_everything_and_a_success_starts_the_count_anew() -> None:
    assert FAILURES_IN_A_ROW == 24
    jobs = Jobs()
    job = jobs.add("a", (WEEK,), 0, range(100))
    for success in (True, False):
        for _ in range(FAILURES_IN_A_ROW - 1):
            task = jobs.next()
            assert task is not None
            jobs.failed((job.kind, task[1]), ERROR)
            jobs.finish((job.kind, task[1]))
            assert job.trouble is None
        task = jobs.next()
        assert task is not None
        if success:
            jobs.read((job.kind, task[1]))
        else:
            jobs.failed((job.kind, task[1]), ERROR)
    assert job.trouble is ERROR
    assert (job.ended.is_set(), jobs.left) == (True, 0)


async def test_a_sim_that_is_gone_or_known_leaves_the_queue() -> None:
    jobs = Jobs()
    one = jobs.add("a", MONTHS, 0, [1, 2])
    one.waiting = 1
    other = jobs.add("b", MONTHS, 5, [1, 2])
    jobs.next()
    jobs.known(one, 1)
    assert (one.done, one.left, other.left, list(other.queue)) == (1, {2}, {1, 2}, [1, 2, 1])
    jobs.gone(("months", 2))
    assert (one.gone, other.gone, other.left) == (1, 1, {1})
    assert (one.ended.is_set(), other.ended.is_set()) == (True, False)


async def test_what_nobody_waits_for_is_taken_over_and_what_was_promised_is_kept() -> None:
    jobs = Jobs()
    forgotten = jobs.add("a", MONTHS[:1], 3, [1, 2])
    promised = jobs.add("b", MONTHS[:1], 7, [2, 3])
    promised.promised = True
    assert forgotten.ended.is_set()
    of_days = jobs.add("c", (WEEK,), 0, [9])
    taking = jobs.add("d", MONTHS, 9, [2, 4])
    assert (promised.ended.is_set(), of_days.ended.is_set()) == (True, False)
    assert taking.promised
    (rest,) = [job for job in jobs._jobs.values() if job not in {of_days, taking}]
    assert (rest.left, rest.since, rest.periods, rest.promised) == ({3}, 7, MONTHS[:1], True)


async def test_until_a_job_is_done_the_others_have_as_many_turns() -> None:
    jobs = Jobs()
    few = jobs.add("a", (WEEK,), 0, [1, 2])
    few.waiting = 1
    assert jobs.until_done(few) == 2
    many = jobs.add("b", MONTHS, 0, range(10))
    assert jobs.until_done(few) == 4
    assert jobs.until_done(many) == 12
    many.waiting = 1
    same = jobs.add("c", (WEEK,), 0, [2, 3])
    assert jobs.until_done(few) == 2 + 2 + 1
    assert same.keys == ["2026-11-01..2026-11-07"]


async def test_a_sim_that_is_gone_is_no_failure() -> None:
    jobs = Jobs()
    job = jobs.add("a", (WEEK,), 0, range(100))
    jobs.failed((job.kind, 0), ERROR)
    jobs.gone((job.kind, 1))
    for sim in range(2, FAILURES_IN_A_ROW + 1):
        jobs.failed((job.kind, sim), ERROR)
    assert job.trouble is None
    jobs.failed((job.kind, 99), ERROR)
    assert job.trouble is ERROR
