"""What one workspace is answered with: its client, its inventory, its usage, its exports, its changes."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

import anyio
from mcp.server import MCPServer
from pydantic import SecretStr

from sim_mcp.changes.bell import Bell
from sim_mcp.changes.record.entries import Caller
from sim_mcp.changes.record.place import open_record
from sim_mcp.changes.record.storage import Record
from sim_mcp.changes.service import ChangeService
from sim_mcp.changes.sharing import Sharing, TakeUp
from sim_mcp.emnify import PUBLISHED_LIMITS, EmnifyClient
from sim_mcp.emnify.http.auth import ApplicationTokens
from sim_mcp.emnify.limits.budget import OwnBudget
from sim_mcp.emnify.limits.shared_limits import LimitStore
from sim_mcp.exports.service import WAITS_S, ExportService
from sim_mcp.exports.sources import rows_of
from sim_mcp.fleet.inventory.fleet_search import FleetSearch
from sim_mcp.fleet.inventory.inventory import Inventory
from sim_mcp.fleet.inventory.sharing import SharedFleet
from sim_mcp.fleet.usage.scan import UsageScan
from sim_mcp.fleet.usage.sharing import KeptUsage
from sim_mcp.observing import NOBODY, Observer
from sim_mcp.server.rates import CallRates, CallStore
from sim_mcp.server.readiness import Readiness, WatchedStore
from sim_mcp.server.upstreams.own_tokens import NoToken
from sim_mcp.server.workspaces import Workspaces
from sim_mcp.settings import Settings
from sim_mcp.tools.context import AppState


class SharedStore(LimitStore, CallStore, WatchedStore, Protocol):
    """What servers share: emnify's limits, and how often each caller may call."""


@dataclass(frozen=True)
class Shared:
    """What servers keep together in their database."""

    limits: SharedStore
    fleet: Callable[[str], SharedFleet]
    """What is kept of the fleet of a workspace, by the client's identity."""
    usage: KeptUsage


@dataclass(frozen=True)
class Builder:
    """Build the services of a workspace, by what is the same for all of them."""

    waits_s: float = WAITS_S
    forms_count: bool = True
    observer: Observer = NOBODY
    people_sign_in: bool = False
    """Whether each call is that of somebody who signed in."""
    record: Record | None = None
    """Where changes are recorded, for all workspaces; None where there is no place for it."""
    making: list[ChangeService] = field(default_factory=list)
    """What makes changes, while it runs: the pages show its plans."""

    @asynccontextmanager
    async def services(
        self,
        settings: Settings,
        shared: Shared | None,
        tokens: ApplicationTokens | None = None,
        budget: OwnBudget | None = None,
    ) -> AsyncIterator[AppState]:
        """Yield the services of one workspace, whose token the settings hold; at the end what they do is ended.

        Args:
            settings: those for this workspace.
            shared: what servers keep together.
            tokens: where its token comes from, if it may be another one by and by.
            budget: what keeps emnify's limits, where the one of the address is shared with other workspaces.
        """
        if settings.token_owner == ():
            async with self._desk(settings) as state:
                yield state
            return
        if settings.application_token is None:
            yield AppState(settings, None, None, None, forms_count=self.forms_count)
            return
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(
                EmnifyClient(
                    base_url=settings.base_url,
                    application_token=settings.application_token,
                    limit_store=shared.limits if shared else None,
                    observer=self.observer,
                    application_tokens=tokens,
                    budget=budget,
                    kept_for=" ".join(settings.token_owner or ()),
                )
            )
            fleet = shared.fleet(client.identity) if shared else None
            inventory = await stack.enter_async_context(Inventory(client, _state_directory(settings), shared=fleet))
            known_usage = shared.usage if shared else None
            usage = await stack.enter_async_context(UsageScan(client, _state_directory(settings), shared=known_usage))
            changes = ChangeService(
                client,
                settings,
                inventory,
                run_for_s=self.waits_s,
                observer=self.observer,
                people_sign_in=self.people_sign_in,
                record=self.record,
            )
            self.making.append(changes)
            stack.callback(self.making.remove, changes)
            async with anyio.create_task_group() as background:
                background.start_soon(changes.host_page)
                background.start_soon(changes.recover)
                rows = partial(rows_of, client, fleet=lambda: FleetSearch(inventory))
                exports = ExportService(
                    rows,
                    client.now,
                    settings.export_dir,
                    background,
                    waits_s=self.waits_s,
                    workspace=settings.workspace,
                )
                yield AppState(settings, client, changes, inventory, usage, exports, self.forms_count)
                background.cancel_scope.cancel()

    @asynccontextmanager
    async def _desk(self, settings: Settings) -> AsyncIterator[AppState]:
        """Yield what shows the plans of a workspace to which callers bring their own tokens; it asks emnify nothing."""
        no_token = NoToken()
        async with EmnifyClient(
            base_url=settings.base_url, application_token=SecretStr("none"), application_tokens=no_token
        ) as client:
            changes = ChangeService(
                client, settings, observer=self.observer, people_sign_in=self.people_sign_in, record=self.record
            )
            self.making.append(changes)
            try:
                async with anyio.create_task_group() as background:
                    background.start_soon(changes.recover)
                    yield AppState(settings, forms_count=self.forms_count)
                    background.cancel_scope.cancel()
            finally:
                self.making.remove(changes)


@asynccontextmanager
async def shared_by(settings: Settings) -> AsyncIterator[Shared | None]:
    """Yield what servers keep together, or None where there is one server alone."""
    if settings.database_url is None:
        yield None
        return
    # The driver is loaded only where a database is used.
    from sim_mcp.emnify.limits.postgres_limits import PostgresLimits  # noqa: PLC0415
    from sim_mcp.shared_fleet.database import SharedDatabase  # noqa: PLC0415
    from sim_mcp.shared_fleet.snapshots import PostgresSnapshots  # noqa: PLC0415
    from sim_mcp.shared_fleet.usage import PostgresUsage  # noqa: PLC0415

    async with aclosing(PostgresLimits(settings.database_url)) as limits:
        with closing(SharedDatabase(settings.database_url)) as database:
            yield Shared(limits, partial(PostgresSnapshots, database), PostgresUsage(database))


def lifespan_of(
    settings: Settings,
    builder: Builder,
    readiness: Readiness,
    workspaces: Workspaces | None,
    rates: CallRates,
    bell: Bell,
) -> Callable[[MCPServer[AppState]], AbstractAsyncContextManager[AppState]]:
    """Return what holds all that lives as long as the server."""

    @asynccontextmanager
    async def lifespan(_: MCPServer[AppState]) -> AsyncIterator[AppState]:
        async with shared_by(settings) as shared, AsyncExitStack() as stack:
            rates.store = readiness.limit_store = shared.limits if shared else None
            if builder.record is not None:
                stack.callback(builder.record.close)
            if workspaces is None:
                state = await stack.enter_async_context(builder.services(settings, shared))
                readiness.client = state.client
                await stack.enter_async_context(_sharing(builder, bell, _taking_up(state), looks_first=False))
                yield state
                return

            first: dict[str, OwnBudget] = {}

            def services(of_one: Settings, tokens: ApplicationTokens | None) -> AbstractAsyncContextManager[AppState]:
                # emnify counts what comes from this machine together, whichever workspace it is for.
                budget = OwnBudget(PUBLISHED_LIMITS, beside=first.get(of_one.base_url))
                first.setdefault(of_one.base_url, budget)
                return builder.services(of_one, shared, tokens, budget)

            await stack.enter_async_context(workspaces.hosted(services))
            await stack.enter_async_context(_sharing(builder, bell, workspaces.take_up, looks_first=True))
            yield AppState(settings, None, None, forms_count=builder.forms_count)

    return lifespan


@asynccontextmanager
async def _sharing(builder: Builder, bell: Bell, take_up: TakeUp, *, looks_first: bool) -> AsyncIterator[None]:
    """Within the block, work with the other servers that share the record, if there is one."""
    async with anyio.create_task_group() as background:
        if builder.record is not None:
            sharing = Sharing(builder.record, builder.making, bell, take_up, looks_first=looks_first)
            background.start_soon(sharing.run)
        yield
        background.cancel_scope.cancel()


def _taking_up(state: AppState) -> TakeUp:
    async def take_up(_: str, __: Caller, plan: str | None) -> None:
        if plan is not None and state.changes is not None:
            await state.changes.go_on_with(plan)

    return take_up


def record_of(settings: Settings) -> Record | None:
    """Return where changes are recorded, or None if there is no place for it: who plans one is told."""
    try:
        return open_record(settings.record_place())
    except OSError:
        return None


def _state_directory(settings: Settings) -> Path | None:
    """Return the state directory, or None if there is none; the inventory is then kept in memory."""
    try:
        return settings.state_directory()
    except OSError:
        return None
