"""From 401 to an answer with a real authorization server, and a real client that knows the address alone."""

import pytest

from sim_mcp.changes.record.audit import audit
from tests.processes.test_serving import agree
from tests.server.signin.test_tokens import ask
from tests.signin.conftest import Desk
from tests.signin.signing_in import Memory, Person, signed_in
from tests.support import structured, text_of

ERAS = ["auto", "legacy"]
CHANGES = {"sims:read", "sims:write", "sims:delete"}


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_that_registers_by_itself_gets_from_401_to_a_change(desk: Desk, era: str) -> None:
    alice, memory = Person("alice"), Memory()
    sim = desk.fleet.scenarios["healthy"]["iccid"]
    async with signed_in(desk.address, alice, memory, era, elicitation_callback=agree) as client:
        assert structured(await client.call_tool("get_sim", {"sim": sim}))["status"] == "Activated"
        told = structured(await client.call_tool("set_sim_status", {"sims": [sim], "status": "suspended"}))
        assert (told["counts"], told["agreed"]) == ({"changed": 1}, "a person, by form: alice@example.com")
    assert memory.client is not None
    assert memory.client.client_id
    assert set(alice.asked[0].split()) >= CHANGES
    assert {row.principal for row in audit(desk.fleet.state_dir)} == {"alice@example.com"}
    assert len(await desk.fleet.writes()) == 1


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_with_a_document_needs_no_registration(desk: Desk, era: str) -> None:
    memory = Memory()
    async with signed_in(desk.address, Person("alice"), memory, era, document=desk.document) as client:
        assert structured(await client.call_tool("list_sim_statuses", {}))["statuses"]
    assert memory.client is not None
    assert memory.client.client_id == desk.document


@pytest.mark.parametrize("era", ERAS)
async def test_who_granted_less_at_first_is_asked_for_more_when_it_takes_more(desk: Desk, era: str) -> None:
    careful, memory = Person("carol", grants_at_first="sims:read"), Memory()
    sim = desk.fleet.scenarios["healthy"]["iccid"]
    async with signed_in(desk.address, careful, memory, era) as client:
        assert "set_sim_status" not in {tool.name for tool in (await client.list_tools()).tools}
        waiting = structured(await client.call_tool("set_sim_status", {"sims": [sim], "status": "suspended"}))
        assert waiting["state"] == "waiting for approval"
        assert "set_sim_status" in {tool.name for tool in (await client.list_tools()).tools}
    assert len(careful.asked) == 2
    assert set(careful.asked[1].split()) >= {"sims:read", "sims:write"}
    assert await desk.fleet.writes() == []


async def test_two_people_have_their_own_changes(desk: Desk) -> None:
    sim = desk.fleet.scenarios["healthy"]["iccid"]
    async with (
        signed_in(desk.address, Person("alice"), Memory()) as alice,
        signed_in(desk.address, Person("bob"), Memory()) as bob,
    ):
        waiting = structured(await alice.call_tool("set_sim_status", {"sims": [sim], "status": "suspended"}))
        assert structured(await bob.call_tool("list_changes", {}))["total"] == 0
        refused = await bob.call_tool("continue_change", {"plan": waiting["plan"]})
        assert (refused.is_error, "Nothing changed" in text_of(refused)) == (True, True)


async def test_a_refresh_token_is_no_access_token(desk: Desk) -> None:
    memory = Memory()
    async with signed_in(desk.address, Person("alice"), memory) as client:
        await client.list_tools()
    assert memory.tokens is not None
    assert (await ask(desk.address, f"Bearer {memory.tokens.access_token}")).status_code == 200
    assert (await ask(desk.address, f"Bearer {memory.tokens.refresh_token or 'none'}")).status_code == 401
