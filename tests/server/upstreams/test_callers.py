"""Each caller works with a token of their own: what it reads is theirs, and nobody else's."""

import logging
from base64 import b64encode
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client
from mcp.types import TextResourceContents
from pydantic import SecretStr

from sim_mcp.server.signin.key_file import KeyFile
from sim_mcp.workspaces.file import Workspace
from tests.changes.test_approval import suspend
from tests.server.signin.issuing import Issuer, client_with
from tests.server.upstreams.desk import FIELD, Desk, desk_of
from tests.server.workspaces.test_apart import asked, whole
from tests.support import Fleet, structured, text_of

ERAS = ("auto", "legacy")
BY_STATUS = {"group_by": "status"}
SECOND = Workspace.model_validate({"name": "second", "own_tokens": True, "allow": [{"everybody": True}]})


async def held_by(fleet: Fleet, role: str) -> list[str]:
    """The ICCIDs that the token of a role reads."""
    listed = (await fleet.api("GET", "/sim?per_page=500", role=role)).json()
    return [sim["iccid"] for sim in listed]


async def ready(desk: Desk) -> Any:
    async with httpx.AsyncClient() as http:
        answer = await http.get(desk.public.address.replace("/mcp", "/ready"))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def count(client: Client) -> int:
    found: int = structured(await client.call_tool("list_sims", {}))["total"]
    return found


@pytest.mark.parametrize("era", ERAS)
async def test_who_has_no_token_is_told_where_to_enter_one_and_then_goes_on(
    fleet: Fleet, issuer: Issuer, era: str
) -> None:
    async with desk_of(fleet, issuer) as desk, desk.client("alice", era=era) as alice:
        refused = await alice.call_tool("list_sims", {})
        assert refused.is_error
        assert f"Enter one at {desk.page()}, where you sign in, then ask again." in text_of(refused)
        assert "Nothing was sent, nothing changed." in text_of(refused)
        assert await fleet.requests() == []
        assert {tool.name for tool in (await alice.list_tools()).tools} > {"list_sims", "set_sim_status"}
        await desk.signed_in("alice")
        assert await count(alice) == 60


@pytest.mark.parametrize("era", ERAS)
async def test_a_caller_never_sees_a_byte_of_what_the_token_of_another_reads(
    fleet: Fleet, issuer: Issuer, era: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "sim_mcp")
    roles = {"alice": "enterprise", "bob": "reseller"}
    sims = {name: await held_by(fleet, role) for name, role in roles.items()}
    seen: dict[str, list[str]] = {name: [] for name in roles}
    exports = fleet.state_dir / "exports"
    exports.mkdir()
    async with (
        desk_of(fleet, issuer, export_dir=exports) as desk,
        desk.client("alice", era=era) as alice,
        desk.client("bob", era=era) as bob,
    ):
        for name, role in roles.items():
            await desk.signed_in(name, role)
        clients = {"alice": alice, "bob": bob}
        # In turns, so that whatever one left somewhere would be found by the other.
        for number in range(len(asked(""))):
            for name, client in clients.items():
                tool, arguments = asked(sims[name][0])[number]
                seen[name].append(whole(await client.call_tool(tool, arguments)))
        for name, client in clients.items():
            other = "bob" if name == "alice" else "alice"
            # Asked for by its number, it is not there, and no other is told instead.
            refused = await client.call_tool("get_sim", {"sim": sims[other][0]})
            assert text_of(refused).startswith("No SIM found")
            assert not any(iccid in whole(refused) for iccid in sims[other][1:])
            for uri in ("audit://changes", *_exported(seen[name])):
                found = (await client.read_resource(uri)).contents[0]
                assert isinstance(found, TextResourceContents)
                seen[name].append(found.text)
            for uri in _exported(seen[other]):
                with pytest.raises(Exception, match="No export called"):
                    await client.read_resource(uri)
    for name, other in (("alice", "bob"), ("bob", "alice")):
        everything = "\n".join(seen[name])
        assert any(iccid in everything for iccid in sims[name])  # or it would have found nothing at all.
        assert not any(iccid in everything for iccid in sims[other])
    lines = "\n".join(record.getMessage() for record in caplog.records)
    tokens = [fleet.world.tokens[role] for role in roles.values()]
    assert not any(token in text for token in tokens for text in (lines, *map("\n".join, seen.values())))


def _exported(answers: list[str]) -> list[str]:
    found = {word for answer in answers for word in answer.split('"') if word.startswith("export://files/")}
    return sorted(found)


async def test_two_who_bring_the_same_token_share_nothing_that_was_read_with_it(fleet: Fleet, issuer: Issuer) -> None:
    async with desk_of(fleet, issuer) as desk, desk.client("alice") as alice, desk.client("bob") as bob:
        await desk.signed_in("alice")
        await desk.signed_in("bob")
        sent = []
        for client in (alice, bob):
            before = len(await fleet.requests())
            assert not (await client.call_tool("summarize_sims", BY_STATUS)).is_error
            assert not (await client.call_tool("list_sim_statuses", {})).is_error
            sent.append(len(await fleet.requests()) - before)
        assert sent[0] == sent[1] > 1


async def test_a_token_that_emnify_refuses_is_told_to_its_owner_alone(fleet: Fleet, issuer: Issuer) -> None:
    async with desk_of(fleet, issuer) as desk, desk.client("alice") as alice, desk.client("bob") as bob:
        await desk.signed_in("alice")
        await desk.signed_in("bob")
        assert await count(bob) == 60
        # As one that was good when it was entered.
        await desk.kept("alice", fleet.world.tokens["revoked"])
        refused = text_of(await alice.call_tool("list_sims", {}))
        assert f"It is your own token that is refused: enter another one at {desk.page()}" in refused
        assert "operator" not in refused
        assert await count(bob) == 60
        told = await ready(desk)
        assert (told["status"], told["workspaces"]) == (
            "ready",
            [{"name": "field", "own_tokens": True, "callers": 2}],
        )
        await desk.signed_in("alice")
        assert await count(alice) == 60


async def test_a_token_that_is_replaced_is_used_by_the_next_call_and_what_the_former_read_is_gone(
    fleet: Fleet, issuer: Issuer
) -> None:
    async with desk_of(fleet, issuer) as desk, desk.client("alice") as alice:
        await desk.signed_in("alice")
        assert structured(await alice.call_tool("summarize_sims", BY_STATUS))["total"] == 60
        await desk.signed_in("alice", "reseller")
        assert structured(await alice.call_tool("summarize_sims", BY_STATUS))["total"] == 2
        assert await count(alice) == 2


async def test_a_token_that_is_removed_is_used_by_nothing_any_more(fleet: Fleet, issuer: Issuer) -> None:
    async with desk_of(fleet, issuer) as desk, desk.client("alice") as alice, desk.public.browser("alice") as browser:
        await desk.signed_in("alice")
        assert await count(alice) == 60
        assert "was removed" in (await desk.send(browser, {"action": "remove"})).text
        # What works in the background with it ends without a call.
        with anyio.fail_after(30):
            while (await ready(desk))["workspaces"][0]["callers"]:  # noqa: ASYNC110  # nothing tells.
                await anyio.sleep(0.2)
        before = len(await fleet.requests())
        assert "none of yours is kept" in text_of(await alice.call_tool("list_sims", {}))
        assert len(await fleet.requests()) == before


async def test_a_token_is_for_the_workspace_it_was_entered_for(fleet: Fleet, issuer: Issuer) -> None:
    async with desk_of(fleet, issuer, FIELD, SECOND) as desk, desk.client("alice") as alice:
        await desk.signed_in("alice")
        assert not (await alice.call_tool("list_sims", {"workspace": "field"})).is_error
        refused = text_of(await alice.call_tool("list_sims", {"workspace": "second"}))
        assert f"Enter one at {desk.page('second')}" in refused


async def test_a_token_of_another_organisation_than_the_workspace_is_not_used(fleet: Fleet, issuer: Issuer) -> None:
    strict = FIELD.model_copy(update={"organisation": 1})
    async with desk_of(fleet, issuer, strict) as desk, desk.client("alice") as alice:
        await desk.kept("alice", fleet.world.tokens["enterprise"], organisation=2)
        assert "belongs to another organisation than this workspace (id 1)" in text_of(
            await alice.call_tool("list_sims", {})
        )
        assert await fleet.requests() == []


async def test_a_program_with_a_key_has_no_token_of_its_own(fleet: Fleet, issuer: Issuer) -> None:
    async with desk_of(fleet, issuer) as desk:
        key = KeyFile(fleet.state_dir / "keys.json").add("nightly", frozenset({"sims:read"}), None)
        async with client_with(desk.public.address, key) as program:
            assert "nightly did not sign in; programs with keys have none" in text_of(
                await program.call_tool("list_sims", {})
            )


async def test_no_more_callers_than_the_operator_allows_are_kept_in_memory(fleet: Fleet, issuer: Issuer) -> None:
    async with (
        desk_of(fleet, issuer, callers_at_once=1, approval_wait_s=20) as desk,
        desk.client("alice") as alice,
        desk.client("bob") as bob,
    ):
        await desk.signed_in("alice")
        await desk.signed_in("bob")
        for client in (alice, bob, alice):
            assert await count(client) == 60
            assert (await ready(desk))["workspaces"][0]["callers"] == 1
        # Who is in the middle of a call is not cut off.
        waits = anyio.Event()
        told = []

        async def hear(progress: float, total: float | None, message: str | None) -> None:
            del progress, total
            if message is not None and "waiting for approval" in message:
                waits.set()

        async def ask() -> None:
            told.append(await alice.call_tool("set_sim_status", suspend(fleet, "healthy"), progress_callback=hear))

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            with anyio.fail_after(30):
                await waits.wait()
            refused = text_of(await bob.call_tool("list_sims", {}))
            assert "1 callers with tokens of their own are at work" in refused
            assert "Try again in a minute" in refused
        assert structured(told[0])["state"] == "waiting for approval"
        assert await count(bob) == 60


async def test_without_the_key_that_sealed_it_a_token_is_asked_for_again(fleet: Fleet, issuer: Issuer) -> None:
    async with desk_of(fleet, issuer) as desk:
        await desk.signed_in("alice")
    other = SecretStr(f"two:{b64encode(bytes(31) + b'2').decode()}")
    async with desk_of(fleet, issuer, token_keys=other) as desk, desk.client("alice") as alice:
        refused = text_of(await alice.call_tool("list_sims", {}))
        assert "yours cannot be opened any more: it was sealed with the key 'one'" in refused
        assert desk.page() in refused
        await desk.signed_in("alice")
        assert await count(alice) == 60
