"""How the server reaches its clients: over stdio or HTTP, and where wanted with a sandbox of its own."""

import gc
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import click
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import SecretStr
from starlette.types import ASGIApp

from sim_mcp.changes.policy import read_policy
from sim_mcp.http.access import Access
from sim_mcp.http.access_key import AccessKey
from sim_mcp.http.draining import Draining
from sim_mcp.http.server import HttpServer
from sim_mcp.sandbox import SandboxSettings, running
from sim_mcp.server.app import SimServer, build_server
from sim_mcp.server.ending import ending_when_told
from sim_mcp.server.standard_input import endable_stdin
from sim_mcp.settings import Settings
from sim_mcp.tools.context import why_no_token

GRACE_S = 3.0
"""How long calls in flight may still answer when the server is told to end."""

SESSION_IDLE_S = 600.0
"""When a session is given up whose client left without a word; each holds its last answer until then."""

MOST_SESSIONS = 500


class UnaskedError(Exception):
    """Changes would be made that nobody is asked about, for whoever calls; the message says what to set instead."""


async def serve_stdio(settings: Settings, sandbox: bool) -> int:
    """Serve over stdio until the client goes away or a signal says so; return the exit code."""
    with endable_stdin() as end_stdin:
        async with upstream(settings, sandbox) as ready, ending_when_told(end_stdin) as ending:
            _warn_without_token(ready)
            server = build_server(ready)
            settle()
            await server.run_stdio_async()
        return ending.status


async def serve_http(
    settings: Settings, sandbox: bool, listeners: list[socket.socket], stateless: bool, key: AccessKey | None
) -> int:
    """Serve Streamable HTTP at /mcp until a signal says to end; return the exit code.

    Without a key, whoever asks may be any program of this machine, so a form that it answers itself counts for nothing.
    """
    async with upstream(settings, sandbox) as ready, anyio.create_task_group() as background:
        _warn_without_token(ready)
        app = Draining(http_app(build_server(ready, forms_count=key is not None), key, stateless=stateless))
        server = HttpServer(app, key)

        def end() -> None:
            server.should_exit = True
            background.start_soon(app.end, GRACE_S)

        async with ending_when_told(end) as ending:
            settle()
            try:
                await server.serve(sockets=listeners)
            except SystemExit:  # uvicorn has said what kept the application from starting.
                ending.status = 1
            background.cancel_scope.cancel()
    return ending.status


def http_app(
    server: SimServer, key: AccessKey | None, *, stateless: bool = False, session_idle_s: float = SESSION_IDLE_S
) -> ASGIApp:
    """Return the server as an application for HTTP, with nobody let in who has no business here."""
    app = server.streamable_http_app(
        stateless_http=stateless,
        session_idle_timeout=session_idle_s,
        max_sessions=MOST_SESSIONS,
        # The SDK would check these for three spellings of this machine alone; `Access` does for every address.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    return Access(app, key)


def insist_on_asking(settings: Settings) -> None:
    """See that a server without a key changes nothing unasked: who calls it is not known at all.

    Raises:
        UnaskedError: The operator's policy allows changes without asking.
        PolicyError: The policy file cannot be used.
    """
    policy = read_policy(settings.policy, settings.confirm)
    if settings.may_write and "allow" in {policy.default, *(rule.decision for rule in policy.rule)}:
        where = "SIM_MCP_CONFIRM=host" if settings.policy is None else f"the policy in {settings.policy}"
        raise UnaskedError(
            f"--no-key: {where} allows changes without asking, so that every program on this machine could make them. "
            "Serve with the key, or set SIM_MCP_READ_ONLY=1, or have it ask. Nothing was started."
        )


def settle() -> None:
    """Have what stays to the end never searched for garbage again: it is most of what there is.

    Reading a fleet makes so many records that each search through the modules takes a quarter of the whole time.
    """
    gc.freeze()


@asynccontextmanager
async def upstream(settings: Settings, sandbox: bool) -> AsyncIterator[Settings]:
    """Yield the settings, pointed at a sandbox of this process where one is wanted."""
    if not sandbox:
        yield settings
        return
    async with running(SandboxSettings()) as world:
        token = SecretStr(world.tokens["enterprise"])
        yield settings.model_copy(update={"base_url": world.base_url, "application_token": token})


def _warn_without_token(settings: Settings) -> None:
    if settings.application_token is None:
        click.echo(f"sim-mcp: {why_no_token(settings)}", err=True)
