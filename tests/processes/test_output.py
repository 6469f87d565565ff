"""What commands print reaches its reader whole: through pipes, in any encoding, at any width."""

import subprocess
import sys

import anyio
import pytest

from tests.processes.test_commands import run_on
from tests.processes.test_serving import environment
from tests.support import Fleet

CONFIRMED = {"SIM_MCP_CONFIRM": "host"}


async def piped(fleet: Fleet, pipe: str, *words: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run a command with its output in a pipe; the exit code is the command's, not the reader's."""
    command = ["bash", "-c", f'set -o pipefail; "$@" | {pipe}', "bash", sys.executable, "-m", "sim_mcp", *words]
    env = environment(fleet, **extra)
    return await anyio.to_thread.run_sync(
        lambda: subprocess.run(command, check=False, capture_output=True, text=True, env=env, timeout=60)
    )


async def test_a_pipe_gets_every_digit_and_every_column(fleet: Fleet) -> None:
    sim = fleet.scenarios["healthy"]
    done = await piped(fleet, "cat", "call", "list_sims", "detail=full", f"device={sim['device_name']}")
    row = next(line for line in done.stdout.splitlines() if sim["iccid_with_luhn"] in line)
    assert sim["device_name"] in row
    assert "295050100000000" in row
    assert "423663100000000" in row


@pytest.mark.parametrize("columns", ["60", "80"])
async def test_a_narrow_terminal_gets_every_digit_too(fleet: Fleet, columns: str) -> None:
    sim = fleet.scenarios["healthy"]
    words = ["call", "list_sims", "detail=full", f"device={sim['device_name']}"]
    done = await run_on(fleet, *words, COLUMNS=columns)
    assert sim["iccid_with_luhn"] in done.stdout
    assert ["imsi", "295050100000000"] in [line.split() for line in done.stdout.splitlines()]
    assert max(map(len, done.stdout.splitlines())) <= int(columns)


@pytest.mark.parametrize("columns", ["60", "80", "140"])
async def test_the_audit_tells_by_whom_and_how_it_was_agreed_to_at_any_width(fleet: Fleet, columns: str) -> None:
    sim = fleet.scenarios["healthy"]["iccid_with_luhn"]
    await run_on(fleet, "call", "set_sim_status", f"sims={sim}", "status=suspended", **CONFIRMED)
    told = " ".join((await run_on(fleet, "audit", COLUMNS=columns)).stdout.split())
    assert sim in told
    assert "operator's" in told
    assert "policy" in told
    assert "mcp" in told
    assert "by" in told.split()
    assert "agreed" in told.split()


@pytest.mark.parametrize(("encoding", "arrow"), [("ascii", "->"), ("cp1252", "->"), ("utf-8", "→")])
async def test_a_change_is_told_in_any_encoding(fleet: Fleet, encoding: str, arrow: str) -> None:
    sim = fleet.scenarios["rejected_by_network"]["iccid_with_luhn"]
    words = ["call", "set_sim_status", f"sims={sim}", "status=suspended"]
    done = await run_on(fleet, *words, PYTHONIOENCODING=encoding, PYTHONUTF8="0", **CONFIRMED)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert sim in done.stdout
    told = await run_on(fleet, "audit", PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert f"Activated {arrow} Suspended" in told.stdout


@pytest.mark.parametrize("pipe", ["true", "head -n 1"])
@pytest.mark.parametrize("as_json", [[], ["--json"]])
async def test_a_reader_that_leaves_early_is_no_failure(fleet: Fleet, pipe: str, as_json: list[str]) -> None:
    sim = fleet.scenarios["healthy"]["iccid_with_luhn"]
    words = ["call", "set_sim_status", f"sims={sim}", "status=suspended", *as_json]
    done = await piped(fleet, f"( {pipe} )", *words, **CONFIRMED)
    assert done.returncode == 0
    assert done.stderr == ""
    assert len(await fleet.writes()) == 1
    listed = await piped(fleet, "head -n 1", "call", "list_sims", "per_page=60", *as_json)
    assert (listed.returncode, listed.stderr) == (0, "")
