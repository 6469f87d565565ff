"""The application state, which lives as long as the server, and how a tool gets at its parts."""

import getpass
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from mcp.server.mcpserver import Context

from sim_mcp.changes.record.entries import Caller
from sim_mcp.changes.service import ChangeService
from sim_mcp.emnify import EmnifyClient
from sim_mcp.exports.service import ExportService
from sim_mcp.fleet.inventory.inventory import Inventory
from sim_mcp.fleet.usage.scan import UsageScan
from sim_mcp.principal import Principal, local_principal
from sim_mcp.sanitize import clean
from sim_mcp.settings import Settings
from sim_mcp.tools.signed_in import signed_in_principal

T = TypeVar("T")

ANSWER_WITHIN_S = 44.0
"""Seconds a call waits for emnify at most; what it does then is still done well before hosts time out."""

_HOW_TO_PROCEED = (
    "There is no emnify token yet, so nothing was asked and nothing changed. Two ways on, both for the operator: "
    "set EMNIFY_APPLICATION_TOKEN (emnify portal: Integrations, Application tokens) and restart, "
    "or start the server with --sandbox to try it on made-up SIMs."
)


def why_no_token(settings: Settings) -> str:
    """Return why no token can be used, and what the operator can do about it."""
    if settings.token_fault is None:
        return _HOW_TO_PROCEED
    return (
        f"EMNIFY_APPLICATION_TOKEN was not pasted right: {settings.token_fault}. It was sent nowhere, so nothing was "
        "asked and nothing changed. The operator has to set it to the token alone, as the emnify portal shows it "
        "(Integrations, Application tokens), and restart, or start the server with --sandbox to try it on made-up SIMs."
    )


class NoTokenError(Exception):
    """No token is set, or it is malformed; the message says what the operator can do."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(why_no_token(settings))


@dataclass(frozen=True)
class AppState:
    """Hold the settings, and the services that need a token; these are None without one."""

    settings: Settings
    client: EmnifyClient | None = None
    changes: ChangeService | None = None
    inventory: Inventory | None = None
    usage: UsageScan | None = None
    exports: ExportService | None = None
    forms_count: bool = True
    """Whether a form that the client answers counts as a person's consent; not where any program may be the client."""


@dataclass(frozen=True)
class Here:
    """The workspace that a call works on, and who asks, with what they may there."""

    name: str
    state: AppState
    who: Principal
    is_one_of_several: bool
    """Whether who asks has others, so that answers have to say which one this is."""
    token_page: str | None = None
    """Where who asks enters their own token for it; None where the token is the operator's."""


_here: ContextVar[Here | None] = ContextVar("here", default=None)
_readable: ContextVar[tuple[Here, ...] | None] = ContextVar("readable", default=None)

ToolContext = Context[AppState]
"""The context of one tool call."""


def emnify_of(ctx: ToolContext) -> EmnifyClient:
    """Return the client of the emnify API.

    Raises:
        NoTokenError: No token can be used.
    """
    return _require(ctx, lambda state: state.client)


def changes_of(ctx: ToolContext) -> ChangeService:
    """Return the service that makes changes.

    Raises:
        NoTokenError: No token can be used.
    """
    return _require(ctx, lambda state: state.changes)


def forms_count(ctx: ToolContext) -> bool:
    """Tell whether a form that this client answers counts as a person's consent."""
    return _state_of(ctx).forms_count


def form_wait_s(ctx: ToolContext) -> float:
    """Return how many seconds a form that is shown within a call is waited for."""
    return _state_of(ctx).settings.form_wait_s


def inventory_of(ctx: ToolContext) -> Inventory:
    """Return the inventory of the whole fleet.

    Raises:
        NoTokenError: No token can be used.
    """
    return _require(ctx, lambda state: state.inventory)


def usage_of(ctx: ToolContext) -> UsageScan:
    """Return the scan that reads usage across SIMs.

    Raises:
        NoTokenError: No token can be used.
    """
    return _require(ctx, lambda state: state.usage)


def exports_of(ctx: ToolContext) -> ExportService:
    """Return the service that writes exports.

    Raises:
        NoTokenError: No token can be used.
    """
    return _require(ctx, lambda state: state.exports)


def caller_of(ctx: ToolContext) -> Caller:
    """Return who asks, and the name the client gives itself, which is unverified."""
    params = ctx.session.client_params
    info = params.client_info if params is not None else None
    name = clean(f"{info.name} {info.version}", 60) if info is not None else "an unnamed client"
    return Caller.of(principal(), name)


@contextmanager
def working_in(here: Here) -> Iterator[None]:
    """Within the block, every tool works on this workspace and on no other."""
    before = _here.set(here)
    try:
        yield
    finally:
        _here.reset(before)


@contextmanager
def reading_in(workspaces: Sequence[Here]) -> Iterator[None]:
    """Within the block, resources are those of these workspaces and of no other."""
    before = _readable.set(tuple(workspaces))
    try:
        yield
    finally:
        _readable.reset(before)


def readable_workspaces() -> tuple[Here, ...] | None:
    """Return the workspaces whose resources are read, or None where the server has one alone."""
    return _readable.get()


def workspace_here() -> Here | None:
    """Return the workspace that the call works on, or None where the server has one alone."""
    return _here.get()


def principal() -> Principal:
    """Return who asks, with what they may here: who signed in, or the account the server runs under."""
    here = _here.get()
    return here.who if here is not None else signed_in_principal() or local()


def local() -> Principal:
    """Return the account the server runs under, which may do all that the operator allows."""
    return local_principal(_account_name())


def asker() -> str:
    """Return a key for who asks, by which emnify's limits are shared out; empty for whoever runs the server."""
    who = principal()
    return who.key if who.signed_in else ""


def wants_progress(ctx: ToolContext) -> bool:
    """Tell whether the client receives progress, and so can show messages to a person during the call."""
    meta = ctx.request_context.meta
    return meta is not None and "progress_token" in meta


@cache
def _account_name() -> str:
    # Cached: the system reads it from its files, at each call longer than the rest of signing in.
    try:
        return clean(getpass.getuser(), 60)
    except (OSError, KeyError):  # a container may run under a number that has no name.
        return "this machine"


def _state_of(ctx: ToolContext) -> AppState:
    here = _here.get()
    state: AppState = ctx.request_context.lifespan_context if here is None else here.state
    return state


def _require(ctx: ToolContext, pick: Callable[[AppState], T | None]) -> T:
    state = _state_of(ctx)
    part = pick(state)
    if part is None:
        raise NoTokenError(state.settings)
    return part
