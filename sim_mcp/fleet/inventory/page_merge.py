"""Merge the pages of a list that changes while they are read, so that no SIM is lost and none is counted twice.

emnify pages by position: when a SIM is deleted, every later one moves up a place, and the first of an unread page moves
into one that was read already. Each page comes with the total at its moment; where the total changed between two
neighbouring pages, one of them is read again. After that, the position of each page that is current says how many ids
must come before it. Where there are more or fewer, something came or went in between, and bisection finds the page. So
a change costs a few pages, not all of them. Pure: the caller asks which pages to read, and adds what it read.

What no reader of pages can see: when one SIM goes and another comes between the same two readings, the total stays the
same, and a SIM at the boundary of two pages may be missed until the fleet is read again.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise

_MAX_EXTRA_PAGES = 10
"""Pages that may be read again beyond as many as there are."""


class PageMerge:
    """Hold the ids of pages, which are in ascending order, and may be read in any order and at different moments."""

    def __init__(self, per_page: int) -> None:
        self._per_page = per_page
        self._pages: dict[int, array[int]] = {}
        self._eras: dict[int, set[int]] = {}
        """By page, the eras in which it was read; in one era the total stays the same."""
        self._unreadable: dict[int, int] = {}
        self._era = 0
        self._ids: list[int] | None = None
        self.again = 0
        """Number of pages that were read again."""
        self.total: int | None = None
        self.lost: set[int] = set()
        """Ids that were read and have gone since."""

    @property
    def pages(self) -> int:
        """Return the number of pages the list has, as of the last reading; at least one."""
        return max(1, -(-(self.total or 0) // self._per_page))

    def add(self, page: int, ids: Sequence[int], total: int, *, unreadable: int = 0) -> None:
        """Add a page; `unreadable` rows take up positions and have no id."""
        if self.total is not None and total != self.total:
            self._era += 1
        self.total = total
        if page in self._pages:
            self.again += 1
            self._sorted_ids()
        self._unreadable[page] = unreadable
        self._eras.setdefault(page, set()).add(self._era)
        self._pages[page] = array("q", sorted(ids))
        if self._ids is not None:
            self._replace(page)

    def wanted(self) -> list[int]:
        """Return the pages to read next; none where all fits together, or too many were read again already."""
        if unread := self._unread():
            return unread
        if self.again > self.pages + _MAX_EXTRA_PAGES:
            return []
        return sorted(self._unjoined_pages() or self._misplaced_pages())

    @property
    def settled(self) -> bool:
        """Tell whether all pages were read and fit together."""
        return not (self._unread() or self._unjoined_pages() or self._misplaced_pages())

    @property
    def _numbers(self) -> range:
        return range(1, self.pages + 1)

    def _unread(self) -> list[int]:
        return [page for page in self._numbers if page not in self._pages]

    def _is_current(self, page: int) -> bool:
        return self._era in self._eras[page]

    def _unjoined_pages(self) -> set[int]:
        """Return one of each two neighbours that were never read in the same era: a SIM between them may be missing."""
        unjoined = [
            page
            for page in self._pages
            if page + 1 in self._pages and self._eras[page].isdisjoint(self._eras[page + 1])
        ]
        return {page + 1 if self._is_current(page) else page for page in unjoined}

    def _misplaced_pages(self) -> set[int]:
        """Return the page in the middle of each stretch of pages with more or fewer ids than positions."""
        if len(self._all_eras()) == 1 and self._sum() == (self.total or 0) and self._ascending():
            return set()
        ids = self._sorted_ids()
        known = [page for page in self._numbers if self._is_current(page) and self._pages[page]]
        unreadable_before = [0]
        for page in self._numbers:
            unreadable_before.append(unreadable_before[-1] + self._unreadable.get(page, 0))
        # Of each current page, by how many ids more than positions come before it.
        marks = [(0, 0)]
        marks += [
            (page, bisect_left(ids, self._pages[page][0]) + unreadable_before[page - 1] - (page - 1) * self._per_page)
            for page in known
        ]
        marks.append((self.pages + 1, len(ids) + unreadable_before[-1] - (self.total or 0)))
        found: set[int] = set()
        for (left, before), (right, after) in pairwise(marks):
            if before == after:
                continue
            if right - left > 1:
                found.add((left + right) // 2)
            else:
                # Both are current and yet do not join: something moved that left the total as it was.
                found |= {page for page in (left, right) if 1 <= page <= self.pages}
        return found

    def _all_eras(self) -> set[int]:
        return set().union(*self._eras.values())

    def _sum(self) -> int:
        return sum(len(self._pages[page]) + self._unreadable[page] for page in self._numbers)

    def _ascending(self) -> bool:
        filled = [ids for page in self._numbers if (ids := self._pages[page])]
        return all(one[-1] < other[0] for one, other in pairwise(filled))

    def _sorted_ids(self) -> list[int]:
        if self._ids is None:
            self._ids = sorted(set().union(*self._pages.values()))
            for page in [page for page in self._pages if self._is_current(page)]:
                self._replace(page)
        return self._ids

    def _replace(self, page: int) -> None:
        """Replace what was known between the first and the last id of a page by what the page holds now."""
        ids = self._ids
        if ids is None or not self._pages[page]:
            return
        start = bisect_left(ids, self._edge(page, -1))
        end = bisect_right(ids, self._edge(page, +1))
        fresh = list(self._pages[page])
        self.lost |= set(ids[start:end])
        self.lost -= set(fresh)
        ids[start:end] = fresh

    def _edge(self, page: int, step: int) -> int:
        """Return how far a page reaches: to its neighbour where that is current too, else to its own last id.

        Args:
            page: its number.
            step: 1 for the neighbour after it, -1 for the one before.
        """
        own = self._pages[page]
        neighbour = page + step
        if neighbour < 1:
            return -1
        if neighbour > self.pages:
            return 2**63
        other = self._pages.get(neighbour)
        if other and self._is_current(neighbour):
            return max(own[-1], other[0] - 1) if step > 0 else min(own[0], other[-1] + 1)
        return own[-1] if step > 0 else own[0]
