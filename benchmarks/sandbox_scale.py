"""Measure what a sandbox of many SIMs costs: making it, memory, and the time of typical requests.

Run with `uv run python benchmarks/sandbox_scale.py [SIMS]`; the default is 1,000,000.
"""

import resource
import statistics
import sys
import time
from datetime import UTC, datetime

import anyio
import httpx

from sim_mcp.sandbox import Sandbox, SandboxSettings, running

REPEATS = 5
MIB_PER_UNIT = 1 / 1024 if sys.platform != "darwin" else 1 / (1024 * 1024)


def requests(sims: int, sample: dict[str, str]) -> dict[str, str]:
    """Return typical requests by what they stand for."""
    last = sims // 2500
    return {
        "SIM by id": f"/sim/{sample['sim_id']}",
        "SIM by ICCID": f"/sim?q=iccid:{sample['iccid']}",
        "SIM by ICCID with check digit": f"/sim?q=iccid_with_luhn:{sample['iccid_with_luhn']}",
        "SIM by IMSI": f"/sim?q=imsi:{sample['imsi']}",
        "SIM by part of ICCID": f"/sim?q=iccid:{sample['iccid'][9:17]}&per_page=25",
        "SIMs by device name": "/sim?q=endpoint:Hafentor&per_page=25",
        "SIMs without device": "/sim?q=endpoint:null&per_page=25",
        "first page of 2500": "/sim?per_page=2500",
        "last page of 2500": f"/sim?per_page=2500&page={last}",
        "25 by ICCID, descending": "/sim?per_page=25&sort=-iccid",
        "25 by status, then id": "/sim?per_page=25&sort=-status,id",
        "25 suspended": "/sim?per_page=25&q=status:2",
        "events of a SIM": f"/sim/{sample['sim_id']}/event",
        "usage of a SIM": f"/sim/{sample['sim_id']}/stats",
        "events of the organisation": "/event?per_page=25&sort=-id",
        "counts by status": "/organisation/my/stats",
    }


async def measure(sandbox: Sandbox, sims: int) -> list[tuple[str, float, float]]:
    """Return for each request the first and the median time in milliseconds."""
    async with httpx.AsyncClient(base_url=f"{sandbox.base_url}/api/v1", timeout=60) as client:
        answer = await client.post("/authenticate", json={"application_token": sandbox.tokens["enterprise"]})
        client.headers["Authorization"] = f"Bearer {answer.json()['auth_token']}"
        scenarios = (await client.get(f"{sandbox.base_url}/sandbox/scenarios")).json()
        sample = {key: str(value) for key, value in scenarios[0].items()}
        rows = []
        for name, path in requests(sims, sample).items():
            times = []
            for _ in range(REPEATS):
                began = time.perf_counter()
                answer = (await client.get(path)).raise_for_status()
                times.append((time.perf_counter() - began) * 1000)
            assert answer.json(), f"{name}: nothing was found"
            rows.append((name, times[0], statistics.median(times)))
        return rows


async def main(sims: int) -> None:
    """Print one table."""
    began = time.perf_counter()
    async with running(SandboxSettings(sims=sims, clock=datetime(2026, 11, 22, 12, tzinfo=UTC))) as sandbox:
        made = time.perf_counter() - began
        rows = await measure(sandbox, sims)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MIB_PER_UNIT
    print(f"| {sims:,} SIMs made in {made:.1f} s, {memory:.0f} MiB at most | first, ms | median, ms |")
    print("|---|---:|---:|")
    for name, first, median in rows:
        print(f"| {name} | {first:.1f} | {median:.1f} |")


if __name__ == "__main__":
    anyio.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
