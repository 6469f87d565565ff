"""Who reads the log, the process list or the state directory learns no secret, however much is logged."""

import logging
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from io import StringIO
from pathlib import Path

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from pydantic import SecretStr

from sim_mcp.logs import hide, log_to_stderr, without_secrets
from tests.changes.test_approval import press, suspend
from tests.processes.test_serving import EVERY_WAY, Era, Wire, environment
from tests.support import Fleet, key_in, structured, with_key

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/mcp")
LINK = re.compile(r"http://127\.0\.0\.1:\d+/approve/[\w-]+")


@asynccontextmanager
async def serving(wire: Wire, era: Era, env: dict[str, str], log: Path) -> AsyncIterator[Client]:
    """Run a server as a process whose stderr goes to a file."""
    async with AsyncExitStack() as stack:
        sink = stack.enter_context(log.open("w"))
        if wire == "stdio":
            server = StdioServerParameters(command=sys.executable, args=["-m", "sim_mcp"], env=env)
            yield await stack.enter_async_context(Client(stdio_client(server, errlog=sink), mode=era))
            return
        command = [sys.executable, "-m", "sim_mcp", "serve", "--http", "--port", "0"]
        process = await stack.enter_async_context(await anyio.open_process(command, env=env, stderr=sink))
        stack.callback(process.terminate)
        with anyio.fail_after(30):
            while not (found := ADDRESS.search(await anyio.Path(log).read_text())):  # noqa: ASYNC110  # a file tells nobody.
                await anyio.sleep(0.05)
        yield await stack.enter_async_context(Client(with_key(found[0], env), mode=era))


def told_of_processes() -> str:
    """What anybody may read of the processes that this one started: arguments and environment."""
    told = ""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid():
                told += (process / "cmdline").read_text(errors="replace")
                told += (process / "environ").read_text(errors="replace")
        except (OSError, ValueError, IndexError):
            continue
    return told


@pytest.mark.parametrize(("wire", "era"), EVERY_WAY)
async def test_the_secret_of_a_link_is_in_no_log_no_argument_and_no_file(
    fleet: Fleet, tmp_path: Path, wire: Wire, era: Era
) -> None:
    """The link is told twice, as progress and as a result, and opens the page."""
    log = tmp_path / "log"
    messages: list[str] = []

    async def tell(progress: float, total: float | None, message: str | None) -> None:
        del progress, total
        messages.append(message or "")

    env = environment(fleet, SIM_MCP_LOG_LEVEL="DEBUG", SIM_MCP_APPROVAL_WAIT="1")
    async with serving(wire, era, env, log) as client:
        waiting = structured(
            await client.call_tool("set_sim_status", suspend(fleet, "healthy"), progress_callback=tell)
        )
        links = {waiting["approve_at"], *LINK.findall(" ".join(messages))}
        assert (await press(waiting["approve_at"], "approve")).status_code < 400
        done = structured(await client.call_tool("continue_change", {"plan": waiting["plan"]}))
        assert done["counts"] == {"changed": 1}
        processes = told_of_processes()
    assert messages
    kept = [file.read_bytes().decode("latin-1") for file in fleet.state_dir.rglob("*") if file.is_file()]
    written = log.read_text()
    assert "DEBUG" in written
    for link in links:
        secret = link.rpartition("/")[2]
        assert len(secret) > 40
        assert not [where for where in (written, processes, *kept) if secret in where]
    assert fleet.world.tokens["enterprise"] not in written + "".join(kept)
    if wire == "http":
        # The key of the door is in its own file alone.
        assert key_in(env) not in written + processes
        assert sum(key_in(env) in each for each in kept) == 1
    # The words that say how to send the key name none.
    assert not re.search(r"Bearer [\w.-]{8}|eyJ", written)
    if (wire, era) == ("http", "legacy"):
        # Whole messages are logged, the one with the link among them.
        assert "/approve/…" in written


def test_what_is_secret_is_left_out_of_a_line_whoever_formats_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", True)
    factory, sink = logging.getLogRecordFactory(), StringIO()
    handler = logging.StreamHandler(sink)
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    library = logging.getLogger("a library")
    library.addHandler(handler)
    hide("a-key-of-this-test-alone")
    log_to_stderr("DEBUG", SecretStr("an-application-token"))
    try:
        library.error("sent %r with %s", b"http://127.0.0.1:1/approve/abcdefghijkl\r\n", "a-key-of-this-test-alone")
        failure = ValueError("an-application-token was refused")
        assert not [name for name in ("httpx", "httpcore.http11") if logging.getLogger(name).isEnabledFor(logging.INFO)]
        library.error("Authorization: Bearer abcdefgh.ijkl", exc_info=failure, stack_info=True)
    finally:
        logging.setLogRecordFactory(factory)
        library.removeHandler(handler)
    written = sink.getvalue()
    assert "a library: sent b'http://127.0.0.1:1/approve/…\\r\\n' with …\n" in written
    assert "ValueError: … was refused" in written
    assert "Bearer …" in written
    assert not [each for each in ("abcdefgh", "a-key-of-this-test", "an-application-token") if each in written]


@pytest.mark.parametrize("said", ["the bearer is", "/approve/", "eyJust a name", "GET /api/v1/sim 200"])
def test_what_is_no_secret_stays(said: str) -> None:
    assert without_secrets(said) == said
