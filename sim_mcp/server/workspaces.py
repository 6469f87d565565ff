"""The workspaces of this server: each is started when it is first used, and nothing of one is another's."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import Tool
from pydantic import SecretStr

from sim_mcp.changes.record.entries import Caller
from sim_mcp.changes.record.storage import JournalError, Record
from sim_mcp.emnify import AuthenticationError
from sim_mcp.principal import Principal
from sim_mcp.sanitize import quoted
from sim_mcp.server.marks import PARAMETER
from sim_mcp.server.upstreams.callers import Callers
from sim_mcp.server.upstreams.own_tokens import NoOwnTokenError, OwnTokens
from sim_mcp.server.upstreams.running import Opening, Running, Services, Slot, TooManyAtWorkError
from sim_mcp.settings import Settings
from sim_mcp.tools import registry
from sim_mcp.tools.context import AppState, Here
from sim_mcp.workspaces.file import VARIABLE, Workspace, WorkspacesError, claims_that_count
from sim_mcp.workspaces.token_source import TokenSource, TokenUnavailableError
from sim_mcp.workspaces.watched_file import WatchedFile

log = logging.getLogger(__name__)

_LOOKS_EVERY_S = 2.0


class Workspaces:
    """Know who may use which workspace, and hand out the services of each."""

    def __init__(
        self,
        settings: Settings,
        record: Record | None = None,
        *,
        changed: Callable[[], Awaitable[None]] = anyio.lowlevel.checkpoint,
    ) -> None:
        """Know the workspaces of the settings, and of their file once that changes.

        Args:
            settings: what the operator decided.
            record: where callers' own tokens are kept, if there is a place for it.
            changed: awaited when the file was changed, and with it what somebody may use.
        """
        self._settings = settings
        self._changed = changed
        file, read = settings.workspaces_file, settings.read_workspaces
        self._file = WatchedFile(file, read) if file is not None and read is not None else None
        self._by_name: Mapping[str, Workspace] = {each.name: each for each in settings.workspaces}
        self._running = Running(settings.callers_at_once)
        self._callers = Callers(settings, self._running, OwnTokens(settings, record))
        self._background: TaskGroup | None = None
        self._told_homeless: set[str] = set()

    @property
    def own_tokens(self) -> OwnTokens:
        """Return the tokens that callers bring to workspaces that are for that."""
        return self._callers.tokens

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names, in the order of the file."""
        return tuple(self._by_name)

    @property
    def file_is_broken(self) -> bool:
        """Tell whether the file was changed to what cannot be used, so that what was read before goes on."""
        return self._file is not None and self._file.broken

    def claims_that_count(self, claims: Mapping[str, Any]) -> dict[str, list[str]]:
        """Return of somebody's claims what a workspace may be open to them for."""
        return claims_that_count(self._by_name.values(), claims)

    @property
    def running(self) -> Mapping[str, AppState]:
        """Return the services of those that were used and whose token is the operator's."""
        return {slot.workspace: state for slot, state in self._running.states().items() if slot.owner is None}

    def callers(self, name: str) -> int | None:
        """Return how many callers use a workspace with tokens of their own; None where they do not bring any."""
        if not self._by_name[name].own_tokens:
            return None
        return sum(slot.is_somebodys and slot.workspace == name for slot in self._running.states())

    def open_to(self, who: Principal) -> dict[str, Principal]:
        """Return the workspaces that somebody may do something in, by name, and who they are in each."""
        found = {name: workspace.principal(who) for name, workspace in self._by_name.items()}
        return {name: there for name, there in found.items() if there is not None and there.scopes}

    def taking_tokens(self, who: Principal) -> list[Workspace]:
        """Return the workspaces of somebody to which they bring a token of their own."""
        return [workspace for name in self.open_to(who) if (workspace := self._by_name[name]).own_tokens]

    def readable_by(self, who: Principal) -> list[Here]:
        """Return the workspaces whose resources somebody may read; one that nobody used has no services."""
        mine, states, bare = self.open_to(who), self._running.states(), AppState(self._settings, None, None)
        found = []
        for name, there in mine.items():
            owner = (who.issuer, who.subject) if self._by_name[name].own_tokens else None
            if there.has_one_of(frozenset({"sims:read"})):
                found.append(Here(name, states.get(Slot(name, owner), bare), there, len(mine) > 1))
        return found

    @asynccontextmanager
    async def chosen(self, who: Principal, arguments: Mapping[str, Any]) -> AsyncIterator[tuple[Here, dict[str, Any]]]:
        """Yield the workspace that a call is about, and its arguments without that.

        Raises:
            ToolError: It is not told which one is meant, or that one is not theirs, or it has no token now.
        """
        mine = self.open_to(who)
        rest = {name: value for name, value in arguments.items() if name != PARAMETER}
        name = _chosen(who, mine, arguments.get(PARAMETER))
        several, page = len(mine) > 1, self._settings.token_page(name) if self._by_name[name].own_tokens else None
        async with AsyncExitStack() as stack:
            try:
                state = await stack.enter_async_context(await self._used_by(self._by_name[name], who))
            except TokenUnavailableError as error:
                raise ToolError(
                    f"There is no token for the workspace {name}: {error}. Nothing was sent, nothing changed. The "
                    "operator has to mend that."
                ) from None
            except (NoOwnTokenError, JournalError) as error:
                raise ToolError(str(error)) from None
            except TooManyAtWorkError:
                raise ToolError(
                    f"{self._settings.callers_at_once} callers with tokens of their own are at work, and no more may "
                    "be (SIM_MCP_MAX_CALLERS_AT_ONCE). Nothing was sent, nothing changed. Try again in a minute."
                ) from None
            yield Here(name, state, mine[name], several, page), rest

    async def services(self, name: str) -> AppState:
        """Return the services of a workspace whose token is the operator's, which is started if it is not.

        Raises:
            TokenUnavailableError: There is no token for it.
        """
        async with self._operators(self._by_name[name]) as state:
            return state

    @asynccontextmanager
    async def hosted(self, services: Services) -> AsyncIterator[None]:
        """Within the block, workspaces can be started; at its end all are ended."""
        async with self._running.hosted(services) as background:
            self._background = background
            background.start_soon(self._callers.end_those_without)
            background.start_soon(self._follow_the_file)
            yield

    def holding(self, name: str) -> Workspace | None:
        """Return which workspace holds the plans under a name: those from before there were names may be in one."""
        earlier = (each for each in self._by_name.values() if each.earlier)
        return self._by_name.get(name) if name else next(earlier, None)

    async def wake(self, named: str) -> None:
        """Start what shows the plans of a workspace, if it can be."""
        if (workspace := self.holding(named)) is None:
            self._tell_homeless(named)
            return
        name = workspace.name
        if workspace.own_tokens:
            await self._callers.start_desk(workspace)
            return
        try:
            await self.services(name)
        except TokenUnavailableError as error:
            log.warning("Workspace %s cannot be started, for it has no token: %s", name, error)

    async def _follow_the_file(self) -> None:
        while self._file is not None:
            await anyio.sleep(_LOOKS_EVERY_S)
            try:
                found = await self._file.changed()
            except WorkspacesError as error:
                log.warning("%s What was read before goes on.", str(error).removesuffix(" Nothing was started."))
                continue
            if found is not None and found != tuple(self._by_name.values()):
                self._take(found)
                await self._changed()

    def _take(self, found: Sequence[Workspace]) -> None:
        """Go on with other workspaces: what runs for one that is gone, or works otherwise now, is ended."""
        before, self._by_name = self._by_name, {each.name: each for each in found}
        for name, was in before.items():
            if not was.works_as(self._by_name.get(name)):
                self._running.retire_all(name)
        added, gone = self._by_name.keys() - before.keys(), before.keys() - self._by_name.keys()
        told = [*(f"{name} is new" for name in sorted(added)), *(f"{name} is gone" for name in sorted(gone))]
        log.warning("SIM_MCP_WORKSPACES was read again%s", f": {', '.join(told)}" if told else "")

    async def take_up(self, named: str, caller: Caller, plan: str | None) -> None:
        """Have a workspace take up what is left of somebody's changes: all, or a plan that another server left.

        Raises:
            JournalError: The record cannot be read or written.
            EmnifyError: emnify does not answer.
        """
        workspace = self.holding(named)
        if workspace is None or not workspace.own_tokens:
            await self.wake(named)
            state = self.running.get(workspace.name) if workspace is not None else None
            if plan is not None and state is not None and state.changes is not None:
                await state.changes.go_on_with(plan)
        elif caller.signed_in and self._background is not None:
            # Not one after the other: who answers slowly holds up nobody else.
            self._background.start_soon(self._callers.go_on_once, workspace, caller, plan)

    def _tell_homeless(self, name: str) -> None:
        if name in self._told_homeless:
            return
        self._told_homeless.add(name)
        if name:
            log.warning("Changes of a workspace %s are not finished, and %s names none of it", name, VARIABLE)
        else:
            log.warning(
                "Changes that were planned before there was a file of workspaces are not finished, and are of none of "
                "them: nobody sees them or goes on with them. `earlier = true` in the [[workspace]] with the token of "
                "then (%s) makes them its own; sim-mcp audit tells them",
                VARIABLE,
            )

    async def _used_by(self, workspace: Workspace, who: Principal) -> AbstractAsyncContextManager[AppState]:
        return await self._callers.used_by(workspace, who) if workspace.own_tokens else self._operators(workspace)

    def _operators(self, workspace: Workspace) -> AbstractAsyncContextManager[AppState]:
        async def opening() -> Opening:
            source = workspace.source()
            token = await source.read()
            return Opening(self._settings.of_workspace(workspace, token), _Tokens(workspace.name, source))

        return self._running.used(Slot(workspace.name), opening)


def with_workspaces(tool: Tool, mine: Mapping[str, Principal]) -> Tool | None:
    """Return a tool that takes the workspace, one of those it may be used in; None where it may be used in none."""
    names = [name for name, who in mine.items() if who.has_one_of(registry.scopes_of(tool.name))]
    if not names:
        return None
    schema = tool.input_schema
    properties = {PARAMETER: {"type": "string", "enum": names}, **schema["properties"]}
    required = [PARAMETER, *schema.get("required", [])]
    return tool.model_copy(update={"input_schema": {**schema, "properties": properties, "required": required}})


class _Tokens:
    """The tokens of a workspace as the client of emnify asks for them."""

    def __init__(self, name: str, source: TokenSource) -> None:
        self._name = name
        self._source = source
        self.may_have_changed = source.may_have_changed

    async def read(self) -> SecretStr:
        """Return the token as it is now.

        Raises:
            AuthenticationError: There is none.
        """
        try:
            return await self._source.read()
        except TokenUnavailableError as error:
            raise AuthenticationError(f"there is no token for the workspace {self._name} any more: {error}") from None


def _chosen(who: Principal, mine: Mapping[str, Principal], given: object) -> str:
    """Return which of somebody's workspaces is meant.

    Raises:
        ToolError: None is theirs, or none of theirs is named, or one of several has to be.
    """
    unchanged = "Nothing was sent, nothing changed."
    if not mine:
        raise ToolError(
            f"No workspace of this server is open to {who.name}. {unchanged} The operator has to let them into one, in "
            "the file of SIM_MCP_WORKSPACES."
        )
    names = ", ".join(mine)
    if given is None:
        if len(mine) == 1:
            return next(iter(mine))
        raise ToolError(f"workspace is required: say which of {names} is meant. {unchanged}")
    folded = given.strip().casefold() if isinstance(given, str) else None
    found = next((name for name in mine if name.casefold() == folded), None)
    if found is None:
        # Of a workspace that is somebody else's, not even that it is there is told.
        raise ToolError(
            f"workspace={quoted(str(given)[:60])} is none that {who.name} may use; there is {names}. {unchanged}"
        )
    return found
