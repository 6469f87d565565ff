"""The services of callers who bring their own tokens: each has their own, and nothing of one is another's."""

import logging
from contextlib import AbstractAsyncContextManager
from functools import partial

import anyio

from sim_mcp.changes.record.entries import Caller
from sim_mcp.changes.record.storage import JournalError
from sim_mcp.emnify import EmnifyError
from sim_mcp.principal import Principal
from sim_mcp.server.upstreams.own_tokens import NoOwnTokenError, OwnToken, OwnTokens
from sim_mcp.server.upstreams.running import Opening, Running, Slot, TooManyAtWorkError
from sim_mcp.server.upstreams.vault import Kept, Owner
from sim_mcp.settings import Settings
from sim_mcp.tools.context import AppState
from sim_mcp.workspaces.file import Workspace

log = logging.getLogger(__name__)

_LOOKS_EVERY_S = 2.0


class Callers:
    """Hand out the services of each caller, as long as their token is kept."""

    def __init__(self, settings: Settings, running: Running, tokens: OwnTokens) -> None:
        self._settings = settings
        self._running = running
        self.tokens = tokens
        self._in_use: dict[Slot, OwnToken] = {}
        self._at_work: set[str] = set()
        self._told: set[str] = set()

    async def used_by(self, workspace: Workspace, who: Principal) -> AbstractAsyncContextManager[AppState]:
        """Return the services of who asks, to be entered for as long as they are used.

        Raises:
            NoOwnTokenError: There is no token of theirs.
            JournalError: Whether there is cannot be told now.
        """
        owner = self.tokens.owner(workspace, who)
        await self.start_desk(workspace)
        try:
            kept = await self.tokens.find(workspace, owner)
        except JournalError:
            # What was signed in before goes on, as it does with a token of the operator's.
            if (stamp := self._running.stamps().get(Slot(workspace.name, owner))) is None:
                raise
            return self._running.used(Slot(workspace.name, owner), _not_again, stamp)
        await self.tokens.vault.note_use(kept)
        return self._used(workspace, kept)

    async def start_desk(self, workspace: Workspace) -> None:
        """Start what shows the plans of a workspace, on behalf of nobody."""

        async def opening() -> Opening:
            return Opening(self._settings.of_workspace(workspace, None, ()), None)

        async with self._running.used(Slot(workspace.name, ()), opening):
            pass

    async def go_on(self, workspace: Workspace, caller: Caller, plan: str | None) -> None:
        """Have somebody's services look at what is left, and go on with a plan that another server left them.

        With the token of whoever asked for it, and of nobody else; where that is gone, the plan waits.
        """
        owner = Owner(caller.issuer, caller.subject)
        try:
            kept = await self.tokens.find(workspace, owner)
            async with self._used(workspace, kept) as state:
                self._told.discard(plan or "")
                if plan is not None and state.changes is not None:
                    await state.changes.go_on_with(plan)
        except NoOwnTokenError:
            if plan is not None and plan not in self._told:
                self._told.add(plan)
                log.warning(
                    "Plan %s waits: who asked for it has no token for the workspace %s that could be used",
                    plan,
                    workspace.name,
                )
        except (EmnifyError, JournalError, TooManyAtWorkError) as error:
            log.info("What is left of a caller's changes waits: %s", type(error).__name__)

    async def go_on_once(self, workspace: Workspace, caller: Caller, plan: str | None) -> None:
        """Do the same, unless it is being done."""
        if plan in self._at_work:
            return
        self._at_work.add(plan or "")
        try:
            await self.go_on(workspace, caller, plan)
        finally:
            self._at_work.discard(plan or "")

    async def end_those_without(self) -> None:
        """End the services of callers whose token was removed or replaced, on whichever server, until cancelled.

        With one that was replaced, a call under way goes on; with one that was removed, nothing more is sent.
        """
        while True:
            for slot, stamp in self._running.stamps().items():
                if not slot.is_somebodys:
                    continue
                try:
                    kept = await self.tokens.vault.find(slot.workspace, Owner(*slot.owner or ()))
                except JournalError:
                    break
                if kept is None and slot in self._in_use:
                    self._in_use[slot].is_gone = True
                if kept is None or _stamp(kept) != stamp:
                    self._running.retire(slot)
            self._in_use = {slot: token for slot, token in self._in_use.items() if slot in self._running.stamps()}
            await anyio.sleep(_LOOKS_EVERY_S)

    def _used(self, workspace: Workspace, kept: Kept) -> AbstractAsyncContextManager[AppState]:
        slot = Slot(workspace.name, kept.owner)
        return self._running.used(slot, partial(self._opening, workspace, kept), _stamp(kept))

    async def _opening(self, workspace: Workspace, kept: Kept) -> Opening:
        token = await self.tokens.open(workspace, kept)
        settings = self._settings.of_workspace(workspace, token, kept.owner)
        own = self._in_use[Slot(workspace.name, kept.owner)] = OwnToken(self.tokens, workspace, kept, token)
        return Opening(settings, own)


def _stamp(kept: Kept) -> str:
    return kept.entered.isoformat()


async def _not_again() -> Opening:
    raise JournalError("The record cannot be read, and with it no token of a caller. Nothing was sent.")
