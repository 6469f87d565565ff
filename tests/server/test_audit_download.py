"""The audit over HTTP: for who may see what all asked for, and all of it."""

import csv
import io
import shutil

import httpx

from sim_mcp.changes.record.audit import AuditRow, audit
from tests.server.approvals.conftest import anyio_backend, issuer
from tests.server.approvals.people import ALL, CHANGES, desk_of
from tests.server.signin.issuing import Issuer
from tests.support import Fleet, structured

__all__ = ["anyio_backend", "issuer"]


async def test_only_who_may_approve_downloads_the_audit_and_it_holds_what_the_record_does(
    fleet: Fleet, issuer: Issuer
) -> None:
    async with (
        desk_of(fleet, issuer) as desk,
        desk.client("alice") as client,
        desk.browser("alice") as own,
        desk.browser("carol", ALL) as holder,
        httpx.AsyncClient() as http,
    ):
        waiting = await desk.suspending(client)
        await own.press(await own.open(waiting["approve_at"]), "approve")
        assert structured(await client.call_tool("continue_change", {}))["counts"] == {"changed": 1}
        place = f"{desk.settings.public_url}/audit.csv"

        def bearing(scope: str) -> dict[str, str]:
            token = issuer.token(sub="carol", scope=scope, aud=desk.settings.resource)
            return {"Authorization": f"Bearer {token}"}

        assert (await http.get(place)).status_code == 401
        assert (await http.get(place, headers=bearing(CHANGES))).status_code == 403
        assert (await own.open(f"{desk.url}/audit.csv")).status_code == 403
        for answer in (await http.get(place, headers=bearing(ALL)), await holder.open(f"{desk.url}/audit.csv")):
            assert answer.headers["content-type"] == "text/csv; charset=utf-8"
            first, *rows = csv.reader(io.StringIO(answer.text, newline=""))
            assert tuple(first) == AuditRow._fields
            assert [tuple(row)[:8] for row in rows] == [tuple(row)[:8] for row in audit(fleet.place)]
            assert "alice@example.com" in answer.text


async def test_a_record_that_cannot_be_read_is_told_and_not_sent_as_an_empty_one(fleet: Fleet, issuer: Issuer) -> None:
    async with desk_of(fleet, issuer) as desk, httpx.AsyncClient() as http, desk.client("alice") as client:
        await desk.suspending(client)
        for file in fleet.state_dir.glob("*.sqlite*"):
            shutil.copyfile(__file__, file)
        token = issuer.token(sub="carol", scope=ALL, aud=desk.settings.resource)
        place = f"{desk.settings.public_url}/audit.csv"
        answer = await http.get(place, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, "cannot be read" in answer.text) == (503, True)
