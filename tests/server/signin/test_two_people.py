"""Two people on one server: what each asked for is theirs, and the record names who it was."""

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from mcp import Client
from mcp.types import TextResourceContents

from sim_mcp.changes.record.audit import audit
from sim_mcp.changes.record.entries import Caller
from sim_mcp.changes.record.rows import caller_as_recorded, parse_caller
from tests.changes.test_approval import press, suspend
from tests.processes.test_serving import agree
from tests.server.signin.issuing import Issuer, client_with, served, settings_for
from tests.support import Fleet, structured, text_of

ALL = "sims:read sims:write sims:delete sims:approve"
CHANGES = "sims:read sims:write sims:delete"


@asynccontextmanager
async def desk(fleet: Fleet, issuer: Issuer, **chosen: Any) -> AsyncIterator[str]:
    settings = settings_for(issuer, fleet.state_dir).model_copy(
        update={**fleet.settings().model_dump(include={"base_url", "application_token", "approval_wait_s"}), **chosen}
    )
    async with served(settings) as address:
        yield address


def person(issuer: Issuer, name: str, scope: str = CHANGES, **claims: Any) -> str:
    return issuer.token(**{"sub": name, "email": f"{name}@example.com", "scope": scope, **claims})


async def listed(client: Client) -> dict[str, dict[str, Any]]:
    return {row["plan"]: row for row in structured(await client.call_tool("list_changes", {}))["changes"]}


async def recorded(client: Client, uri: str) -> list[dict[str, str]]:
    found = (await client.read_resource(uri)).contents[0]
    assert isinstance(found, TextResourceContents)
    rows: list[dict[str, str]] = json.loads(found.text)["changes"]
    return rows


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_nobody_sees_or_continues_what_another_asked_for(fleet: Fleet, issuer: Issuer, era: str) -> None:
    async with (
        desk(fleet, issuer) as address,
        client_with(address, person(issuer, "alice"), era) as alice,
        client_with(address, person(issuer, "bob"), era) as bob,
        client_with(address, person(issuer, "carol", ALL), era) as carol,
    ):
        waiting = structured(await alice.call_tool("set_sim_status", suspend(fleet, "healthy")))
        plan = waiting["plan"]
        await press(waiting["approve_at"], "approve")
        for plan_id in ({"plan": plan}, {}):
            refused = await bob.call_tool("continue_change", plan_id)
            assert refused.is_error
            assert "Nothing changed" in text_of(refused)
            assert "continue_change(" not in text_of(refused)
        assert await listed(bob) == {}
        assert plan not in text_of(await bob.call_tool("list_changes", {}))
        for uri in ("audit://changes", f"audit://plans/{plan}"):
            assert await recorded(bob, uri) == []
            assert {row["principal"] for row in await recorded(alice, uri)} == {"alice@example.com"}
            assert {row["principal"] for row in await recorded(carol, uri)} == {"alice@example.com"}
        # Who may approve sees what waits, by whom, but what was asked for is still another's to go on with.
        seen = (await listed(carol))[plan]
        assert (seen["by"], "next" in seen) == ("alice@example.com", False)
        assert "Asked by: alice@example.com" in text_of(await carol.call_tool("list_changes", {}))
        assert (await carol.call_tool("continue_change", {"plan": plan})).is_error
        assert await fleet.writes() == []
        assert structured(await alice.call_tool("continue_change", {"plan": plan}))["counts"] == {"changed": 1}
    assert len(await fleet.writes()) == 1


async def test_the_same_plan_of_two_people_is_two_plans(fleet: Fleet, issuer: Issuer) -> None:
    async with (
        desk(fleet, issuer) as address,
        client_with(address, person(issuer, "alice")) as alice,
        client_with(address, person(issuer, "alice", email="alice@example.org")) as alice_elsewhere,
        client_with(address, person(issuer, "bob", email="alice@example.com")) as bob,
    ):
        plans = [
            structured(await each.call_tool("set_sim_status", suspend(fleet, "healthy")))["plan"]
            for each in (alice, alice_elsewhere, bob)
        ]
    # A person is known by what the issuer calls them, whatever their name and their address.
    assert plans[0] == plans[1] != plans[2]


async def test_who_agreed_by_form_stands_in_the_answer_the_record_and_the_log(
    fleet: Fleet, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sim_mcp")
    async with (
        desk(fleet, issuer) as address,
        client_with(address, person(issuer, "alice"), elicitation_callback=agree) as alice,
    ):
        told = structured(await alice.call_tool("set_sim_status", suspend(fleet, "healthy")))
    assert told["agreed"] == "a person, by form: alice@example.com"
    rows = list(audit(fleet.state_dir))
    assert {row.principal for row in rows} == {"alice@example.com"}
    assert {row.identity for row in rows} == {f"{issuer.address} alice"}
    assert {row.agreed for row in rows} == {told["agreed"]}
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("sim_mcp")]
    assert any("asked for by alice@example.com through" in line for line in lines)
    assert any("asked by alice@example.com through" in line and "ms" in line for line in lines)
    assert not any(token in line for line in lines for token in ("eyJ", "Bearer"))


async def test_a_deletion_goes_on_only_with_the_scope_to_delete(fleet: Fleet, issuer: Issuer) -> None:
    deletion = {"sims": [fleet.scenarios["no_device"]["iccid"]]}
    async with desk(fleet, issuer) as address:
        async with client_with(address, person(issuer, "alice")) as alice:
            waiting = structured(await alice.call_tool("delete_sims", deletion))
        await press(waiting["approve_at"], "approve", fleet.scenarios["no_device"]["iccid_with_luhn"][-4:])
        async with client_with(address, person(issuer, "alice", "sims:read sims:write")) as alice:
            refused = await alice.call_tool("continue_change", {"plan": waiting["plan"]})
            assert "needs the scope sims:delete" in text_of(refused)
        assert await fleet.writes() == []
        async with client_with(address, person(issuer, "alice", "sims:delete")) as alice:
            told = structured(await alice.call_tool("continue_change", {"plan": waiting["plan"]}))
            assert told["counts"] == {"changed": 1}


async def test_a_session_is_its_owners(fleet: Fleet, issuer: Issuer) -> None:
    headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}
    about = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}
    async with desk(fleet, issuer) as address, httpx.AsyncClient() as http:

        async def post(name: str, method: str, **more: str) -> httpx.Response:
            sent = {**headers, **more, "Authorization": f"Bearer {person(issuer, name)}"}
            params = about if method == "initialize" else {}
            body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            return await http.post(address, json=body, headers=sent)

        session = {"Mcp-Session-Id": (await post("alice", "initialize")).headers["mcp-session-id"]}
        assert (await post("alice", "tools/list", **session)).status_code == 200
        assert (await post("bob", "tools/list", **session)).status_code == 404


async def test_too_many_calls_of_one_hold_up_nobody_else(fleet: Fleet, issuer: Issuer) -> None:
    async with (
        desk(fleet, issuer, calls_per_minute=3) as address,
        client_with(address, person(issuer, "alice")) as alice,
        client_with(address, person(issuer, "bob")) as bob,
    ):
        for _ in range(3):
            assert not (await alice.call_tool("list_sim_statuses", {})).is_error
        refused = await alice.call_tool("list_sim_statuses", {})
        assert refused.is_error
        assert "Try again in " in text_of(refused)
        assert "SIM_MCP_MAX_CALLS_PER_MINUTE" in text_of(refused)
        assert not (await bob.call_tool("list_sim_statuses", {})).is_error


async def test_too_many_open_plans_of_one_hold_up_nobody_else(fleet: Fleet, issuer: Issuer) -> None:
    async with (
        desk(fleet, issuer, open_plans=1) as address,
        client_with(address, person(issuer, "alice")) as alice,
        client_with(address, person(issuer, "bob")) as bob,
    ):
        first = structured(await alice.call_tool("set_sim_status", suspend(fleet, "healthy")))
        again = structured(await alice.call_tool("set_sim_status", suspend(fleet, "healthy")))
        assert first["plan"] == again["plan"]  # not one more.
        refused = await alice.call_tool("set_sim_status", suspend(fleet, "roaming_spike"))
        assert refused.is_error
        assert " s; " in text_of(refused)
        assert "SIM_MCP_MAX_OPEN_PLANS" in text_of(refused)
        assert len(await listed(alice)) == 1
        assert not (await bob.call_tool("set_sim_status", suspend(fleet, "healthy"))).is_error
        await press(first["approve_at"], "reject")
        second = structured(await alice.call_tool("set_sim_status", suspend(fleet, "roaming_spike")))
        await press(second["approve_at"], "approve")
        refused = await alice.call_tool("set_sim_status", suspend(fleet, "went_silent"))
        assert "lapses in" not in text_of(refused)  # what was agreed to is finished, not waited for.
        assert "continue_change finishes one" in text_of(refused)


@pytest.mark.parametrize(
    "caller", [Caller("root", "a client"), Caller("a@b.example", "a client", "https://i.example", "0f3a")]
)
def test_a_caller_is_read_as_it_was_recorded(caller: Caller) -> None:
    assert parse_caller({"caller": caller_as_recorded(caller)}) == caller


def test_records_from_before_people_signed_in_are_read() -> None:
    assert parse_caller({"caller": ["root", "a client"]}).owner == Caller("root", "a client").owner
