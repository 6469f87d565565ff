"""The pages and the audit of a server with several workspaces show each person those that are theirs."""

import pytest

from tests.changes.test_approval import suspend
from tests.server.approvals.conftest import anyio_backend, issuer
from tests.server.approvals.people import ALL
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


async def test_who_may_approve_in_one_workspace_sees_and_decides_nothing_of_another(
    granted: Desk, issuer: Issuer
) -> None:
    fleet = granted.fleets["acme"]
    settings = granted.settings()
    chosen = {"workspaces": settings.workspaces, "state_dir": granted.directory, "application_token": None}
    async with (
        served_to_people(fleet, issuer, 'approver = "another"', **chosen) as served,
        served.client("alice") as alice,
        served.client("dave", ALL) as stranger,
        served.browser("carol", ALL) as colleague,
        served.browser("dave", ALL) as other,
    ):
        await stranger.call_tool("list_sims", {})
        waiting = structured(await alice.call_tool("set_sim_status", suspend(fleet, "healthy")))
        link = waiting["approve_at"]
        assert waiting["plan"] in (await colleague.open(served.url)).text
        for place in (served.url, f"{served.url}/audit.csv", link, f"{link}/result"):
            seen = (await other.open(place)).text
            assert waiting["plan"] not in seen.replace(link, "")
            assert mark_of("acme") not in seen
        assert (await other.open(link)).status_code == 404
        await colleague.press(await colleague.open(link), "approve")
        assert structured(await alice.call_tool("continue_change", {}))["counts"] == {"changed": 1}
        assert waiting["plan"] in (await colleague.open(f"{served.url}/audit.csv")).text
        assert waiting["plan"] not in (await other.open(f"{served.url}/audit.csv")).text
