"""What a large change costs: time against the bare requests and against emnify's limits, and memory, within one run.

Run with `uv run python benchmarks/changes.py [--sims 1000]`. The sandbox holds the published limits. The change runs
as a person would meet it: planned, agreed to by policy, each SIM recorded, read before and after, call after call.
"""

import argparse
import resource
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import httpx
from mcp import Client
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from sim_mcp.sandbox import Sandbox, SandboxSettings, running
from sim_mcp.server import build_server
from sim_mcp.settings import Confirm, Settings

WINDOW_REQUESTS, WINDOW_S = 2000, 300.0
BARE = 200
"""Bare requests that are timed; more would spend the window the change needs."""


async def bare_seconds(world: Sandbox, sims: list[int]) -> float:
    """Suspend SIMs one after another with plain httpx; return the seconds each took."""
    async with httpx.AsyncClient(base_url=world.base_url, trust_env=False) as http:
        token = {"application_token": world.tokens["issuer"]}
        bearer = (await http.post("/api/v1/authenticate", json=token)).json()["auth_token"]
        started = time.perf_counter()
        for sim in sims:
            answer = await http.patch(
                f"/api/v1/sim/{sim}", json={"status": {"id": 2}}, headers={"Authorization": f"Bearer {bearer}"}
            )
            answer.raise_for_status()
        return (time.perf_counter() - started) / len(sims)


async def changed(world: Sandbox, state: Path, iccids: list[str]) -> tuple[float, int, list[float]]:
    """Suspend SIMs through the server; return the seconds, the calls needed, and peak memory SIM by SIM in MiB."""
    settings = Settings(
        state_dir=state,
        base_url=world.base_url,
        application_token=SecretStr(world.tokens["issuer"]),
        confirm=Confirm.HOST,
        max_sims_per_change=10_000,
        max_sims_per_hour=10_000,
    )
    peaks: list[float] = []

    async def look(progress: float, total: float | None, message: str | None) -> None:
        del progress, total, message
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)

    calls = 1
    async with Client(build_server(settings), read_timeout_seconds=600) as client:
        started = time.perf_counter()
        wanted = {"sims": iccids, "status": "suspended"}
        result = await client.call_tool("set_sim_status", wanted, progress_callback=look)
        while (told := result.structured_content or {}).get("state") == "not finished":
            calls += 1
            result = await client.call_tool("continue_change", {"plan": told["plan"]}, progress_callback=look)
    assert told.get("counts") == {"changed": len(iccids)}, result
    return time.perf_counter() - started, calls, peaks


async def measure(number: int, console: Console) -> None:
    """Measure one change of so many SIMs and print the table."""
    settings = SandboxSettings(sims=2 * number + 600, limits=True)
    with TemporaryDirectory() as state:
        async with running(settings) as world, httpx.AsyncClient(base_url=world.base_url, trust_env=False) as http:
            rows = world.store.rows("SELECT id, iccid FROM sim WHERE status = 1 ORDER BY id")
            sims = [(int(str(number)), str(iccid)) for number, iccid in rows]
            each = await bare_seconds(world, [sim for sim, _ in sims[-BARE:]])
            took, calls, peaks = await changed(world, Path(state), [iccid for _, iccid in sims[:number]])
            seen = (await http.get("/sandbox/requests")).json()
    ours = seen[BARE + 1 :]
    refused = sum(request["status"] == httpx.codes.TOO_MANY_REQUESTS for request in ours)
    least = max(0.0, -(-(len(ours) + BARE + 1) // WINDOW_REQUESTS) - 1) * WINDOW_S
    table = Table(title=f"{number:,} SIMs suspended, with the published limits")
    for column in ("what", "measured"):
        table.add_column(column)
    table.add_row("time over the same requests bare, one after another", f"{took / (each * number):.2f}")
    table.add_row(
        "time over what the limits make necessary", f"{took / least:.2f}" if least else "they ask for no wait"
    )
    table.add_row("requests for each SIM, reading before and after included", f"{len(ours) / number:.3f}")
    table.add_row("answers 429", str(refused))
    table.add_row("calls of 45 s at most", str(calls))
    table.add_row("peak memory, at the end over after 100 SIMs", f"{peaks[-1] / peaks[99]:.2f}")
    console.print(table)


def main() -> None:
    """Read the number of SIMs and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sims", type=int, default=1000)
    anyio.run(measure, parser.parse_args().sims, Console(width=100))


if __name__ == "__main__":
    main()
