"""Two people, a real client and a real authorization server: one asks for a deletion, the other agrees to it."""

import re

import httpx
import pytest

from sim_mcp.changes.record.audit import audit
from tests.processes.test_serving import agree
from tests.signin.conftest import Desk
from tests.signin.signing_in import Memory, Person, open_as, signed_in
from tests.support import structured


async def press(browser: httpx.AsyncClient, page: httpx.Response, decision: str, **more: str) -> httpx.Response:
    form = re.search(r'name="form" value="([^"]+)"', page.text)
    assert form is not None, page.text
    origin = f"{page.url.scheme}://{page.url.netloc.decode()}"
    fields = {"form": form[1], "decision": decision, **more}
    sent = await browser.post(f"{page.url}/decision", data=fields, headers={"Origin": origin})
    return await browser.get(page.url) if sent.status_code == 303 else sent


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_a_second_person_signs_in_and_approves_what_the_first_asked_for(desk: Desk, era: str) -> None:
    sim = desk.fleet.scenarios["no_device"]
    async with (
        signed_in(desk.address, Person("alice"), Memory(), era, elicitation_callback=agree) as client,
        httpx.AsyncClient(timeout=30) as alices,
        httpx.AsyncClient(timeout=30) as bobs,
    ):
        waiting = structured(await client.call_tool("delete_sims", {"sims": [sim["iccid"]]}))
        assert waiting["state"] == "waiting for approval"
        own = await open_as(alices, "alice", waiting["approve_at"])
        assert "You are alice@example.com" in own.text
        assert "Somebody else has to approve this" in own.text
        assert (await press(alices, own, "approve", typed=sim["iccid_with_luhn"][-4:])).status_code == 403
        listed = await open_as(bobs, "bob", waiting["approve_at"].rpartition("/")[0])
        assert f'href="/approvals/{waiting["plan"]}"' in listed.text
        page = await bobs.get(waiting["approve_at"])
        assert "Approved" in (await press(bobs, page, "approve", typed=sim["iccid_with_luhn"][-4:])).text
        told = structured(await client.call_tool("continue_change", {"plan": waiting["plan"]}))
        assert (told["counts"], told["agreed"]) == ({"changed": 1}, "a person, on the approval page: bob@example.com")
    rows = list(audit(desk.fleet.state_dir))
    assert {(row.principal, row.agreed) for row in rows} == {("alice@example.com", told["agreed"])}
    assert len(await desk.fleet.writes()) == 1


async def test_who_grants_too_little_sees_nothing_of_anothers_plan(desk: Desk) -> None:
    sim = desk.fleet.scenarios["no_device"]
    async with (
        signed_in(desk.address, Person("alice"), Memory()) as client,
        httpx.AsyncClient(timeout=30) as bobs,
    ):
        waiting = structured(await client.call_tool("delete_sims", {"sims": [sim["iccid"]]}))
        page = await open_as(bobs, "bob", waiting["approve_at"], grants="sims:read")
        assert (page.status_code, waiting["summary"] in page.text) == (404, False)
        assert "You are bob@example.com" in page.text
    assert await desk.fleet.writes() == []
