"""The workspaces of this server: each is started when it is first used, and nothing of one is another's."""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from anyio.abc import TaskGroup
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import Tool
from pydantic import SecretStr

from sim_mcp.changes.record.entries import Caller
from sim_mcp.changes.record.storage import JournalError
from sim_mcp.changes.sharing import wake_workspaces
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
from sim_mcp.workspaces.file import Workspace
from sim_mcp.workspaces.token_source import TokenSource, TokenUnavailableError

log = logging.getLogger(__name__)


class Workspaces:
    """Know who may use which workspace, and hand out the services of each."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._by_name: Mapping[str, Workspace] = {each.name: each for each in settings.workspaces}
        self._running = Running(settings.callers_at_once)
        self._callers = Callers(settings, self._running, OwnTokens(settings))

    @property
    def own_tokens(self) -> OwnTokens:
        """Return the tokens that callers bring to workspaces that are for that."""
        return self._callers.tokens

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names, in the order of the file."""
        return tuple(self._by_name)

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
            background.start_soon(self._wake_those_with_work, background)
            background.start_soon(self._callers.end_those_without)
            yield

    async def wake(self, name: str) -> None:
        """Start what shows the plans of a workspace, if it can be."""
        workspace = self._by_name.get(name)
        if workspace is None:
            return
        if workspace.own_tokens:
            await self._callers.start_desk(workspace)
            return
        try:
            await self.services(name)
        except TokenUnavailableError as error:
            log.warning("Workspace %s cannot be started, for it has no token: %s", name, error)

    async def _wake_those_with_work(self, background: TaskGroup) -> None:
        async def go_on(name: str, caller: Caller, plan: str | None) -> None:
            workspace = self._by_name.get(name)
            if workspace is None or not workspace.own_tokens:
                await self.wake(name)
            elif caller.signed_in:
                # Not one after the other: who answers slowly holds up nobody else.
                background.start_soon(self._callers.go_on_once, workspace, caller, plan)

        try:
            place = self._settings.record_place()
        except OSError:  # what cannot be kept was not left either; who plans a change is told.
            return
        await wake_workspaces(place, go_on)

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
