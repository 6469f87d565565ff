"""What lives as long as the server and is handed to every tool."""

import getpass
from dataclasses import dataclass
from typing import TypeVar

from mcp.server.mcpserver import Context

from sim_mcp.changes.record.entries import Caller
from sim_mcp.changes.service import ChangeService
from sim_mcp.emnify import EmnifyClient
from sim_mcp.exports.service import ExportService
from sim_mcp.fleet.inventory.inventory import Inventory
from sim_mcp.fleet.usage.scan import UsageScan
from sim_mcp.sanitize import clean
from sim_mcp.settings import Settings

T = TypeVar("T")

ANSWER_WITHIN_S = 44.0
"""The longest a call waits for emnify; the rest is for judging and counting, well before hosts give up."""

HOW_TO_GO_ON = (
    "There is no emnify token yet, so nothing was asked and nothing changed. Two ways on, both for the operator: "
    "set EMNIFY_APPLICATION_TOKEN (emnify portal: Integrations, Application tokens) and restart, "
    "or start the server with --sandbox to try it on made-up SIMs."
)


def why_no_token(settings: Settings) -> str:
    """Say that no token is set, or what is wrong with the one that is, and the ways on."""
    if settings.token_fault is None:
        return HOW_TO_GO_ON
    return (
        f"EMNIFY_APPLICATION_TOKEN was not pasted right: {settings.token_fault}. It was sent nowhere, so nothing was "
        "asked and nothing changed. The operator has to set it to the token alone, as the emnify portal shows it "
        "(Integrations, Application tokens), and restart, or start the server with --sandbox to try it on made-up SIMs."
    )


class NoTokenError(Exception):
    """No token is set, or none that could be one; the message names the ways on."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(why_no_token(settings))


@dataclass(frozen=True)
class AppState:
    """Hold the settings and, where there is a token, what answers and changes with it."""

    settings: Settings
    client: EmnifyClient | None
    changes: ChangeService | None
    inventory: Inventory | None = None
    usage: UsageScan | None = None
    exports: ExportService | None = None
    forms_count: bool = True
    """Whether a form that the client answers is a person's word; not where the client may be any program at all."""


ToolContext = Context[AppState]


def emnify_of(ctx: ToolContext) -> EmnifyClient:
    """Return the client behind this call, or raise `NoTokenError`."""
    state = _state_of(ctx)
    return _with_token(state, state.client)


def changes_of(ctx: ToolContext) -> ChangeService:
    """Return the service for changes behind this call, or raise `NoTokenError`."""
    state = _state_of(ctx)
    return _with_token(state, state.changes)


def forms_count(ctx: ToolContext) -> bool:
    """Tell whether what the client answers is a person's word."""
    return _state_of(ctx).forms_count


def form_wait_s(ctx: ToolContext) -> float:
    """Return how many seconds a form that is shown within a call is waited for."""
    return _state_of(ctx).settings.form_wait_s


def inventory_of(ctx: ToolContext) -> Inventory:
    """Return the inventory behind this call, or raise `NoTokenError`."""
    state = _state_of(ctx)
    return _with_token(state, state.inventory)


def usage_of(ctx: ToolContext) -> UsageScan:
    """Return what reads usage across SIMs, or raise `NoTokenError`."""
    state = _state_of(ctx)
    return _with_token(state, state.usage)


def exports_of(ctx: ToolContext) -> ExportService:
    """Return the service for exports behind this call, or raise `NoTokenError`."""
    state = _state_of(ctx)
    return _with_token(state, state.exports)


def caller_of(ctx: ToolContext) -> Caller:
    """Return who asks: the account the server runs under, and what the client says of itself, which proves nothing."""
    params = ctx.session.client_params
    info = params.client_info if params is not None else None
    name = clean(f"{info.name} {info.version}", 60) if info is not None else "an unnamed client"
    return Caller(_account(), name)


def wants_progress(ctx: ToolContext) -> bool:
    """Tell whether the client listens while the call works, and so can show a person what it is told."""
    meta = ctx.request_context.meta
    return meta is not None and "progress_token" in meta


def _account() -> str:
    try:
        return clean(getpass.getuser(), 60)
    except (OSError, KeyError):  # a container may run under a number that has no name.
        return "this machine"


def _state_of(ctx: ToolContext) -> AppState:
    state: AppState = ctx.request_context.lifespan_context
    return state


def _with_token(state: AppState, part: T | None) -> T:
    if part is None:
        raise NoTokenError(state.settings)
    return part
