"""Serve MCP over stdio or HTTP, on emnify or on a sandbox of the same process."""

import gc
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import SecretStr
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import LOGGING_CONFIG

from sim_mcp.changes.policy.rules import read_policy
from sim_mcp.http_server import http_server
from sim_mcp.logs import logs_json, tell
from sim_mcp.observing import NOBODY, Observer
from sim_mcp.sandbox import SandboxSettings, running
from sim_mcp.server import audit_download
from sim_mcp.server.app import SimServer, build_server
from sim_mcp.server.ending import ending_on_signal
from sim_mcp.server.http.access import PROBES, AccessMiddleware
from sim_mcp.server.http.access_key import AccessKey
from sim_mcp.server.http.draining import DrainingMiddleware
from sim_mcp.server.http.listening import connection_instructions
from sim_mcp.server.http.plain_answers import WHERE_NO_PROGRESS_WAS_ASKED_FOR, PlainAnswers
from sim_mcp.server.signin.door import Door, SignInMiddleware, metadata_endpoint
from sim_mcp.server.signin.scope_gate import ScopeGate
from sim_mcp.server.stdin import closable_stdin
from sim_mcp.server.telemetry.telemetry import telemetry
from sim_mcp.settings import Settings
from sim_mcp.tools.context import why_no_token

GRACE_S = 3.0
"""How long calls in flight may go on after a signal before they are cancelled."""

_UVICORN_CANCELS_AFTER_S = 7
"""When uvicorn cancels what is left, shielded or not: by then every write had the time to be recorded."""

SESSION_IDLE_S = 600.0
"""When a session ends whose client left without closing it; until then it keeps its last response."""

MAX_SESSIONS = 500
_WAITING_AT_A_TERMINAL = (
    "sim-mcp: waiting for an MCP client to speak on standard input; a client starts this command by itself. "
    "To ask from here instead: sim-mcp tools, sim-mcp call list_sims. Ctrl-C ends it."
)


class UnconfirmedChangesError(Exception):
    """Without a key, the policy would let any local program make changes unasked; the message says what to set."""


async def serve_stdio(settings: Settings, sandbox: bool) -> int:
    """Serve over stdio until the client closes stdin or a signal arrives; return the exit code."""
    at_a_terminal = sys.stdin.isatty()
    with telemetry(settings, os.environ, scraped=False) as seen, closable_stdin() as close_stdin:
        async with upstream(settings, sandbox) as ready, ending_on_signal(close_stdin) as ending:
            _warn_without_token(ready)
            warn_without_sign_in(ready, people_sign_in=False)
            server = build_server(ready, telemetry=seen)
            freeze_garbage_collection()
            if at_a_terminal:
                tell(_WAITING_AT_A_TERMINAL)
            await server.run_stdio_async()
        return ending.status


async def serve_http(
    settings: Settings,
    sandbox: bool,
    listeners: list[socket.socket],
    stateless: bool,
    key: AccessKey | None,
    door: Door | None,
) -> int:
    """Serve Streamable HTTP at /mcp until a signal arrives; return the exit code.

    Without a door any local program may call, and could answer its own form; so forms do not count as consent then.

    Raises:
        TelemetrySettingsError: Metrics cannot be served as the settings want it.
    """
    async with AsyncExitStack() as stack:
        seen = stack.enter_context(telemetry(settings, os.environ, scraped=True))
        ready = await stack.enter_async_context(upstream(settings, sandbox))
        background = await stack.enter_async_context(anyio.create_task_group())
        _warn_without_token(ready)
        warn_without_sign_in(ready, people_sign_in=door is not None)
        mcp_server = build_server(
            ready,
            forms_count=door is not None,
            all_sign_in=door is not None,
            telemetry=seen,
            shared_secret=door.shared_secret if door else None,
        )
        app = DrainingMiddleware(http_app(mcp_server, door, stateless=stateless, observer=seen.observer))

        def announce() -> None:
            tell(connection_instructions(listeners, key, door))

        server = http_server(
            call_once_started(app, announce),
            shutdown_timeout_s=_UVICORN_CANCELS_AFTER_S,
            log_level="warning",
            # uvicorn's own handlers would write its lines as text.
            log_config=None if logs_json() else LOGGING_CONFIG,
        )

        def end() -> None:
            server.should_exit = True
            background.start_soon(app.drain, GRACE_S)

        if door is not None:
            background.start_soon(door.warm_up)
        async with ending_on_signal(end) as ending:
            freeze_garbage_collection()
            try:
                await server.serve(sockets=listeners)
            except SystemExit:  # uvicorn has logged why the application did not start.
                ending.status = 1
            background.cancel_scope.cancel()
    return ending.status


def http_app(
    server: SimServer,
    door: Door | None,
    *,
    stateless: bool = False,
    session_idle_s: float = SESSION_IDLE_S,
    observer: Observer = NOBODY,
) -> ASGIApp:
    """Return the server as an ASGI application that lets in only who has what opens the door."""
    if door is not None and door.issuer is not None:
        for path in door.metadata_paths:
            server.custom_route(path, methods=["GET"])(metadata_endpoint(door))
    if door is not None:
        server.custom_route(audit_download.PATH, methods=["GET"])(
            audit_download.audit_endpoint(door.settings, server.reach)
        )
    pages = _add_pages(server, door)
    served = server.streamable_http_app(
        stateless_http=stateless,
        json_response=WHERE_NO_PROGRESS_WAS_ASKED_FOR,
        session_idle_timeout=session_idle_s,
        max_sessions=MAX_SESSIONS,
        # The SDK accepts three spellings of loopback only; AccessMiddleware checks Host and Origin for every address.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    app = PlainAnswers(served, stateless=stateless)
    if door is None:
        return AccessMiddleware(app, observer=observer)
    inside = SignInMiddleware(ScopeGate(app, door), door, PROBES, observer, pages=pages)
    return AccessMiddleware(inside, door.public_url, observer)


def _add_pages(server: SimServer, door: Door | None) -> Sequence[str]:
    """Serve the pages on which people who sign in approve, where they can; return the paths that lead to them."""
    if door is None or door.session_key is None or not door.settings.approval_page:
        return ()
    # Here, since they take a while to import, and who has no issuer needs none of them.
    from sim_mcp.server.approvals.pages import ENTRIES, approval_pages  # noqa: PLC0415

    for route in approval_pages(door, door.session_key, server).routes():
        server.custom_route(route.path, methods=sorted(route.methods or ()))(route.endpoint)
    return ENTRIES


def call_once_started(app: ASGIApp, started: Callable[[], None]) -> ASGIApp:
    """Wrap an ASGI application so that a function is called when its start-up has succeeded."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def watch(message: Message) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                started()

        await app(scope, receive, watch if scope["type"] == "lifespan" else send)

    return wrapped


def require_confirmation(settings: Settings) -> None:
    """Refuse to serve without a key where the policy allows changes unasked.

    Raises:
        UnconfirmedChangesError: The operator's policy allows changes without asking.
        PolicyError: The policy file cannot be used.
    """
    policy = read_policy(settings.policy, settings.confirm)
    if settings.may_write and "allow" in {policy.default, *(rule.decision for rule in policy.rule)}:
        where = "SIM_MCP_CONFIRM=host" if settings.policy is None else f"the policy in {settings.policy}"
        raise UnconfirmedChangesError(
            f"--no-key: {where} allows changes without asking, so that every program on this machine could make them. "
            "Serve with the key, or set SIM_MCP_READ_ONLY=1, or have it ask. Nothing was started."
        )


def freeze_garbage_collection() -> None:
    """Exclude everything that is loaded by now from garbage collection.

    Reading a fleet creates so many objects that collections, each through all modules, took a quarter of the time.
    """
    gc.freeze()


@asynccontextmanager
async def upstream(settings: Settings, sandbox: bool) -> AsyncIterator[Settings]:
    """Yield the settings, changed to those of a sandbox in this process if one is wanted."""
    if not sandbox:
        yield settings
        return
    async with running(SandboxSettings()) as world:
        token = SecretStr(world.tokens["enterprise"])
        yield settings.model_copy(update={"base_url": world.base_url, "application_token": token, "workspaces": ()})


def warn_without_sign_in(settings: Settings, *, people_sign_in: bool) -> None:
    """Tell the operator at the start that the policy asks people whom nobody can reach.

    Raises:
        PolicyError: The policy file cannot be used.
    """
    if read_policy(settings.policy, settings.confirm).wants_others and not (people_sign_in and settings.approvals_url):
        tell(
            f"sim-mcp: the policy in {settings.policy} wants somebody's yes who signs in for it, and nobody can here: "
            "such changes are refused. Serve over HTTP with SIM_MCP_ISSUER, SIM_MCP_PUBLIC_URL and SIM_MCP_CLIENT_ID."
        )


def _warn_without_token(settings: Settings) -> None:
    if not settings.has_token:
        tell(f"sim-mcp: {why_no_token(settings)}")
