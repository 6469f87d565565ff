"""Check whether calls could be answered now: the token, the connection to emnify, the record and the directories."""

import tempfile
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import anyio
import anyio.to_thread
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sim_mcp import __version__
from sim_mcp.changes.record.place import open_record
from sim_mcp.changes.record.storage import JournalError
from sim_mcp.emnify import (
    AuthenticationError,
    ConnectionSettingsError,
    EmnifyClient,
    EmnifyError,
    ForbiddenError,
    RateLimitedError,
    SignedIn,
    UnreachableError,
    anew,
)
from sim_mcp.server.workspaces import Workspaces
from sim_mcp.settings import Settings
from sim_mcp.tools import registry
from sim_mcp.tools.context import why_no_token
from sim_mcp.tools.errors import explain
from sim_mcp.workspaces.file import Workspace
from sim_mcp.workspaces.token_source import TokenUnavailableError

READY, NOT_READY = 200, 503
_CACHE_TTL_S = 10.0
"""How long an answer is reused, so that probing in a loop does not send requests to emnify in a loop."""
_TIMEOUT_S = 15.0
_RECORD_WAIT_S = 2.0
_STATE_DIR, _DATABASE = "SIM_MCP_STATE_DIR", "SIM_MCP_DATABASE_URL"

_PUBLIC: tuple[tuple[type[EmnifyError], str], ...] = (
    (AuthenticationError, "emnify does not accept the token"),
    (ConnectionSettingsError, "a proxy or certificate setting bars the way to emnify"),
    (UnreachableError, "emnify cannot be reached"),
)


class Problem(NamedTuple):
    """Something that makes calls fail."""

    what: str
    """The setting or service concerned."""
    why: str
    """The reason in a few words that may be public."""
    details: str
    """The reason in full, for the operator."""


class WatchedStore(Protocol):
    """What servers share emnify's limits by."""

    @property
    def is_away(self) -> bool:
        """Tell whether it could not be reached a moment ago, so that each server keeps to its part."""

    @property
    def together(self) -> int:
        """Return how many servers share it."""


class Readiness:
    """Find what keeps calls from being answered."""

    def __init__(self, settings: Settings, workspaces: Workspaces | None = None) -> None:
        self.client: EmnifyClient | None = None
        """The client that tool calls use; while it is None, each check opens one of its own."""
        self.limit_store: WatchedStore | None = None
        """What servers share emnify's limits by."""
        self._settings = settings
        self._workspaces = workspaces
        self._lock = anyio.Lock()
        self._cached: tuple[float, list[Problem]] | None = None

    async def answer(self, _: Request) -> Response:
        """Answer `GET /ready`: 200, or 503 with the problems; contains nothing secret."""
        async with self._lock:
            now = anyio.current_time()
            if self._cached is None or now - self._cached[0] > _CACHE_TTL_S:
                self._cached = now, await self.problems()
            problems = self._cached[1]
        body = {
            "status": "not ready" if problems else "ready",
            "version": __version__,
            "tools": len(registry.tools(may_write=self._settings.may_write)),
            "problems": [{"what": problem.what, "why": problem.why} for problem in problems],
            "database": self._database(problems),
            "limiter": self._limiter(),
            "workspaces": self._told_workspaces(),
        }
        if self._workspaces is not None:
            body["workspaces_file"] = {"ok": not self._workspaces.file_is_broken}
        return JSONResponse(body, NOT_READY if problems else READY)

    async def problems(self) -> list[Problem]:
        """Return the problems found now, with one request to emnify."""
        found = [*await self._emnify(), await anyio.to_thread.run_sync(self._state)]
        if (directory := self._settings.export_dir) is not None:
            found.append(await anyio.to_thread.run_sync(_unusable, "SIM_MCP_EXPORT_DIR", directory))
        if (url := self._settings.database_url) is not None:
            found.append(await anyio.to_thread.run_sync(_database_problem, url))
        return [problem for problem in found if problem is not None]

    def _database(self, problems: list[Problem]) -> dict[str, Any]:
        kind, what = ("PostgreSQL", _DATABASE) if self._settings.database_url else ("SQLite", _STATE_DIR)
        return {"kind": kind, "ok": all(problem.what != what for problem in problems)}

    def _limiter(self) -> dict[str, Any]:
        slowed = any(client.pacer.slowed_down for client in self._clients().values())
        if (store := self.limit_store) is None:
            return {"kind": "in this process", "ok": True, "slowed_down": slowed}
        return {"kind": "PostgreSQL", "ok": not store.is_away, "servers": store.together, "slowed_down": slowed}

    def _clients(self) -> dict[str, EmnifyClient]:
        """Return the clients in use, by the name of the workspace."""
        if self._workspaces is None:
            return {} if self.client is None else {"": self.client}
        running = self._workspaces.running.items()
        return {name: state.client for name, state in running if state.client is not None}

    def _told_workspaces(self) -> list[dict[str, Any]]:
        clients = self._clients()
        if self._workspaces is None:
            return [_told(self._settings.place, clients.get(""))]
        running = self._workspaces.running
        told: list[dict[str, Any]] = []
        for name in self._workspaces.names:
            place = running[name].settings.place if name in running else None
            told.append({"name": name, **_told(place, clients.get(name))})
            # Whose tokens those are, and what emnify says of them, is their owners' business.
            if (callers := self._workspaces.callers(name)) is not None:
                told[-1] = {"name": name, "own_tokens": True, "callers": callers}
        return told

    async def _emnify(self) -> list[Problem | None]:
        """Look whether emnify answers; in a server that runs, one of several workspaces is its own users' trouble."""
        if self._workspaces is not None:
            found = [await _asked(client) for client in self._clients().values()]
            return found[:1] if all(found) else []
        if self._settings.workspaces:
            return [await self._asked_once(workspace) for workspace in self._settings.workspaces]
        if self.client is not None:
            return [await _asked(self.client)]
        return [await _asked_with(self._settings)]

    async def _asked_once(self, workspace: Workspace) -> Problem | None:
        what = f"workspace {workspace.name}"
        if workspace.own_tokens:
            return None
        try:
            token = await workspace.source().read()
        except TokenUnavailableError as error:
            return Problem(what, "there is no token", f"{what}: {error}")
        problem = await _asked_with(self._settings.of_workspace(workspace, token))
        return problem and Problem(what, problem.why, f"{what}: {problem.details}")

    def _state(self) -> Problem | None:
        try:
            directory = self._settings.state_directory()
        except OSError as error:
            return _no_directory(_STATE_DIR, Path(error.filename or "the usual place"), error)
        return _unusable(_STATE_DIR, directory) or (None if self._settings.database_url else _unreadable(directory))


async def _asked_with(settings: Settings) -> Problem | None:
    if settings.application_token is None:
        why = "there is no token" if settings.token_fault is None else "the token was not pasted right"
        return Problem("EMNIFY_APPLICATION_TOKEN", why, why_no_token(settings))
    async with EmnifyClient(base_url=settings.base_url, application_token=settings.application_token) as client:
        return await _asked(client)


async def _asked(client: EmnifyClient) -> Problem | None:
    """Ask emnify one thing; return why it cannot be asked."""
    try:
        with anew():
            await client.list_sim_statuses(deadline_s=_TIMEOUT_S)
    except (ForbiddenError, RateLimitedError):
        return None  # signed in; whether a certain call is allowed shows when it is made.
    except EmnifyError as error:
        why = next((why for kind, why in _PUBLIC if isinstance(error, kind)), "emnify does not answer as it should")
        return Problem("emnify", why, explain(error) or why)
    return None


def _told(place: str | None, client: EmnifyClient | None) -> dict[str, Any]:
    last = SignedIn() if client is None else client.last_sign_in
    return {
        "place": place,
        "signed_in_at": None if last.at is None else last.at.isoformat(timespec="seconds"),
        "refused": last.refused,
    }


def _unreadable(directory: Path) -> Problem | None:
    record = open_record(directory)
    if not record.exists:  # it is made with the first change.
        return None
    try:
        with record.reading(wait_s=_RECORD_WAIT_S):
            return None
    except JournalError as error:
        return Problem(_STATE_DIR, "the record of changes cannot be read", str(error))


def _database_problem(url: SecretStr) -> Problem | None:
    # The driver is loaded only where a database is used.
    from sim_mcp.changes.record.postgres.upgrade import why_not_current  # noqa: PLC0415

    try:
        details = why_not_current(url)
    except JournalError as error:
        return Problem(_DATABASE, "the database cannot be reached", str(error))
    return Problem(_DATABASE, "the database is of another version", details) if details else None


def _unusable(variable: str, directory: Path) -> Problem | None:
    try:
        with tempfile.TemporaryFile(dir=directory) as probe:
            probe.write(b"ready?")
    except OSError as error:
        return _no_directory(variable, directory, error)
    return None


def _no_directory(variable: str, directory: Path, error: OSError) -> Problem:
    reason = "it does not exist" if not directory.exists() else error.strerror or type(error).__name__
    details = (
        f"{directory} ({variable}) cannot be written to: {reason}. The operator has to make or mend it, or change "
        f"{variable}."
    )
    return Problem(variable, "the directory is missing or cannot be written to", details)
