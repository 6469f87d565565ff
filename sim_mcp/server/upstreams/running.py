"""What runs: the services of each workspace, or of each caller there, started when they are first used."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import Context, copy_context
from typing import NamedTuple

import anyio
from anyio.abc import TaskGroup

from sim_mcp.emnify.http.auth import ApplicationTokens
from sim_mcp.logs import logging_with
from sim_mcp.server.marks import PARAMETER
from sim_mcp.settings import Settings
from sim_mcp.tools.context import AppState

log = logging.getLogger(__name__)

Services = Callable[[Settings, ApplicationTokens | None], AbstractAsyncContextManager[AppState]]


class Slot(NamedTuple):
    """What services are for: a workspace, and where callers bring their own tokens, one of them."""

    workspace: str
    owner: tuple[str, ...] | None = None
    """Whose, by issuer and subject; empty for what all of them share; None where the token is the operator's."""

    @property
    def is_somebodys(self) -> bool:
        """Tell whether it is for one caller alone."""
        return bool(self.owner)


class Opening(NamedTuple):
    """What services are started with."""

    settings: Settings
    tokens: ApplicationTokens | None


class TooManyAtWorkError(Exception):
    """As many callers as may be are at work, each with a token of their own."""


class _Running:
    def __init__(self, stamp: str) -> None:
        self.stamp = stamp
        """What they were started with: another token is another stamp."""
        self.state: AppState | None = None
        self.started = anyio.Event()
        self.scope = anyio.CancelScope()
        self.users = 0
        self.retired = False

    def leave(self) -> None:
        self.users -= 1
        self.end_if_idle()

    def retire(self) -> None:
        self.retired = True
        self.end_if_idle()

    def end_if_idle(self) -> None:
        # Who is in the middle of a call is not cut off.
        if self.retired and not self.users:
            self.scope.cancel()


class Running:
    """Start services, hand them out, and end them; of callers, no more than so many at once."""

    def __init__(self, most_callers: int) -> None:
        self._most_callers = most_callers
        self._running: dict[Slot, _Running] = {}
        """Those used last at the end."""
        self._locks: dict[Slot, anyio.Lock] = {}
        self._services: Services | None = None
        self._background: TaskGroup | None = None
        self._context: Context | None = None

    def states(self) -> Mapping[Slot, AppState]:
        """Return the services that run."""
        return {slot: each.state for slot, each in self._running.items() if each.state is not None}

    def stamps(self) -> Mapping[Slot, str]:
        """Return what those that run were started with."""
        return {slot: each.stamp for slot, each in self._running.items()}

    @asynccontextmanager
    async def hosted(self, services: Services) -> AsyncIterator[TaskGroup]:
        """Within the block, services can be started; at its end all are ended. Yield what works in the background."""
        async with anyio.create_task_group() as background:
            self._services, self._background, self._context = services, background, copy_context()
            try:
                yield background
            finally:
                self._running.clear()
                background.cancel_scope.cancel()

    @asynccontextmanager
    async def used(
        self, slot: Slot, opening: Callable[[], Awaitable[Opening]], stamp: str = ""
    ) -> AsyncIterator[AppState]:
        """Yield services, started if they are not; within the block they are not ended.

        Args:
            slot: what they are for.
            opening: returns what to start them with.
            stamp: what they have to be started with; those that run by another stamp are ended.

        Raises:
            TooManyAtWorkError: There is no room for another caller.
        """
        running = await self._start(slot, opening, stamp)
        if running.state is None:
            running.leave()
            raise RuntimeError(f"the workspace {slot.workspace} could not be started")
        try:
            yield running.state
        finally:
            running.leave()

    def retire(self, slot: Slot) -> None:
        """End services, once nobody is in the middle of using them."""
        if (running := self._running.pop(slot, None)) is not None:
            running.retire()

    def retire_all(self, workspace: str) -> None:
        """End the services of a workspace, of whichever caller, once nobody is in the middle of using them."""
        for slot in [slot for slot in self._running if slot.workspace == workspace]:
            self.retire(slot)

    async def _start(self, slot: Slot, opening: Callable[[], Awaitable[Opening]], stamp: str) -> _Running:
        if self._background is None or self._context is None:
            raise RuntimeError("workspaces are started while they are hosted")
        async with self._locks.setdefault(slot, anyio.Lock()):
            running = self._running.get(slot)
            if running is not None and running.stamp == stamp:
                running.users += 1
                self._running[slot] = self._running.pop(slot)
                return running
            self.retire(slot)
            opened = await opening()
            if slot.is_somebodys:
                self._make_room()
            running = self._running[slot] = _Running(stamp)
            running.users += 1
            # In the server's own context: what goes on in the background is not on behalf of who came first.
            self._context.copy().run(self._background.start_soon, self._run, slot, running, opened)
            try:
                await running.started.wait()
            except BaseException:
                running.leave()
                raise
            return running

    def _make_room(self) -> None:
        callers = [(slot, each) for slot, each in self._running.items() if slot.is_somebodys]
        if len(callers) < self._most_callers:
            return
        idle = next((slot for slot, each in callers if not each.users), None)
        if idle is None:
            raise TooManyAtWorkError
        self.retire(idle)

    async def _run(self, slot: Slot, running: _Running, opened: Opening) -> None:
        if self._services is None:
            raise RuntimeError("workspaces are started while they are hosted")
        try:
            with running.scope, logging_with({PARAMETER: slot.workspace}):
                async with self._services(opened.settings, opened.tokens) as running.state:
                    log.info("Workspace %s: started%s", slot.workspace, " for one caller" if slot.is_somebodys else "")
                    running.started.set()
                    await anyio.sleep_forever()
        finally:
            running.started.set()
            if self._running.get(slot) is running:
                self._running.pop(slot)
