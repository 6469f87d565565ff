"""One SIM's events, in pages as large as emnify lets them be."""

from sim_mcp.emnify.client import EmnifyClient
from sim_mcp.emnify.endpoints.pages import SAFE_EVENTS_PER_PAGE, Page
from sim_mcp.emnify.errors import RuleError
from sim_mcp.emnify.filters import NEWEST_FIRST, EventFilter, EventSort
from sim_mcp.emnify.models import Event

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
        sort: EventSort = NEWEST_FIRST,
    ) -> None:
        self._client, self._sim_id, self._filter, self._sort = client, sim_id, filter, sort
        self._per_page = min(per_page, client.max_events_per_page)

    async def read(self, page: int, *, deadline_s: float) -> Page[Event]:
        """Return a page; the first decides how large all of them are (GET /api/v1/sim/{id}/event).

        Raises:
            EmnifyError: emnify could not be asked.
        """
        try:
            return await self._ask(page, deadline_s)
        except RuleError as error:
            if page > 1 or self._per_page <= SAFE_EVENTS_PER_PAGE or error.status != _BAD_REQUEST:
                raise
        self._per_page = SAFE_EVENTS_PER_PAGE
        found = await self._ask(page, deadline_s)
        # So it was the size: pages of the next SIM begin with the smaller one.
        self._client.max_events_per_page = SAFE_EVENTS_PER_PAGE
        return found

    async def _ask(self, page: int, deadline_s: float) -> Page[Event]:
        return await self._client.list_sim_events(
            self._sim_id,
            self._filter,
            sort=self._sort,
            page=page,
            per_page=self._per_page,
            deadline_s=deadline_s,
        )
