"""Operations that explain why a device cannot be reached: called rarely, to find a fault."""

from collections.abc import Awaitable, Callable

from sim_mcp.emnify.endpoints.pages import Page
from sim_mcp.emnify.filters import NEWEST_FIRST, EventFilter, EventSort
from sim_mcp.emnify.http.calls import Answer, Call, collection, on_device
from sim_mcp.emnify.models import ConnectivityInfo, Event, LimitExtension, Network, Quota
from sim_mcp.emnify.parsing import parse_page, parse_record, parse_records

Send = Callable[[Call, float | None], Awaitable[Answer]]


class Reachability:
    """Read what explains why a device is or is not online. Every method takes `deadline_s`, its time in seconds."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def get_connectivity_info(self, device_id: int, *, deadline_s: float | None = None) -> ConnectivityInfo:
        """Ask the visited network about a device (GET /api/v1/endpoint/{id}/connectivity_info)."""
        answer = await self._send(on_device("/connectivity_info", device_id), deadline_s)
        return parse_record(ConnectivityInfo, answer)

    async def get_sms_quota(self, device_id: int, *, deadline_s: float | None = None) -> Quota:
        """Get what is left of a device's SMS quota, as a count (GET /api/v1/endpoint/{id}/quota/sms)."""
        return parse_record(Quota, await self._send(on_device("/quota/sms", device_id), deadline_s))

    async def list_blocked_operators(self, device_id: int, *, deadline_s: float | None = None) -> list[Network]:
        """List the networks a device may not use (GET /api/v1/endpoint/{id}/operator_blacklist)."""
        answer = await self._send(on_device("/operator_blacklist", device_id), deadline_s)
        return parse_records(Network, answer)[0]

    async def list_limit_extensions(self, device_id: int, *, deadline_s: float | None = None) -> list[LimitExtension]:
        """List what was granted beyond a device's limit (GET /api/v1/endpoint/{id}/traffic_limit_extension)."""
        answer = await self._send(on_device("/traffic_limit_extension", device_id), deadline_s)
        return parse_records(LimitExtension, answer)[0]

    async def list_device_events(
        self,
        device_id: int,
        filter: EventFilter,  # noqa: A002  # the word emnify uses.
        *,
        per_page: int = 100,
        deadline_s: float | None = None,
    ) -> Page[Event]:
        """List the newest events of a device, whichever SIM was in it (GET /api/v1/endpoint/{id}/event)."""
        params = collection(str(filter), str(NEWEST_FIRST), 1, per_page)
        call = on_device("/event", device_id, params)
        return parse_page(Event, await self._send(call, deadline_s), page=1, per_page=per_page)

    async def list_workspace_events(
        self,
        filter: EventFilter,  # noqa: A002  # as above.
        *,
        sort: EventSort = NEWEST_FIRST,
        page: int = 1,
        per_page: int = 20,
        deadline_s: float | None = None,
    ) -> Page[Event]:
        """List the events of the whole workspace (GET /api/v1/event)."""
        params = collection(str(filter), str(sort), page, per_page)
        call = Call("GET", "/api/v1/event", "the workspace's events", params=params)
        return parse_page(Event, await self._send(call, deadline_s), page=page, per_page=per_page)
