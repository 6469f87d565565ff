"""The commands of docs/operating.md that start all of it without Docker, done as they stand there."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import anyio
import httpx
import psycopg
import pytest

from tests.deploy.compose import DEPLOY
from tests.replicas.database import found, postgresql
from tests.signin.signing_in import Memory, Person, open_as, signed_in
from tests.support import free_port, structured

ROOT = DEPLOY.parent
PORTS = ("8443", "4000", "8580", "8001", "8002")


class Started(NamedTuple):
    """What the commands have started."""

    address: str
    home: Path
    log: Path


def commands() -> str:
    text = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"\*\*Without Docker\*\*.*?```sh\n(.*?)```", text, re.DOTALL)
    return str(block)


def for_this_machine(block: str, home: Path, database: int) -> tuple[str, str]:
    """Replace what a test cannot do or share: what is installed by CI, ports, and who administers PostgreSQL.

    Return the commands, and the public address.
    """
    installing = re.compile(r"(?m)^(sudo apt-get|\(cd deploy/issuer|python3 -m venv).*\n")
    assert len(installing.findall(block)) == 3
    block = installing.sub("", block)
    administer = f"{found('psql')} postgresql://tests@127.0.0.1:{database}/postgres"
    ports = {port: str(free_port()) for port in PORTS}
    # HAProxy is told by the same variables as in compose.yaml, for its servers have other ports here.
    others = {
        "sudo -u postgres psql": administer,
        "~/sims/venv/bin": str(ROOT / ".venv/bin"),
        "~/sims": str(home),
        ":5432/": f":{database}/",
        "haproxy -f": f"SERVER_1=127.0.0.1:{ports['8001']} SERVER_2=127.0.0.1:{ports['8002']} haproxy -f",
    }
    for told, here in others.items():
        assert told in block, told
        block = block.replace(told, here)
    for port, here in ports.items():
        assert re.search(rf"\b{port}\b", block), port
        block = re.sub(rf"\b{port}\b", here, block)
    extra = f"export PORT={ports['4000']} NODE_NO_WARNINGS=1\n"
    return extra + block, f"https://localhost:{ports['8443']}"


@contextmanager
def running(block: str, home: Path) -> Iterator[Path]:
    """Run commands in a shell, all in one group of processes, which is ended with the block."""
    log = home / "log"
    env = {name: value for name, value in os.environ.items() if not name.startswith(("SIM_MCP_", "EMNIFY_"))}
    with log.open("w") as sink:
        process = subprocess.Popen(
            ["bash", "-euc", f"{block}\nwait"], cwd=ROOT, env=env, stdout=sink, stderr=sink, start_new_session=True
        )
    try:
        yield log
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


async def until_all_answer(address: str, log: Path) -> None:
    async with httpx.AsyncClient() as http:
        for _ in range(600):
            try:
                if (await http.get(f"{address}/health")).is_success:
                    return
            except httpx.HTTPError:
                pass
            await anyio.sleep(0.1)
    raise AssertionError(await anyio.Path(log).read_text())


async def test_all_of_it_starts_without_docker_by_the_commands_of_the_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgresql() as database:
        block, address = for_this_machine(commands(), tmp_path, database.port)
        with running(block, tmp_path) as log:
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "config/ca.pem"))
            with anyio.fail_after(60):
                while not (tmp_path / "config/ca.pem").exists():  # noqa: ASYNC110  # a shell tells nobody.
                    await anyio.sleep(0.1)
            await until_all_answer(address, log)
            async with signed_in(f"{address}/mcp", Person("alice"), Memory()) as client:
                (sim,) = structured(await client.call_tool("list_sims", {"status": "activated", "per_page": 1}))["sims"]
                arguments = {"sims": [sim["iccid"]], "status": "suspended"}
                waiting = structured(await client.call_tool("set_sim_status", arguments))
                assert waiting["approve_at"].startswith(f"{address}/approvals/")
            async with httpx.AsyncClient(timeout=30) as bobs:
                page = await open_as(bobs, "bob", waiting["approve_at"])
            assert "You are bob@example.com" in page.text
            assert 'value="approve"' in page.text
            with psycopg.connect(database.url("sim_mcp")) as db:
                assert db.execute("SELECT count(*) FROM entries WHERE kind = 'planned'").fetchone() == (1,)
