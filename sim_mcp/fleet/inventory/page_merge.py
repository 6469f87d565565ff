"""A list that changes while its pages are read, put together so that nothing vanishes and nothing counts twice.

emnify pages by position: a SIM that is deleted moves every later one a place up, and the first of a page that was not
read yet into one that was. Each page tells the total as of its reading; where that moved between two neighbours, one
of them is read again. Then the place of each page read since tells how many ids have to come before it: where the
number is another, something came or went in between, and halving leads to the page with it. So a change costs a few
pages, not all of them. Pure: what to read next is asked for, what was read is told.

What no reader of pages can see: one SIM that goes and another that comes between the same two readings leave the total
as it was, and a SIM at the seam may then be missed until the next round.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise

_SPARE = 10
"""Pages that may be read again beside one whole round."""


class PageMerge:
    """Hold the ids of pages in ascending order, read in any order, at different moments."""

    def __init__(self, per_page: int) -> None:
        self._per_page = per_page
        self._pages: dict[int, array[int]] = {}
        self._eras: dict[int, set[int]] = {}
        """The stretches of unchanged total within which a page was read."""
        self._holes: dict[int, int] = {}
        self._era = 0
        self._ids: list[int] | None = None
        self.again = 0
        """How many pages were read more than once."""
        self.total: int | None = None
        self.lost: set[int] = set()
        """Ids that were read and are gone."""

    @property
    def pages(self) -> int:
        """Number of pages the list has, as of the last reading; at least one."""
        return max(1, -(-(self.total or 0) // self._per_page))

    @property
    def seen(self) -> int:
        """Number of rows read so far, of pages read once."""
        return sum(map(len, self._pages.values()))

    def add(self, page: int, ids: Sequence[int], total: int, *, unreadable: int = 0) -> None:
        """Take a page in; `unreadable` rows take a place and have no id."""
        if self.total is not None and total != self.total:
            self._era += 1
        self.total = total
        if page in self._pages:
            self.again += 1
            self._sorted_ids()
        self._holes[page] = unreadable
        self._eras.setdefault(page, set()).add(self._era)
        self._pages[page] = array("q", sorted(ids))
        if self._ids is not None:
            self._replace(page)

    def has(self, page: int) -> bool:
        """Tell whether a page was read."""
        return page in self._pages

    def wanted(self) -> list[int]:
        """Return the pages to read next, for the first time or again; none where all fits, or enough is enough."""
        if unread := [page for page in range(1, self.pages + 1) if page not in self._pages]:
            return unread
        if self.again > self.pages + _SPARE:
            return []
        return sorted(self._torn_seams() or self._wrong_stretches())

    @property
    def settled(self) -> bool:
        """Tell whether all fits together."""
        return not any(not self.has(page) for page in range(1, self.pages + 1)) and not (
            self._torn_seams() or self._wrong_stretches()
        )

    def _current(self, page: int) -> bool:
        return self._era in self._eras[page]

    def _torn_seams(self) -> set[int]:
        """Return one of each two neighbours never read within one era: between them something may be missing."""
        torn = [
            page
            for page in self._pages
            if page + 1 in self._pages and self._eras[page].isdisjoint(self._eras[page + 1])
        ]
        return {page + 1 if self._current(page) else page for page in torn}

    def _wrong_stretches(self) -> set[int]:
        """Return the page in the middle of each stretch that holds more or fewer ids than it has places."""
        if len(self._all_eras()) == 1 and self._sum() == (self.total or 0) and self._ascending():
            return set()
        ids = self._sorted_ids()
        known = [page for page in range(1, self.pages + 1) if self._current(page) and self._pages[page]]
        holes = [0]
        for page in range(1, self.pages + 1):
            holes.append(holes[-1] + self._holes.get(page, 0))
        marks = [(0, 0)]
        marks += [
            (page, bisect_left(ids, self._pages[page][0]) + holes[page - 1] - (page - 1) * self._per_page)
            for page in known
        ]
        marks.append((self.pages + 1, len(ids) + holes[-1] - (self.total or 0)))
        found: set[int] = set()
        for (left, before), (right, after) in pairwise(marks):
            if before == after:
                continue
            if right - left > 1:
                found.add((left + right) // 2)
            else:
                # Both were read within this era, and yet do not meet: what moved left the total as it was.
                found |= {page for page in (left, right) if 1 <= page <= self.pages}
        return found

    def _all_eras(self) -> set[int]:
        return set().union(*self._eras.values())

    def _sum(self) -> int:
        return sum(len(self._pages[page]) + self._holes[page] for page in range(1, self.pages + 1))

    def _ascending(self) -> bool:
        filled = [ids for page in range(1, self.pages + 1) if (ids := self._pages[page])]
        return all(one[-1] < other[0] for one, other in pairwise(filled))

    def _sorted_ids(self) -> list[int]:
        if self._ids is None:
            self._ids = sorted(set().union(*self._pages.values()))
            for page in [page for page in self._pages if self._current(page)]:
                self._replace(page)
        return self._ids

    def _replace(self, page: int) -> None:
        """Put what a page holds now in the place of what was known between its first and its last id."""
        ids = self._ids
        if ids is None or not self._pages[page]:
            return
        start = bisect_left(ids, self._edge(page, -1))
        end = bisect_right(ids, self._edge(page, +1))
        fresh = list(self._pages[page])
        self.lost |= set(ids[start:end])
        self.lost -= set(fresh)
        ids[start:end] = fresh

    def _edge(self, page: int, way: int) -> int:
        """Return how far a page reaches: to its neighbour where both were read within this era, else to its last id."""
        own = self._pages[page]
        neighbour = page + way
        if neighbour < 1:
            return -1
        if neighbour > self.pages:
            return 2**63
        beside = self._pages.get(neighbour)
        if beside and self._current(neighbour):
            return max(own[-1], beside[0] - 1) if way > 0 else min(own[0], beside[-1] + 1)
        return own[-1] if way > 0 else own[0]
