"""What docs/operating.md says of the database of several servers, done as it says."""

import re
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.to_thread
import psycopg
import pytest
from mcp import Client
from psycopg import conninfo
from pydantic import SecretStr

from sim_mcp.changes.record.audit import AuditRow, audit
from sim_mcp.server.app import build_server
from sim_mcp.settings import Confirm
from tests.changes.test_approval import suspend
from tests.processes.test_commands import run
from tests.processes.test_serving import environment
from tests.replicas.database import Server, database_of, found
from tests.support import Fleet, structured, text_of

OPERATING = (Path(__file__).parents[2] / "docs/operating.md").read_text(encoding="utf-8")


async def test_a_record_is_backed_up_and_restored_by_the_words_of_the_document(
    server: Server, place: SecretStr, fleet: Fleet, tmp_path: Path
) -> None:
    settings = fleet.settings(confirm=Confirm.HOST)
    running = build_server(settings)
    async with Client(running) as client:
        before = structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy")))
        dump = await by_words("pg_dump -Fc sim_mcp > sim_mcp.dump", server, place, tmp_path)
        assert dump.stat().st_size > 1000
        after = structured(await client.call_tool("set_sim_status", suspend(fleet, "went_silent")))
        await by_words("pg_restore --clean --if-exists -d sim_mcp sim_mcp.dump", server, place, tmp_path)
        # Who was not stopped notices, and changes nothing more.
        refused = await client.call_tool("set_sim_status", suspend(fleet, "euicc"))
        assert (refused.is_error, "othing" in text_of(refused)) == (True, True)
    assert len(await fleet.writes()) == 2
    told = {row.plan for row in await anyio.to_thread.run_sync(list_audit, place)}
    assert (before["plan"] in told, after["plan"] in told) == (True, False)
    env = environment(fleet)
    assert "prepared for this version already" in (await anyio.to_thread.run_sync(migrated, env))
    async with Client(build_server(settings)) as client:
        assert structured(await client.call_tool("set_sim_status", suspend(fleet, "euicc")))["counts"] == {"changed": 1}
    with psycopg.connect(place.get_secret_value()) as db, pytest.raises(psycopg.IntegrityError):
        db.execute("DELETE FROM entries")


async def by_words(command: str, server: Server, place: SecretStr, directory: Path) -> Path:
    """Run a command as the document has it, on the database of the test; return the file that it names."""
    assert f"`{command}`" in OPERATING
    program, *words = command.split()
    here = str(directory / "sim_mcp.dump")
    words = [database_of(place.get_secret_value()) if word == "sim_mcp" else word for word in words if word != ">"]
    words = [here if word == "sim_mcp.dump" else word for word in words]
    options = ["-h", "127.0.0.1", "-p", str(server.port), "-U", "tests"]
    if program == "pg_dump":
        words = [*words[:-1], "-f", here]
    await anyio.run_process([found(program), *options, *words], check=True)
    return Path(here)


def list_audit(place: SecretStr) -> list[AuditRow]:
    return list(audit(place))


def migrated(env: dict[str, str]) -> str:
    return run("migrate", env=env).stdout


async def test_servers_work_as_a_user_who_may_do_no_more_than_the_document_grants(
    place: SecretStr, fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    (block,) = re.findall(r"```sql\n(.*?)```", OPERATING, re.DOTALL)
    database = database_of(place.get_secret_value())
    granted = block.replace("sim_mcp_server", f"servers_of_{database}").replace("…", "a password")
    with psycopg.connect(place.get_secret_value(), autocommit=True) as db:
        db.execute(granted.encode())
        tables = db.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        told = {name for on in re.findall(r" ON (.*) TO ", block) for name in on.split(", ")}
        assert {name for (name,) in tables} == told
    parts = conninfo.conninfo_to_dict(place.get_secret_value())
    url = f"postgresql://servers_of_{database}@127.0.0.1:{parts['port']}/{database}"
    settings = replace(fleet, database_url=SecretStr(url)).settings(confirm=Confirm.HOST)
    async with Client(build_server(settings)) as client:
        done = structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy")))
        assert done["counts"] == {"changed": 1}
        assert structured(await client.call_tool("list_changes", {}))["total"] == 1
        assert structured(await client.call_tool("summarize_sims", {"group_by": ["status"]}))["total"] > 0
    # A limiter that cannot use its tables would say so, and go on by itself.
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == []
    with psycopg.connect(url) as db:
        for forbidden in ("DROP TRIGGER never_changed ON entries", "DROP TABLE entries", "DELETE FROM entries"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(forbidden.encode())
            db.rollback()
