"""The commands of `sim-mcp`: arguments in, calls out."""

import errno
import os
import sqlite3
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import anyio
import click
from mcp.types import CallToolResult

from sim_mcp import __version__
from sim_mcp.addresses import is_loopback
from sim_mcp.changes.policy.rules import PolicyError, read_policy
from sim_mcp.cli import call as shell
from sim_mcp.cli import database, interrupts
from sim_mcp.cli import demo as demonstration
from sim_mcp.cli.audit import audit_rows, print_audit
from sim_mcp.cli.completion import complete_key, complete_tool
from sim_mcp.cli.health import ask_server
from sim_mcp.cli.keys import keys_command
from sim_mcp.cli.options import WholePath, env_file_option, json_option, sandbox_option
from sim_mcp.cli.sessions import sessions_command
from sim_mcp.cli.streams import Output, prepare, reader_may_leave
from sim_mcp.cli.tables import records
from sim_mcp.cli.tokens import tokens_command, why_not_to_serve
from sim_mcp.formatting import as_utc
from sim_mcp.logs import log_to_stderr, tell
from sim_mcp.sandbox import Faults, Sandbox, SandboxSettings, Unknowns
from sim_mcp.sandbox import serve as serve_sandbox
from sim_mcp.server.app import build_server
from sim_mcp.server.http.access_key import AccessKeyError, access_key
from sim_mcp.server.http.listening import listen
from sim_mcp.server.readiness import Readiness
from sim_mcp.server.serving import UnconfirmedChangesError, require_confirmation, serve_http, serve_stdio, upstream
from sim_mcp.server.signin.door import door_of
from sim_mcp.server.signin.key_file import KeyFileError
from sim_mcp.server.telemetry.wanted import TelemetrySettingsError
from sim_mcp.settings import ENV_FILE, Settings, SettingsError, read_settings
from sim_mcp.tools.context import why_no_token

_USAGE_EXIT_CODE = 2


class UsageError(click.ClickException):
    """End the command with exit code 2 and say on stderr what to change."""

    exit_code = _USAGE_EXIT_CODE


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@sandbox_option
@env_file_option
@click.pass_context
def main(ctx: click.Context, *, sandbox: bool) -> None:
    """Serve emnify SIM cards to MCP clients. Without a command: over stdio."""
    prepare()
    if ctx.invoked_subcommand is None:
        sys.exit(anyio.run(serve_stdio, _settings_to_serve(sandbox=sandbox), sandbox))
    elif sandbox:
        raise UsageError(f"--sandbox goes after the command: sim-mcp {ctx.invoked_subcommand} --sandbox …")


@main.command()
@click.option("--http", is_flag=True, help="Serve Streamable HTTP instead of stdio.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address on this machine to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: any free port.")
@click.option("--stateless", is_flag=True, help="With --http: keep no sessions; older clients cannot be asked by form.")
@click.option(
    "--no-key",
    is_flag=True,
    help="With --http: let every program on this machine ask; forms are not accepted as approval.",
)
@sandbox_option
@env_file_option
def serve(*, http: bool, host: str, port: int, stateless: bool, no_key: bool, sandbox: bool) -> None:
    """Serve MCP over stdio, or with --http over Streamable HTTP at /mcp.

    Over HTTP clients send a key, made at the first start and kept in the state directory.
    """
    if not http:
        for given, option in ((stateless, "--stateless"), (no_key, "--no-key")):
            if given:
                raise UsageError(f"{option} goes with --http. Nothing was started.")
        sys.exit(anyio.run(serve_stdio, _settings_to_serve(sandbox=sandbox), sandbox))
    settings = _settings_to_serve(sandbox=sandbox)
    _check_exposure(settings, host, no_key=no_key)
    if reason := why_not_to_serve(settings):
        raise UsageError(f"{reason} Nothing was started.")
    try:
        # Where people sign in, no key opens everything.
        key = None if no_key or settings.issuer else access_key(settings)
        door = None if no_key else door_of(settings, key)
        if no_key:
            require_confirmation(settings)
        listeners = listen(host, port)
    except KeyFileError as error:
        raise UsageError(f"{error} Nothing was started.") from None
    except (AccessKeyError, UnconfirmedChangesError) as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        taken = f"Port {port} is taken" if error.errno == errno.EADDRINUSE else f"{host}, port {port}: {error.strerror}"
        raise UsageError(f"{taken}: try another --port, 0 takes any free one. Nothing was started.") from None
    try:
        sys.exit(anyio.run(serve_http, settings, sandbox, listeners, stateless, key, door))
    except TelemetrySettingsError as error:
        raise UsageError(str(error)) from None


@main.command("sandbox")
@click.option("--port", default=8580, show_default=True, type=click.IntRange(0, 65535), help="0: any free port.")
@click.option("--sims", default=500, show_default=True, type=click.IntRange(1, 5_000_000))
@click.option("--seed", default=1, show_default=True, help="Same seed and clock, same world.")
@click.option("--clock", help="ISO 8601 moment at which the world's clock starts; default: now.")
@click.option("--db", type=WholePath(), help="Keep the world in this SQLite file.")
@click.option("--limits", is_flag=True, help="Enforce emnify's published rate limits.")
@click.option("--faults", multiple=True, metavar="FAULT", help="A bad day, e.g. throttle=0.1; may be repeated.")
@click.option(
    "--unknown",
    multiple=True,
    metavar="NAME=VALUE",
    help="Choose where emnify's answer is not known, e.g. same_status=422; may be repeated.",
)
def sandbox_command(
    *,
    port: int,
    sims: int,
    seed: int,
    clock: str | None,
    db: Path | None,
    limits: bool,
    faults: Sequence[str],
    unknown: Sequence[str],
) -> None:
    """Run a simulated emnify API on this machine, over HTTP."""
    try:
        settings = SandboxSettings(
            port=port,
            sims=sims,
            seed=seed,
            clock=_parse_time(clock),
            db=db,
            limits=limits,
            faults=Faults.parse(list(faults)),
            unknowns=Unknowns.parse(list(unknown)),
        )
        serve_sandbox(settings, _print_connection)
    except OSError as error:
        raise UsageError(f"{error.strerror or error}: try another --port, 0 takes any free one.") from None
    except (ValueError, sqlite3.Error) as error:
        place = f" ({db})" if db is not None else ""
        raise UsageError(f"{error}{place}") from None


@main.command()
def demo() -> None:
    """Walk through a support desk's morning with a real server and client on the sandbox."""
    held = anyio.run(demonstration.run, Output(lines_may_be_long=False))
    with reader_may_leave():
        sys.stdout.flush()
    sys.exit(0 if held else 1)


@main.command()
@click.argument("tool", shell_complete=complete_tool)
@click.argument("arguments", nargs=-1, metavar="[KEY=VALUE]...", shell_complete=complete_key)
@json_option
@sandbox_option
@env_file_option
def call(*, tool: str, arguments: tuple[str, ...], as_json: bool, sandbox: bool) -> None:
    """Call one tool; sim-mcp tools lists them with their keys.

    \b
    sim-mcp call list_sims status=suspended has_device=true
    sim-mcp call set_sim_status sims=8988303000000000129,8988303000000000137 status=suspended

    A key that takes a list takes values with commas between them, or may be repeated: sims=A sims=B. A value that
    contains a comma goes into a JSON list: sims='["pump, north"]'. A change asks at the terminal.
    """  # noqa: D301  # click takes the escape for "do not wrap".
    settings = _settings(sandbox=sandbox)
    if not settings.has_token and not sandbox:
        raise UsageError(why_no_token(settings))
    try:
        result = interrupts.run(_call, settings, sandbox, tool, arguments)
    except KeyboardInterrupt:
        click.echo(
            "\nInterrupted: an open form was not answered, so nothing changed; an unfinished export left no file.",
            err=True,
        )
        # A regular exit would wait for the thread that reads the keyboard.
        os._exit(interrupts.INTERRUPTED_EXIT_CODE)
    except shell.ArgumentError as error:
        raise UsageError(f"{error} Nothing was sent.") from None
    shell.print_result(result, as_json=as_json, options="--sandbox" if sandbox else "")
    sys.exit(0 if shell.succeeded(result) else 1)


@main.command()
@json_option
@env_file_option
def tools(*, as_json: bool) -> None:
    """List the tools and their parameters."""
    found = anyio.run(shell.list_tools, build_server(_settings()))
    if as_json:
        click.echo("[" + ",\n".join(tool.model_dump_json(by_alias=True, exclude_none=True) for tool in found) + "]")
        return
    rows = [
        {
            "tool": tool.name,
            "does": (tool.description or "").split(". ")[0],
            "parameters": " ".join(
                name if name in tool.input_schema.get("required", []) else f"[{name}]"
                for name in tool.input_schema["properties"]
            ),
        }
        for tool in found
    ]
    output = Output()
    with reader_may_leave():
        output.print(records(rows, output))


@main.command()
@click.option("--since", help="ISO 8601 moment or day; without a zone it is UTC.")
@click.option("--sim", help="Only this SIM, spelled in any way the tools understand.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@json_option
@env_file_option
def audit(*, since: str | None, sim: str | None, as_csv: bool, as_json: bool) -> None:
    """Tell what was agreed to, sent and changed, by whom, when, and what came of it."""
    settings = _settings()
    moment = _parse_time(since, "--since") if since else None
    print_audit(audit_rows(settings, moment, sim), as_json=as_json, as_csv=as_csv)


@main.command()
@env_file_option
def migrate() -> None:
    """Prepare the database of SIM_MCP_DATABASE_URL for this version; servers do not start on it before."""
    database.migrate(_settings())


@main.command()
@click.option("--alive", is_flag=True, help="Only whether it runs; a container is restarted for that, not for emnify.")
@click.option("--port", type=click.IntRange(1, 65535), help="Ask the server on this port of this machine.")
@env_file_option
def health(*, alive: bool, port: int | None) -> None:
    """Exit 0 if calls can be answered: the token is accepted, emnify reached, the directories can be written to."""
    if port is not None:
        click.echo(ask_server(port, alive=alive))
        return
    settings = _settings()
    tools_listed = anyio.run(shell.list_tools, build_server(settings))
    if not alive and (problems := anyio.run(Readiness(settings).problems)):
        raise click.ClickException("\n".join(["not ready", *(problem.details for problem in problems)]))
    click.echo(f"{'alive' if alive else 'ready'}: {len(tools_listed)} tools")


async def _call(settings: Settings, sandbox: bool, tool: str, words: Sequence[str]) -> CallToolResult:
    async with upstream(settings, sandbox) as ready:
        # The process ends with the call, and the page with it; forms are answered at the terminal instead.
        without_page = ready.model_copy(update={"approval_page": False})
        return await shell.call(build_server(without_page), tool, words, interactive=sys.stdin.isatty())


def _settings(*, sandbox: bool = False) -> Settings:
    named = click.get_current_context().meta.get(ENV_FILE)
    notices: list[str] = []
    try:
        settings = read_settings(named=named, sandbox=sandbox, tell=notices.append)
        read_policy(settings.policy, settings.confirm)
        log_to_stderr(settings.log_level, settings.application_token, as_json=settings.log_format == "json")
    except (SettingsError, PolicyError) as error:
        raise UsageError(str(error)) from None
    finally:
        for notice in notices:
            tell(f"sim-mcp: {notice}")
    return settings


main.add_command(keys_command(_settings))
main.add_command(tokens_command(_settings))
main.add_command(sessions_command(_settings))


def _check_exposure(settings: Settings, host: str, *, no_key: bool) -> None:
    if not is_loopback(host) and settings.public_url is None:
        raise UsageError(
            f"--host {host}: a key in clear is no protection on a network, so only this machine may connect. Use "
            "127.0.0.1 and put a tunnel or an authenticating proxy in front; or, where a proxy with TLS is the only "
            "way here, say by SIM_MCP_PUBLIC_URL what it is reached by. Nothing was started."
        )
    if no_key and settings.public_url is not None:
        raise UsageError(
            "--no-key lets everybody in, and SIM_MCP_PUBLIC_URL is known beyond this machine: use one of "
            "them. Nothing was started."
        )


def _settings_to_serve(*, sandbox: bool) -> Settings:
    settings = _settings(sandbox=sandbox)
    if reason := database.why_not_to_start(settings):
        raise UsageError(f"{reason} Nothing was started.")
    return settings


def _parse_time(text: str | None, option: str = "--clock") -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text}: should be ISO 8601, such as 2026-03-15T09:00:00Z") from None
    return as_utc(moment)


def _print_connection(sandbox: Sandbox) -> None:
    click.echo(f"EMNIFY_BASE_URL={sandbox.base_url}")
    for role, token in sandbox.tokens.items():
        click.echo(f"{role}: EMNIFY_APPLICATION_TOKEN={token}")
    click.echo(f"What is in it: {sandbox.base_url}/sandbox/scenarios. Stop with Ctrl-C.")
