"""Worlds: their size, their files, and the process that serves one."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from sim_mcp.sandbox import WorldMismatchError

from .conftest import API, RoleClient, Start


def test_the_registered_sims_are_as_many_as_asked_for(api: RoleClient) -> None:
    issued = api.as_role("issuer").get("/sim", per_page=1)
    waiting = sum(
        int(api.get(f"/sim_batch/bic/%23{bic}").json()["quantity"]) for bic in ("31F6E2S6XTR3NEY", "7K2M9QWE4RTZ8AB")
    )
    batches = waiting + 4 + 4
    assert int(issued.headers["x-total-count"]) == 500 + batches
    assert int(api.get("/sim").headers["x-total-count"]) > 400


def test_a_small_world_still_tells_every_scenario(start: Start) -> None:
    api = start("issuer", sims=1)
    assert api.sim("wrong_apn")
    assert len({sim["iccid"] for sim in api.found("/sim")}) == len(api.found("/sim"))


def test_a_large_world_answers_pages_to_its_end(start: Start) -> None:
    api = start(sims=20_000)
    first = api.get("/sim", per_page=2500)
    last = api.get("/sim", per_page=2500, page=int(first.headers["x-total-pages"]))
    total = int(first.headers["x-total-count"])
    assert total > 17_000
    assert len(first.json()) == 2500
    assert len(last.json()) == total - 2500 * (int(first.headers["x-total-pages"]) - 1)
    statuses = {sim["status"]["id"] for sim in first.json()}
    assert statuses == {0, 1, 2, 4}


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.2", "127.0.0.2"), ("::1", "[::1]")])
def test_a_sandbox_listens_where_it_is_told_to(start: Start, host: str, shown: str) -> None:
    api = start(host=host)
    assert api.sandbox.base_url.startswith(f"http://{shown}:")
    assert api.sim("healthy")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "world.db"


def test_a_world_in_a_file_goes_on_after_a_restart(kept: Path) -> None:
    script = (
        "import sys, anyio, httpx\n"
        "from datetime import UTC, datetime\n"
        "from pathlib import Path\n"
        "from sim_mcp.sandbox import SandboxSettings, running\n"
        "async def main():\n"
        "    clock = datetime(2026, 11, 22, 12, tzinfo=UTC)\n"
        "    async with running(SandboxSettings(db=Path(sys.argv[1]), sims=60, clock=clock)) as sandbox:\n"
        "        async with httpx.AsyncClient(base_url=sandbox.base_url + '/api/v1') as client:\n"
        "            body = {'application_token': sandbox.tokens['enterprise']}\n"
        "            token = (await client.post('/authenticate', json=body)).json()['auth_token']\n"
        "            client.headers['Authorization'] = 'Bearer ' + token\n"
        "            sim = (await client.get('/sim/2500000')).json()\n"
        "            done = (await client.get('/sim/2500000/event?q=type:9')).json()\n"
        "            print(sim['status']['id'], len(done))\n"
        "            await client.post(sandbox.base_url + '/sandbox/clock', json={'advance_s': 3600})\n"
        "            await client.patch('/sim/2500000', json={'status': {'id': 2}})\n"
        "anyio.run(main)\n"
    )
    outputs = [
        subprocess.run([sys.executable, "-c", script, kept], capture_output=True, text=True, check=True).stdout.strip()
        for _ in range(2)
    ]
    assert outputs == ["1 0", "2 1"]


@pytest.mark.parametrize("other", [{"sims": 61}, {"seed": 2}, {"clock": None}])
def test_a_file_with_another_world_is_refused(start: Start, kept: Path, other: dict[str, Any]) -> None:
    start(db=kept, sims=60).http.close()
    settings = {"db": kept, "sims": 60} | other
    with pytest.raises(WorldMismatchError):
        start(**settings)


def test_a_file_that_is_no_world_is_refused_and_left_alone(start: Start, kept: Path) -> None:
    kept.write_text("my diary\n" * 1000)
    with pytest.raises(WorldMismatchError):
        start(db=kept)
    assert kept.read_text().startswith("my diary")


def test_a_taken_port_is_an_error(start: Start, api: RoleClient) -> None:
    port = int(api.sandbox.base_url.rsplit(":", 1)[1])
    with pytest.raises(OSError, match="in use"):
        start(port=port)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_served_sandbox_ends_cleanly_when_told(number: signal.Signals) -> None:
    script = (
        "from sim_mcp.sandbox import SandboxSettings, serve\n"
        "serve(SandboxSettings(sims=40), lambda sandbox: print(sandbox.base_url, flush=True))\n"
        "print('ended')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        base_url = child.stdout.readline().strip()
        assert httpx.get(f"{base_url}{API}/sim").status_code == 401
        child.send_signal(number)
        assert child.wait(timeout=20) == 0
        assert child.stdout.read() == "ended\n"
        assert child.stderr.read() == ""
