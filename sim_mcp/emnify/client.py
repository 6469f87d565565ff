"""emnify's SIM API: one method per operation."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date, datetime
from importlib.metadata import version
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import anyio
import httpx
from pydantic import SecretStr

from sim_mcp.emnify.change import SimChange
from sim_mcp.emnify.endpoints.batches import Batches
from sim_mcp.emnify.endpoints.organisation import OwnOrganisation
from sim_mcp.emnify.endpoints.pages import (
    MAX_DEVICES_PER_PAGE,
    MAX_EVENTS_PER_PAGE,
    MAX_SIMS_PER_PAGE,
    Page,
    iter_pages,
)
from sim_mcp.emnify.endpoints.reachability import Reachability
from sim_mcp.emnify.endpoints.usage import DailyUsage, SimUsage
from sim_mcp.emnify.errors import InvalidValueError
from sim_mcp.emnify.filters import NEWEST_FIRST, DeviceFilter, EventFilter, EventSort, SimFilter, SimSort
from sim_mcp.emnify.http.auth import ApplicationTokens, SignedIn
from sim_mcp.emnify.http.calls import A_WHILE_S, Answer, Call, check_page, collection, on_device, on_sim
from sim_mcp.emnify.http.shared_reads import SharedReads
from sim_mcp.emnify.http.transport import Transport
from sim_mcp.emnify.limits.asking import asking_now
from sim_mcp.emnify.limits.budget import OwnBudget
from sim_mcp.emnify.limits.pacer import Pacer
from sim_mcp.emnify.limits.rate_limit import PUBLISHED_LIMITS, Limits
from sim_mcp.emnify.limits.shared_limits import LimitStore
from sim_mcp.emnify.models import Connectivity, Device, Event, Label, Quota, Sim
from sim_mcp.emnify.parsing import parse_array, parse_page, parse_raw_page, parse_record, parse_records
from sim_mcp.emnify.remembered_numbers import RememberedNumbers
from sim_mcp.observing import NOBODY, Observer

DEFAULT_DEADLINE_S = 45.0


class EmnifyClient:
    """A client of emnify's SIM API with one application token. Use it as an async context manager.

    Every method takes `deadline_s`, the seconds it may take in all, and raises only subclasses of EmnifyError.

    Attributes:
        reachability: operations that explain why a device cannot be reached.
        organisation: operations on the workspace as a whole.
        numbers: which SIM had which number when it was last read.
    """

    def __init__(
        self,
        *,
        base_url: str,
        application_token: str | SecretStr,
        limits: Limits = PUBLISHED_LIMITS,
        deadline_s: float = DEFAULT_DEADLINE_S,
        transport: httpx.AsyncBaseTransport | None = None,
        observer: Observer = NOBODY,
        limit_store: LimitStore | None = None,
        application_tokens: ApplicationTokens | None = None,
        budget: OwnBudget | None = None,
        kept_for: str = "",
    ) -> None:
        """Make a client.

        `kept_for` names whom alone what is read is kept for, where not everybody with the same token may have it.
        """
        token = application_token if isinstance(application_token, SecretStr) else SecretStr(application_token)
        self._deadline_s = deadline_s
        self._transport = Transport(
            base_url=base_url,
            application_token=token,
            limits=limits,
            user_agent=f"sim-mcp/{version('sim-mcp')}",
            transport=transport,
            observer=observer,
            limit_store=limit_store,
            application_tokens=application_tokens,
            budget=budget,
            kept_for=kept_for,
        )
        self._reads = SharedReads(self._transport.send, self._transport.pacer, self.now)
        self.numbers = RememberedNumbers()
        self.reachability = Reachability(self._send)
        self.organisation = OwnOrganisation(self._send)
        self.batches = Batches(self._send)
        self.max_events_per_page = MAX_EVENTS_PER_PAGE
        """The largest page of events that emnify has not refused yet; `EventPages` lowers it."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.close()

    def __repr__(self) -> str:
        return f"EmnifyClient({urlsplit(self._transport.base_url).netloc})"

    def forget(self, sim_id: int | None) -> None:
        """Answer nothing more about a SIM, or with None about any, from what was read before: another writes to it."""
        self._reads.forget(sim_id)

    def now(self) -> datetime:
        """Return emnify's time, by the `Date` of its newest answer."""
        return self._transport.clock.now()

    def as_of(self) -> datetime:
        """Return as of when the answers of the present call are: now, unless some were given from what is known."""
        known = asking_now().known
        return self.now() if known is None or known.as_of is None else min(self.now(), known.as_of)

    @property
    def own_organisation_id(self) -> int | None:
        """Return the id of the token's workspace, or None before the first sign-in."""
        return self._transport.auth.organisation_id

    @property
    def own_organisation_name(self) -> str | None:
        """Return what emnify calls the token's workspace, or None before the first sign-in."""
        return self._transport.auth.organisation_name

    @property
    def last_sign_in(self) -> SignedIn:
        """Return how signing in went last."""
        return self._transport.auth.last

    @property
    def identity(self) -> str:
        """Return a digest of token and address, which reveals neither of them."""
        return self._transport.identity

    @property
    def pacer(self) -> Pacer:
        """Return the pacer, which keeps the rate limits."""
        return self._transport.pacer

    async def wait_s(self, operation: str) -> float:
        """Return in how many seconds a request of this operation may be sent, as things stand on all servers."""
        return await self._transport.wait_s(operation)

    # SIMs

    async def list_sims(
        self,
        filter: SimFilter | None = None,  # noqa: A002  # the word emnify uses.
        *,
        sort: Sequence[SimSort] = (),
        page: int = 1,
        per_page: int = 25,
        deadline_s: float | None = None,
    ) -> Page[Sim]:
        """List SIMs, filtered and sorted (GET /api/v1/sim). emnify matches parts of values: compare what it returns."""
        check_page(page, per_page, MAX_SIMS_PER_PAGE)
        params = collection(str(filter or ""), ",".join(map(str, sort)), page, per_page)
        answer = await self._send(Call("GET", "/api/v1/sim", "the SIMs", params=params), deadline_s)
        found = parse_page(Sim, answer, page=page, per_page=per_page)
        for sim in found.items:
            self.numbers.learn(sim)
        return found

    async def iter_sim_pages(
        self,
        filter: SimFilter | None = None,  # noqa: A002  # as above.
        *,
        sort: Sequence[SimSort] = (),
        per_page: int = MAX_SIMS_PER_PAGE,
        deadline_s: float | None = None,
    ) -> AsyncIterator[Page[Sim]]:
        """Yield every page of the SIMs, as `iter_pages` does (GET /api/v1/sim)."""

        async def read(page: int) -> Page[Sim]:
            return await self.list_sims(filter, sort=sort, page=page, per_page=per_page, deadline_s=deadline_s)

        async for page in iter_pages(read):
            yield page

    async def list_raw_sims(
        self,
        filter: SimFilter | None = None,  # noqa: A002  # as above.
        *,
        sort: Sequence[SimSort] = (SimSort("id"),),
        page: int = 1,
        per_page: int = MAX_SIMS_PER_PAGE,
        on_sent: Callable[[], None] | None = None,
        deadline_s: float | None = None,
    ) -> Page[Any]:
        """List SIMs, filtered and sorted, as decoded JSON (GET /api/v1/sim): parsing takes longer than fetching them.

        `on_sent` is called when the request is sent, and again with each further attempt.
        """
        check_page(page, per_page, MAX_SIMS_PER_PAGE)
        params = collection(str(filter or ""), ",".join(map(str, sort)), page, per_page)
        call = Call("GET", "/api/v1/sim", "the SIMs", params=params, on_sent=on_sent)
        return parse_raw_page(await self._send(call, deadline_s), page=page, per_page=per_page)

    async def get_sim(self, sim_id: int, *, deadline_s: float | None = None) -> Sim:
        """Get one SIM (GET /api/v1/sim/{id})."""
        return parse_record(Sim, await self._send(on_sim("GET", "", sim_id), deadline_s))

    async def update_sim(self, sim_id: int, change: SimChange, *, deadline_s: float | None = None) -> str | None:
        """Change a SIM's status or organisations (PATCH /api/v1/sim/{id}); return emnify's id of the request."""
        body = change.body()
        if not body:
            raise InvalidValueError("a change that changes nothing was not sent")
        return (await self._send(on_sim("PATCH", "", sim_id, json=body), deadline_s)).request_id

    async def delete_sim(self, sim_id: int, *, deadline_s: float | None = None) -> str | None:
        """Delete a SIM for good (DELETE /api/v1/sim/{id}); return emnify's id of the request."""
        return (await self._send(on_sim("DELETE", "", sim_id), deadline_s)).request_id

    async def delete_sims(self, sim_ids: Sequence[int], *, deadline_s: float | None = None) -> str | None:
        """Delete several SIMs in one request (DELETE /api/v1/sim/multi); return emnify's id of the request.

        Whether it deletes all or none where one cannot be deleted is not documented.
        """
        if not sim_ids:
            raise InvalidValueError("a deletion of no SIMs was not sent")
        body = [{"id": sim_id} for sim_id in sim_ids]
        call = Call("DELETE", "/api/v1/sim/multi", f"{len(sim_ids)} SIMs", json=body)
        return (await self._send(call, deadline_s)).request_id

    async def list_sim_statuses(self, *, deadline_s: float | None = None) -> list[Label]:
        """List the statuses a SIM can have (GET /api/v1/sim/status)."""
        call = Call("GET", "/api/v1/sim/status", "the statuses", lasts_s=A_WHILE_S)
        answer = await self._send(call, deadline_s)
        return parse_records(Label, answer)[0]

    # Events and usage

    async def list_sim_events(
        self,
        sim_id: int,
        filter: EventFilter | None = None,  # noqa: A002  # as above.
        *,
        sort: EventSort = NEWEST_FIRST,
        page: int = 1,
        per_page: int = 100,
        deadline_s: float | None = None,
    ) -> Page[Event]:
        """List a SIM's events (GET /api/v1/sim/{id}/event).

        Raises:
            NotFoundError: There is no such SIM; emnify itself answers with an empty list then.
        """
        check_page(page, per_page, MAX_EVENTS_PER_PAGE)
        allowed_s = self._deadline_s if deadline_s is None else deadline_s
        over_at = anyio.current_time() + allowed_s
        params = collection(str(filter or ""), str(sort), page, per_page)
        answer = await self._send(on_sim("GET", "/event", sim_id, params=params), allowed_s)
        events = parse_page(Event, answer, page=page, per_page=per_page)
        if not events.items and not events.unreadable and not events.total:
            await self.get_sim(sim_id, deadline_s=over_at - anyio.current_time())
        return events

    async def get_sim_usage(self, sim_id: int, *, deadline_s: float | None = None) -> SimUsage:
        """Get a SIM's usage this month and last (GET /api/v1/sim/{id}/stats)."""
        return parse_record(SimUsage, await self._send(on_sim("GET", "/stats", sim_id), deadline_s))

    async def get_sim_daily_usage(
        self, sim_id: int, start: date, end: date, *, deadline_s: float | None = None
    ) -> DailyUsage:
        """Get a SIM's usage by day, both days included (GET /api/v1/sim/{id}/stats/daily)."""
        if start > end:
            raise InvalidValueError(f"start {start} is after end {end}")
        params: dict[str, str | int] = {"start_date": start.isoformat(), "end_date": end.isoformat()}
        answer = await self._send(on_sim("GET", "/stats/daily", sim_id, params=params), deadline_s)
        return DailyUsage.read(parse_array(answer))

    # Devices

    async def list_devices(
        self,
        filter: DeviceFilter | None = None,  # noqa: A002  # as above.
        *,
        sort: str = "id",
        page: int = 1,
        per_page: int = 25,
        deadline_s: float | None = None,
    ) -> Page[Device]:
        """List devices with the SIM in each (GET /api/v1/endpoint)."""
        check_page(page, per_page, MAX_DEVICES_PER_PAGE)
        params = collection(str(filter or ""), sort, page, per_page)
        answer = await self._send(Call("GET", "/api/v1/endpoint", "the devices", params=params), deadline_s)
        return parse_page(Device, answer, page=page, per_page=per_page)

    async def iter_device_pages(
        self,
        filter: DeviceFilter | None = None,  # noqa: A002  # as above.
        *,
        per_page: int = MAX_DEVICES_PER_PAGE,
        deadline_s: float | None = None,
    ) -> AsyncIterator[Page[Device]]:
        """Yield every page of the devices by id, as `iter_pages` does (GET /api/v1/endpoint)."""

        async def read(page: int) -> Page[Device]:
            return await self.list_devices(filter, page=page, per_page=per_page, deadline_s=deadline_s)

        async for page in iter_pages(read):
            yield page

    async def get_device(self, device_id: int, *, deadline_s: float | None = None) -> Device:
        """Get one device (GET /api/v1/endpoint/{id})."""
        return parse_record(Device, await self._send(on_device("", device_id), deadline_s))

    async def get_connectivity(self, device_id: int, *, deadline_s: float | None = None) -> Connectivity:
        """Get whether a device is online (GET /api/v1/endpoint/{id}/connectivity)."""
        return parse_record(Connectivity, await self._send(on_device("/connectivity", device_id), deadline_s))

    async def get_data_quota(self, device_id: int, *, deadline_s: float | None = None) -> Quota:
        """Get what is left of a device's data quota (GET /api/v1/endpoint/{id}/quota/data)."""
        return parse_record(Quota, await self._send(on_device("/quota/data", device_id), deadline_s))

    async def _send(self, call: Call, deadline_s: float | None) -> Answer:
        return await self._reads.send(call, self._deadline_s if deadline_s is None else deadline_s)
