"""The workspaces of this server: each is started when it is first used, and nothing of one is another's."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import Context, copy_context
from typing import Any

import anyio
from anyio.abc import TaskGroup
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import Tool
from pydantic import SecretStr

from sim_mcp.emnify import AuthenticationError
from sim_mcp.emnify.http.auth import ApplicationTokens
from sim_mcp.logs import logging_with
from sim_mcp.principal import Principal
from sim_mcp.sanitize import quoted
from sim_mcp.server.marks import PARAMETER
from sim_mcp.settings import Settings
from sim_mcp.tools import registry
from sim_mcp.tools.context import AppState, Here
from sim_mcp.workspaces.file import VARIABLE, Workspace
from sim_mcp.workspaces.token_source import TokenSource, TokenUnavailableError

log = logging.getLogger(__name__)

Services = Callable[[Settings, ApplicationTokens], AbstractAsyncContextManager[AppState]]


class Workspaces:
    """Know who may use which workspace, and hand out the services of each."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._by_name: Mapping[str, Workspace] = {each.name: each for each in settings.workspaces}
        self._running: dict[str, AppState] = {}
        self._starting = {name: anyio.Lock() for name in self._by_name}
        self._services: Services | None = None
        self._background: TaskGroup | None = None
        self._told_homeless: set[str] = set()
        self._context: Context | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names, in the order of the file."""
        return tuple(self._by_name)

    @property
    def running(self) -> Mapping[str, AppState]:
        """Return the services of those that were used."""
        return self._running

    def open_to(self, who: Principal) -> dict[str, Principal]:
        """Return the workspaces that somebody may do something in, by name, and who they are in each."""
        found = {name: workspace.principal(who) for name, workspace in self._by_name.items()}
        return {name: there for name, there in found.items() if there is not None and there.scopes}

    def readable_by(self, who: Principal) -> list[Here]:
        """Return the workspaces whose resources somebody may read; one that nobody used has no services."""
        mine = self.open_to(who)
        return [
            Here(name, self._running.get(name, AppState(self._settings, None, None)), there, len(mine) > 1)
            for name, there in mine.items()
            if there.has_one_of(frozenset({"sims:read"}))
        ]

    async def choose(self, who: Principal, arguments: Mapping[str, Any]) -> tuple[Here, dict[str, Any]]:
        """Return the workspace that a call is about, and its arguments without that.

        Raises:
            ToolError: It is not told which one is meant, or that one is not theirs, or it has no token now.
        """
        mine = self.open_to(who)
        rest = {name: value for name, value in arguments.items() if name != PARAMETER}
        name = _chosen(who, mine, arguments.get(PARAMETER))
        try:
            state = await self.services(name)
        except TokenUnavailableError as error:
            raise ToolError(
                f"There is no token for the workspace {name}: {error}. Nothing was sent, nothing changed. The operator "
                "has to mend that."
            ) from None
        return Here(name, state, mine[name], len(mine) > 1), rest

    async def services(self, name: str) -> AppState:
        """Return the services of a workspace, which is started if it is not.

        Raises:
            TokenUnavailableError: There is no token for it.
        """
        async with self._starting[name]:
            if name not in self._running:
                self._running[name] = await self._start(self._by_name[name])
        return self._running[name]

    @asynccontextmanager
    async def hosted(self, services: Services) -> AsyncIterator[None]:
        """Within the block, workspaces can be started; at its end all are ended."""
        async with anyio.create_task_group() as background:
            self._services, self._background, self._context = services, background, copy_context()
            try:
                yield
            finally:
                self._running.clear()
                background.cancel_scope.cancel()

    def holding(self, name: str) -> str | None:
        """Return which workspace holds the plans under a name: those from before there were names may be in one."""
        earlier = (each.name for each in self._by_name.values() if each.earlier)
        return name if name in self._by_name else next(earlier, None) if not name else None

    async def wake(self, named: str) -> None:
        """Start the workspace that holds the plans under a name, if it can be."""
        if (name := self.holding(named)) is None:
            self._tell_homeless(named)
            return
        try:
            await self.services(name)
        except TokenUnavailableError as error:
            log.warning("Workspace %s cannot be started, for it has no token: %s", name, error)

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

    async def _start(self, workspace: Workspace) -> AppState:
        if self._background is None or self._context is None:
            raise RuntimeError("workspaces are started while they are hosted")
        source = workspace.source()
        token, start = await source.read(), _Start()
        # In the server's own context: what goes on in the background is not on behalf of who came first.
        self._context.copy().run(self._background.start_soon, self._run, workspace, source, token, start)
        await start.over.wait()
        if start.state is None:
            raise RuntimeError(f"the workspace {workspace.name} could not be started")
        return start.state

    async def _run(self, workspace: Workspace, source: TokenSource, token: SecretStr, start: "_Start") -> None:
        if self._services is None:
            raise RuntimeError("workspaces are started while they are hosted")
        settings = self._settings.of_workspace(workspace, token)
        try:
            with logging_with({PARAMETER: workspace.name}):
                async with self._services(settings, _Tokens(workspace.name, source)) as start.state:
                    log.info("Workspace %s: started", workspace.name)
                    start.over.set()
                    await anyio.sleep_forever()
        finally:
            start.over.set()


def with_workspaces(tool: Tool, mine: Mapping[str, Principal]) -> Tool | None:
    """Return a tool that takes the workspace, one of those it may be used in; None where it may be used in none."""
    names = [name for name, who in mine.items() if who.has_one_of(registry.scopes_of(tool.name))]
    if not names:
        return None
    schema = tool.input_schema
    properties = {PARAMETER: {"type": "string", "enum": names}, **schema["properties"]}
    required = [PARAMETER, *schema.get("required", [])]
    return tool.model_copy(update={"input_schema": {**schema, "properties": properties, "required": required}})


class _Start:
    """A workspace on its way."""

    def __init__(self) -> None:
        self.state: AppState | None = None
        self.over = anyio.Event()


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
