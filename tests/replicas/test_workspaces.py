"""Several workspaces on servers that share a record: what one left is finished by another, where it belongs."""

from pathlib import Path

import anyio
import anyio.to_thread
import psycopg
import pytest
from mcp import Client
from pydantic import SecretStr

from sim_mcp.changes.record.audit import AuditRow, audit
from sim_mcp.server.app import build_server
from tests.changes.test_approval import press
from tests.replicas.database import heard_by_somebody
from tests.server.workspaces.desk import NAMES, desk_of
from tests.support import structured


async def test_a_change_that_another_server_left_is_finished_in_its_workspace(
    place: SecretStr, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with desk_of(tmp_path) as desk:
        settings = desk.settings(database_url=place)
        iccid = desk.fleets["acme"].scenarios["healthy"]["iccid"]
        async with Client(build_server(settings)) as client:
            change = {"workspace": "borg", "sims": [iccid], "status": "suspended"}
            waiting = structured(await client.call_tool("set_sim_status", change))
            await press(waiting["approve_at"], "approve")
        # As of a server that took the plan on, and was killed before it sent anything.
        with psycopg.connect(place.get_secret_value(), autocommit=True) as db:
            db.execute(
                "INSERT INTO turns (plan, number, until, holder) VALUES (%s, 1, clock_timestamp(), 'gone')",
                (waiting["plan"],),
            )

        def outcomes() -> list[AuditRow]:
            return [row for row in audit(place) if row.event == "outcome"]

        async with Client(build_server(settings)) as client:
            # Both work, and only one of them has something to go on with.
            await client.call_tool("list_changes", {"workspace": "acme"})
            with anyio.fail_after(60):
                while not (rows := await anyio.to_thread.run_sync(outcomes)):  # noqa: ASYNC110  # nothing tells.
                    await anyio.sleep(0.1)
        assert [(row.workspace, row.plan, row.outcome) for row in rows] == [("borg", waiting["plan"], "changed")]
        assert [len(await desk.changed(name)) for name in NAMES] == [0, 1]
    taken = [record.getMessage() for record in caplog.records if "another server left it" in record.getMessage()]
    assert len(taken) == 1


async def test_one_connection_listens_for_all_workspaces_of_a_server(place: SecretStr, tmp_path: Path) -> None:
    async with desk_of(tmp_path) as desk, Client(build_server(desk.settings(database_url=place))) as client:
        for name in NAMES:
            iccid = desk.fleets[name].scenarios["healthy"]["iccid"]
            change = {"workspace": name, "sims": [iccid], "status": "suspended"}
            assert structured(await client.call_tool("set_sim_status", change))["approve_at"]
        await heard_by_somebody(place)
        with psycopg.connect(place.get_secret_value(), autocommit=True) as db:
            listening = db.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'listen%'"
            ).fetchone()
    assert listening == (1,)
