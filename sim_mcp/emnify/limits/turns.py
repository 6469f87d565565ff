"""Whose turn it is among those who wait to send the same operation: changes first, then each party in turn."""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio

from sim_mcp.emnify.limits.budget import Party

_FIRST = "change"


@dataclass(eq=False)
class Place:
    """A place in a line."""

    party: Party
    woken: anyio.Event = field(default_factory=anyio.Event)


class Line:
    """Let one at a time to the front. Within a party, first come is first served."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waiting: OrderedDict[Party, deque[Place]] = OrderedDict()
        self._not_before: dict[Party, float] = {}
        self._front: Place | None = None

    def ahead_of(self, party: Party) -> int:
        """Return how many would be served before somebody of a party who came now, as far as that is known."""
        own = len(self._waiting.get(party, ()))
        if party[0] == _FIRST:
            return own
        others = [len(places) for each, places in self._waiting.items() if each != party]
        return own + sum(min(number, own + 1) for number in others)

    def join(self, party: Party) -> Place:
        """Take the last place of a party."""
        place = Place(party)
        self._waiting.setdefault(party, deque()).append(place)
        return place

    async def wait(self, place: Place) -> None:
        """Wait until a place is at the front; it stays there until it steps back or leaves."""
        while self._front is not None or self._next() is not place:
            place.woken = anyio.Event()
            with anyio.move_on_after(self._wakes_itself_in(place)):
                await place.woken.wait()
        self._front = place

    def step_back(self, place: Place, for_s: float) -> None:
        """Let others to the front, for so many seconds all parties but this one."""
        self._not_before[place.party] = self._clock() + for_s
        self._free(place)

    def leave(self, place: Place) -> None:
        """Give a place up, wherever it is; whoever has been at the front lets other parties go first next time."""
        places = self._waiting[place.party]
        places.remove(place)
        if self._front is place:
            self._waiting.move_to_end(place.party)
            self._not_before.pop(place.party, None)
        if not places:
            del self._waiting[place.party]
            self._not_before.pop(place.party, None)
        self._free(place)

    def _free(self, place: Place) -> None:
        if self._front is place:
            self._front = None
        for places in self._waiting.values():
            places[0].woken.set()

    def _next(self) -> Place | None:
        now = self._clock()
        ready = [party for party in self._waiting if self._not_before.get(party, now) <= now]
        first = next((party for party in ready if party[0] == _FIRST), next(iter(ready), None))
        return None if first is None else self._waiting[first][0]

    def _wakes_itself_in(self, place: Place) -> float:
        """Return after how many seconds the first of a party that had to step back looks again; others are woken."""
        until = self._not_before.get(place.party)
        return float("inf") if until is None or self._waiting[place.party][0] is not place else until - self._clock()
