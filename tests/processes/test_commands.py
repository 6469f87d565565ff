"""The commands of `sim-mcp`, run as a shell runs them."""

import json
import os
import pty
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from anyio.streams.text import TextReceiveStream
from click.testing import CliRunner, Result

from sim_mcp.cli.commands import main
from sim_mcp.tools import registry
from tests.processes.test_serving import environment
from tests.support import Fleet


def run(*words: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sim_mcp", *words]
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        env=environment(None) if env is None else env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


def invoked(*words: str, env: dict[str, str] | None = None) -> Result:
    """The command within this process: for what is refused before anything of it starts."""
    wanted = environment(None) if env is None else env
    others: dict[str, str | None] = {name: None for name in os.environ if name not in wanted}
    return CliRunner().invoke(main, words, env={**others, **wanted})


async def run_on(fleet: Fleet, *words: str, **extra: str) -> subprocess.CompletedProcess[str]:
    return await anyio.to_thread.run_sync(lambda: run(*words, env=environment(fleet, **extra)))


def test_a_call_without_a_token_exits_2_and_names_the_two_ways_on() -> None:
    done = invoked("call", "list_sims")
    assert done.exit_code == 2
    assert "EMNIFY_APPLICATION_TOKEN" in done.stderr
    assert "--sandbox" in done.stderr
    assert done.stdout == ""


def test_one_server_alone_loads_no_driver_of_a_database() -> None:
    """Every start would pay for it."""
    look = "import sys, sim_mcp.cli.commands; print([name for name in sys.modules if 'psycopg' in name])"
    done = subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_a_setting_that_cannot_be_used_exits_2_and_names_it(tmp_path: Path) -> None:
    done = run("tools", env=environment(None, SIM_MCP_CONFIRM="maybe"), cwd=tmp_path)
    assert done.returncode == 2
    assert "SIM_MCP_CONFIRM" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_policy_that_cannot_be_used_exits_2_and_names_the_file(tmp_path: Path) -> None:
    done = invoked("tools", env=environment(None, SIM_MCP_POLICY=str(tmp_path / "missing.toml")))
    assert done.exit_code == 2
    assert "missing.toml" in done.stderr


def test_the_env_file_of_the_working_directory_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SIM_MCP_READ_ONLY=1\n")
    done = run("tools", "--json", cwd=tmp_path)
    assert "delete_sims" not in {tool["name"] for tool in json.loads(done.stdout)}


async def test_the_env_file_of_a_clone_sends_no_token_from_the_environment_anywhere(
    fleet: Fleet, tmp_path: Path
) -> None:
    here = anyio.Path(tmp_path / ".env")
    await here.write_text(f"EMNIFY_BASE_URL={fleet.world.base_url}\nSIM_MCP_CONFIRM=host\n")
    token = fleet.world.tokens["enterprise"]
    # What the proxy is does not matter: the way to emnify itself has to be barred here.
    env = environment(None, EMNIFY_APPLICATION_TOKEN=token, HTTPS_PROXY="socks4://127.0.0.1:9", NO_PROXY="")
    done = await anyio.to_thread.run_sync(lambda: run("call", "list_sim_statuses", env=env, cwd=tmp_path))
    assert done.returncode == 1
    assert f"{here} was not read" in done.stderr
    assert (await fleet.control.get("/sandbox/requests")).json() == []
    for words in (
        ["call", "list_sim_statuses", "--env-file", str(here)],
        ["--env-file", str(here), "call", "list_sim_statuses"],
    ):
        named = await anyio.to_thread.run_sync(partial(run, *words, env=env, cwd=tmp_path))
        assert (named.returncode, named.stderr) == (0, "")
    assert len(await fleet.requests()) == 2


def test_a_malformed_env_file_ends_the_command_with_its_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("EMNIFY_BASE_URL : https://mine.example\n")
    done = run("tools", cwd=tmp_path)
    assert done.returncode == 2
    assert f"{tmp_path / '.env'}, line 1, is not NAME=value" in done.stderr
    assert invoked("tools", "--env-file", ".env").exit_code == 2
    assert f"such as {Path.cwd() / '.env'}" in invoked("tools", "--env-file", ".env").stderr


@pytest.mark.parametrize("pasted", ["your token", "Bearer abc.def.ghi", "${input:emnify}"])
def test_a_call_with_a_token_pasted_wrong_exits_2_and_says_how(pasted: str) -> None:
    done = invoked("call", "list_sims", env=environment(None, EMNIFY_APPLICATION_TOKEN=pasted))
    assert done.exit_code == 2
    assert "EMNIFY_APPLICATION_TOKEN was not pasted right" in done.stderr
    assert "abc.def" not in done.stderr


def test_tools_are_listed_for_people_and_for_programs(tmp_path: Path) -> None:
    assert "list_sims" in run("tools", cwd=tmp_path).stdout
    assert len(json.loads(run("tools", "--json", cwd=tmp_path).stdout)) == len(registry.tools(may_write=True))


def test_the_sandbox_option_needs_nothing_else(tmp_path: Path) -> None:
    done = run("call", "--sandbox", "list_sims", "status=suspended", "per_page=2", "--json", cwd=tmp_path)
    assert done.returncode == 0
    assert [row["status"] for row in json.loads(done.stdout)["sims"]] == ["Suspended", "Suspended"]


async def test_a_person_gets_a_table_and_a_program_gets_json(fleet: Fleet) -> None:
    sim = fleet.scenarios["injected_control"]["iccid_with_luhn"]
    table = await run_on(fleet, "call", "get_sim", f"sim={sim}")
    assert table.returncode == 0
    assert sim in table.stdout
    assert "\x1b[2K" not in table.stdout
    structure = await run_on(fleet, "call", "get_sim", f"sim={sim}", "--json")
    assert json.loads(structure.stdout)["iccid"] == sim


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nope"], "There is no tool 'nope'"),
        (["get_sim", "8988303000000000129"], "key=value"),
        (["get_sim", "simm=1"], "'simm=1'"),
        (["list_sims", "page=two"], "whole number"),
        (["list_sims", "has_device=perhaps"], "true or false"),
        (["list_sims", "page=1", "page=2"], "given twice"),
    ],
)
async def test_words_that_do_not_fit_exit_2_with_nothing_sent(fleet: Fleet, words: list[str], says: str) -> None:
    done = await anyio.to_thread.run_sync(lambda: invoked("call", *words, env=environment(fleet)))
    assert done.exit_code == 2
    assert says in done.stderr
    assert await fleet.requests() == []


async def test_a_tool_that_says_no_exits_1(fleet: Fleet) -> None:
    done = await run_on(fleet, "call", "get_sim", "sim=89883030000060000005")
    assert done.returncode == 1
    assert "should be 4" in done.stderr
    as_json = await run_on(fleet, "call", "get_sim", "sim=89883030000060000005", "--json")
    assert "should be 4" in json.loads(as_json.stdout)["error"]


async def test_a_change_that_was_refused_exits_1(fleet: Fleet) -> None:
    sim = fleet.scenarios["fresh"]["iccid"]
    done = await run_on(fleet, "call", "set_sim_status", f"sims={sim}", "status=suspended")
    assert done.returncode == 1
    assert "refused" in done.stdout


async def test_without_a_terminal_a_change_is_not_confirmed(fleet: Fleet) -> None:
    sim = fleet.scenarios["healthy"]["iccid"]
    done = await run_on(fleet, "call", "set_sim_status", f"sims={sim}", "status=suspended")
    assert done.returncode == 1
    assert "Nothing changed" in done.stderr
    assert "sim-mcp call at a terminal" in done.stderr
    assert await fleet.writes() == []


@pytest.mark.parametrize(
    ("answer", "code", "writes"), [("y\n", 0, 1), ("n\n", 1, 0), ("\n", 1, 0), ("\x04", 1, 0), ("\x03", 130, 0)]
)
async def test_at_a_terminal_the_form_is_answered_there(fleet: Fleet, answer: str, code: int, writes: int) -> None:
    sim = fleet.scenarios["healthy"]["iccid"]
    words = ["call", "set_sim_status", f"sims={sim}", "status=suspended"]
    returned, screen = await anyio.to_thread.run_sync(lambda: at_a_terminal(words, answer, environment(fleet)))
    assert "Activated → Suspended" in screen
    assert returned == code, screen
    assert len(await fleet.writes()) == writes


@pytest.mark.parametrize("words", [["--sandbox"], ["serve", "--sandbox"]])
def test_a_server_started_by_hand_says_what_it_waits_for_and_ends_on_one_ctrl_c(words: list[str]) -> None:
    returned, screen = at_a_terminal(words, "\x03", environment(None), once="Ctrl-C ends it.")
    assert "waiting for an MCP client" in screen
    assert "sim-mcp call" in screen
    assert "Traceback" not in screen
    assert returned == 130


async def test_without_a_terminal_a_server_says_nothing_of_waiting(fleet: Fleet) -> None:
    done = await run_on(fleet)
    assert (done.returncode, done.stderr) == (0, "")


def at_a_terminal(words: list[str], answer: str, env: dict[str, str], once: str = "[y/N]") -> tuple[int, str]:
    """Run a command with a terminal of its own and type an answer once it asks."""
    pid, terminal = pty.fork()
    if pid == 0:
        # Whoever runs the tests in the background has it ignored, and what is ignored stays so in programs started.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execve(sys.executable, [sys.executable, "-m", "sim_mcp", *words], env)  # noqa: S606  # no shell is wanted.
    screen = ""
    typed = False
    while True:
        try:
            read = os.read(terminal, 4096)
        except OSError:
            break
        if not read:
            break
        screen += read.decode(errors="replace")
        if not typed and once in screen:
            typed = True
            os.write(terminal, answer.encode())
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), screen


async def test_the_sandbox_prints_what_is_needed_to_use_it() -> None:
    command = [sys.executable, "-m", "sim_mcp", "sandbox", "--port", "0", "--sims", "50", "--limits"]
    command += ["--clock", "2026-03-15T09:00:00Z", "--seed", "7", "--faults", "latency=0.001"]
    async with await anyio.open_process(command, env=environment(None)) as process:
        assert process.stdout is not None
        text = ""
        with anyio.fail_after(30):
            async for chunk in TextReceiveStream(process.stdout):
                text += chunk
                if "Ctrl-C" in text:
                    break
        found: dict[str, Any] = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        async with httpx.AsyncClient(base_url=found["EMNIFY_BASE_URL"]) as http:
            body = {"application_token": found["enterprise: EMNIFY_APPLICATION_TOKEN"]}
            token = (await http.post("/api/v1/authenticate", json=body)).json()["auth_token"]
            page = await http.get("/api/v1/sim", headers={"Authorization": f"Bearer {token}"})
            assert page.headers["Date"].startswith("Sun, 15 Mar 2026")
            assert len(page.json()) > 20
        process.terminate()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--faults", "nonsense"], "nonsense"),
        (["--clock", "noon"], "noon"),
        (["--sims", "0"], "0"),
        (["--unknown", "nope=1"], "nope"),
        (["--db", "/nonexistent/world.db"], "/nonexistent/world.db"),
        (["--db", "world.db"], "world.db must be a whole path, such as /"),
        (["--db", "~nobody-of-that-name/world.db"], "user who is not known"),
    ],
)
def test_a_sandbox_that_cannot_be_as_asked_exits_2(words: list[str], says: str) -> None:
    done = invoked("sandbox", "--port", "0", *words)
    assert done.exit_code == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demonstration_holds(tmp_path: Path) -> None:
    done = run("demo", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Everything held." in done.stdout
    assert "✗" not in done.stdout
