"""A list that changes while it is read loses nothing that was there all the time, and ends in what is there."""

from bisect import bisect_left, insort
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_mcp.fleet.inventory.page_merge import PageMerge

PER_PAGE = 4


class Upstream:
    """A list of ids that is paged by position."""

    def __init__(self, ids: list[int], unreadable: frozenset[int] = frozenset()) -> None:
        self.ids = ids
        self.unreadable = unreadable
        self.always = set(ids)
        self.ever = set(ids)
        self.seen: set[int] = set()

    def read(self, merge: PageMerge, page: int) -> None:
        last = max(1, -(-len(self.ids) // PER_PAGE))
        rows = self.ids[(page - 1) * PER_PAGE : page * PER_PAGE] if page <= last else []
        readable = [row for row in rows if row not in self.unreadable]
        self.seen |= set(readable)
        merge.add(page, readable, len(self.ids), unreadable=len(rows) - len(readable))

    def change(self, number: int, *, delete: bool) -> None:
        if delete and self.ids:
            self.always.discard(self.ids.pop(number % len(self.ids)))
        elif not delete and self.ids[bisect_left(self.ids, number) : bisect_left(self.ids, number) + 1] != [number]:
            insort(self.ids, number)
            self.ever.add(number)


def whole(upstream: Upstream, changes: list[tuple[int, int, bool]], chance: Random | None = None) -> PageMerge:
    """Read until nothing more is wanted, in order or in any; changes happen after the reading of that number."""
    merge = PageMerge(PER_PAGE)
    upstream.read(merge, 1)
    readings = 1
    while wanted := merge.wanted():
        if chance:
            chance.shuffle(wanted)
        for page in wanted:
            for _, number, delete in [change for change in changes if change[0] == readings]:
                upstream.change(number, delete=delete)
            upstream.read(merge, page)
            readings += 1
    return merge


def result(upstream: Upstream, merge: PageMerge) -> set[int]:
    return upstream.seen - merge.lost


FLEETS = st.sets(st.integers(1, 400), min_size=1, max_size=90).map(sorted)
MOMENTS = st.integers(1, 30)
CHANGES = st.lists(
    st.tuples(MOMENTS, st.integers(1, 420), st.booleans()),
    max_size=6,
    unique_by=lambda change: change[0],  # what comes and goes between the same two readings leaves no trace.
)


@given(FLEETS)
def test_what_keeps_still_is_read_once(ids: list[int]) -> None:
    upstream = Upstream(ids)
    merge = whole(upstream, [])
    assert merge.settled
    assert result(upstream, merge) == set(ids)
    assert merge.again == 0


@given(FLEETS, CHANGES, st.none() | st.randoms())
def test_nothing_that_is_there_all_the_time_vanishes(
    ids: list[int], changes: list[tuple[int, int, bool]], chance: Random | None
) -> None:
    upstream = Upstream(ids)
    found = result(upstream, whole(upstream, changes, chance))
    assert upstream.always <= found <= upstream.ever


@given(FLEETS, st.tuples(MOMENTS, st.integers(1, 420), st.booleans()))
def test_after_one_change_the_list_is_as_it_is_now(ids: list[int], change: tuple[int, int, bool]) -> None:
    upstream = Upstream(ids)
    merge = whole(upstream, [change])
    assert merge.settled
    # What changed after the last page was read is not known to anybody.
    if merge.total == len(upstream.ids):
        assert result(upstream, merge) == set(upstream.ids)


def test_a_change_costs_a_few_pages_and_not_all_of_them_again() -> None:
    upstream = Upstream(list(range(1, 401)))
    merge = whole(upstream, [(60, 10, True)])
    assert result(upstream, merge) == set(upstream.ids)
    assert merge.again <= 10


@pytest.mark.parametrize("unreadable", [{1}, {9, 10}, {50, 51, 52, 53}, {3, 150, 151, 399, 400}])
@pytest.mark.parametrize("number", [2, 60, 99])
def test_what_cannot_be_read_takes_a_place_and_is_no_sign_of_a_change(number: int, unreadable: set[int]) -> None:
    upstream = Upstream(list(range(1, 401)), frozenset(unreadable))
    merge = whole(upstream, [(number, 20, True)])
    assert merge.settled
    assert result(upstream, merge) == set(upstream.ids) - unreadable
    assert merge.again <= 10
