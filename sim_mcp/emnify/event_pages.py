"""One SIM's events, page by page, in pages as large as emnify lets them be."""

from sim_mcp.emnify.client import EmnifyClient
from sim_mcp.emnify.errors import RuleError
from sim_mcp.emnify.filters import EventFilter
from sim_mcp.emnify.models import Event, Page

CERTAIN = 100
"""Events a page holds where nothing is asked for, so that emnify takes it anywhere; its largest is not documented."""

_BAD_REQUEST = 400


class EventPages:
    """Read a SIM's events with pages of up to `per_page`; where emnify refuses those (400), with pages of 100."""

    def __init__(
        self,
        client: EmnifyClient,
        sim_id: int,
        filter: EventFilter,  # noqa: A002  # the word emnify uses.
        *,
        per_page: int,
        newest_first: bool = True,
    ) -> None:
        self._client, self._sim_id, self._filter, self._newest_first = client, sim_id, filter, newest_first
        self._per_page = min(per_page, client.largest_event_page)

    async def read(self, page: int, *, deadline_s: float) -> Page[Event]:
        """Return a page; the first decides how large all of them are (GET /api/v1/sim/{id}/event).

        Raises:
            EmnifyError: emnify could not be asked.
        """
        try:
            return await self._ask(page, deadline_s)
        except RuleError as error:
            if page > 1 or self._per_page <= CERTAIN or error.status != _BAD_REQUEST:
                raise
        self._per_page = CERTAIN
        found = await self._ask(page, deadline_s)
        # It was the size: the next SIM is not asked in vain.
        self._client.largest_event_page = CERTAIN
        return found

    async def _ask(self, page: int, deadline_s: float) -> Page[Event]:
        return await self._client.list_sim_events(
            self._sim_id,
            self._filter,
            newest_first=self._newest_first,
            page=page,
            per_page=self._per_page,
            deadline_s=deadline_s,
        )
