"""The pages and the audit of a server with several workspaces show each person those that are theirs."""

from contextlib import AbstractAsyncContextManager

import pytest
from starlette.requests import Request
from starlette.responses import Response

from sim_mcp.changes.record.record_file import RecordFile
from sim_mcp.principal import Principal
from sim_mcp.server.approvals.sessions import Sessions
from sim_mcp.workspaces.file import claims_that_count
from tests.changes.test_approval import suspend
from tests.server.approvals.conftest import anyio_backend, issuer
from tests.server.approvals.people import ALL
from tests.server.approvals.people import Desk as ServedDesk
from tests.server.approvals.people import desk_of as served_to_people
from tests.server.signin.issuing import Issuer
from tests.server.workspaces.desk import Desk, mark_of
from tests.support import structured

__all__ = ["anyio_backend", "issuer"]


@pytest.fixture
def granted(desk: Desk) -> Desk:
    desk.grants = {
        "acme": '[[workspace.allow]]\nsubject = "alice"\n[[workspace.allow]]\nsubject = "carol"',
        "borg": '[[workspace.allow]]\nsubject = "dave"',
    }
    return desk


def served(desk: Desk, issuer: Issuer) -> AbstractAsyncContextManager[ServedDesk]:
    """Serve the workspaces to people who sign in, where a change takes another's yes."""
    chosen = {"workspaces": desk.settings().workspaces, "state_dir": desk.directory, "application_token": None}
    return served_to_people(desk.fleets["acme"], issuer, 'approver = "another"', **chosen)


async def test_who_may_approve_in_one_workspace_sees_and_decides_nothing_of_another(
    granted: Desk, issuer: Issuer
) -> None:
    fleet = granted.fleets["acme"]
    async with (
        served(granted, issuer) as served_desk,
        served_desk.client("alice") as alice,
        served_desk.client("dave", ALL) as stranger,
        served_desk.browser("carol", ALL) as colleague,
        served_desk.browser("dave", ALL) as other,
    ):
        await stranger.call_tool("list_sims", {})
        waiting = structured(await alice.call_tool("set_sim_status", suspend(fleet, "healthy")))
        link = waiting["approve_at"]
        assert waiting["plan"] in (await colleague.open(served_desk.url)).text
        for place in (served_desk.url, f"{served_desk.url}/audit.csv", link, f"{link}/result"):
            seen = (await other.open(place)).text
            assert waiting["plan"] not in seen.replace(link, "")
            assert mark_of("acme") not in seen
        assert (await other.open(link)).status_code == 404
        await colleague.press(await colleague.open(link), "approve")
        assert structured(await alice.call_tool("continue_change", {}))["counts"] == {"changed": 1}
        assert waiting["plan"] in (await colleague.open(f"{served_desk.url}/audit.csv")).text
        assert waiting["plan"] not in (await other.open(f"{served_desk.url}/audit.csv")).text


async def test_a_plan_of_before_a_restart_is_shown_although_nobody_used_its_workspace_since(
    granted: Desk, issuer: Issuer
) -> None:
    fleet = granted.fleets["acme"]
    async with (
        served(granted, issuer) as served_desk,
        served_desk.client("alice") as alice,
    ):
        plan = structured(await alice.call_tool("set_sim_status", suspend(fleet, "healthy")))["plan"]
    async with (
        served(granted, issuer) as served_desk,
        served_desk.browser("carol", ALL) as colleague,
    ):
        assert plan in (await colleague.open(served_desk.url)).text
        page = await colleague.open(f"{served_desk.url}/{plan}")
        assert "workspace acme (" in page.text
        assert "Approved" in (await colleague.press(page, "approve")).text


@pytest.mark.parametrize(
    ("claims", "kept"),
    [
        ({"groups": ["field", "secret"], "email": "a@b.example"}, {"groups": ["field"]}),
        ({"groups": "field"}, {"groups": ["field"]}),
        ({"groups": ["secret"]}, {}),
    ],
)
async def test_of_what_an_issuer_says_a_session_keeps_what_opens_a_workspace(
    desk: Desk, claims: dict[str, object], kept: dict[str, list[str]]
) -> None:
    desk.grants = {"acme": '[[workspace.allow]]\nclaim = "groups"\nvalue = "field"'}
    workspaces = desk.settings().workspaces
    assert claims_that_count(workspaces, claims) == kept
    sessions, response = Sessions("k" * 32, "http://127.0.0.1", RecordFile(desk.directory)), Response()
    await sessions.begin(
        response, Principal("https://i.example", "erin", "erin", frozenset({"sims:read"}), claims=kept)
    )
    cookie = response.headers["set-cookie"].partition(";")[0]
    session = await sessions.of(Request({"type": "http", "headers": [(b"cookie", cookie.encode())]}))
    assert session is not None
    assert (workspaces[0].principal(session.who) is not None) is bool(kept)
