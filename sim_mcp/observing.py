"""What happens inside, told to whoever listens: by default nobody, and then telling costs nothing.

What is told names operations, tools, statuses and reasons, of which there are few; never a person, a SIM or a plan.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

Route = Literal["form", "page", "policy"]
PlanState = Literal["made", "approved", "rejected"]


class Attempt:
    """One request to emnify, while it is under way."""

    def answered(self, status: int, request_id: str | None) -> None:
        """Hear the status of the answer, and emnify's own id of the request."""


class Observer:
    """Hear what happens; this one does nothing with it."""

    def attempt(self, operation: str, host: str, number: int) -> AbstractContextManager[Attempt]:
        """Return a block in which a request to emnify is sent, for the so-many-th time, and answered or lost.

        Args:
            operation: method and route template, such as `GET /api/v1/sim/{id}`.
            host: the name it is sent to.
            number: 1 for the first attempt.
        """
        del operation, host, number
        return nullcontext(Attempt())

    def turn_came(self, operation: str, waited_s: float, *, background: bool) -> None:
        """Hear how long a request waited for its turn under the rate limits."""

    def turn_refused(self, operation: str) -> None:
        """Hear that a request was not sent, since its turn would have come too late."""

    def throttled(self, operation: str) -> None:
        """Hear that emnify asked to slow down (429)."""

    def plan(self, tool: str, state: PlanState) -> None:
        """Hear that a plan was made, approved or rejected."""

    def decided(self, route: Route, *, approved: bool) -> None:
        """Hear by which route a yes or a no to a plan came."""

    def settled(self, tool: str, outcomes: Mapping[str, int]) -> None:
        """Hear what became of the items of a plan: how many of each outcome."""

    def lease_taken_over(self) -> None:
        """Hear that a plan was taken over from a replica that no longer works on it."""

    def caller_refused(self, reason: str) -> None:
        """Hear why a request was not let in; the reason is one of a few words."""

    def watch_unsettled(self, count: Callable[[], int]) -> None:
        """Take a function that counts what was sent and is not settled; it blocks, and is called on another thread."""


NOBODY = Observer()
