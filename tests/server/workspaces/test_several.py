"""Who has several workspaces says which one is meant, and everything that is answered says it too."""

import json
import logging
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client
from mcp.client.session import ClientRequestContext
from mcp.types import ElicitRequestParams, ElicitResult, TextResourceContents

from sim_mcp.changes.record.audit import audit
from sim_mcp.changes.record.journal import Journal
from sim_mcp.changes.record.quota import Quota
from sim_mcp.server.app import build_server
from tests.changes.test_approval import press
from tests.server.signin.issuing import Issuer, client_with, issuing, served
from tests.server.workspaces.desk import NAMES, Desk, mark_of
from tests.support import structured, text_of, unencrypted

ERAS = ("auto", "legacy")


def healthy(desk: Desk) -> str:
    iccid: str = desk.fleets["acme"].scenarios["healthy"]["iccid"]
    return iccid


async def listed(client: Client) -> dict[str, dict[str, Any]]:
    return {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}


@pytest.mark.parametrize("era", ERAS)
async def test_tools_take_the_workspace_where_there_are_several_and_are_as_ever_where_there_is_one(
    desk: Desk, era: str
) -> None:
    both, one = desk.key("both", workspaces=NAMES), desk.key("one", workspaces=("borg",))
    fleet = desk.fleets["acme"]
    async with Client(build_server(fleet.settings(export_dir=desk.exports)), mode=era) as client:
        alone = await listed(client)
    async with (
        served(desk.settings()) as address,
        client_with(address, both, era) as several,
        client_with(address, one, era) as single,
    ):
        asked = await listed(several)
        assert await listed(single) == alone
        assert asked.keys() == alone.keys()
        for name, schema in asked.items():
            assert schema["properties"].pop("workspace") == {"type": "string", "enum": list(NAMES)}
            assert schema["required"][0] == "workspace"
            assert schema["properties"] == alone[name]["properties"]
        answer = await single.call_tool("get_sim", {"sim": healthy(desk)})
        assert "workspace" not in structured(answer)
        assert "borg" not in text_of(answer).replace(mark_of("borg"), "")
        # Naming the one that it is anyway does no harm.
        assert not (await single.call_tool("get_sim", {"sim": healthy(desk), "workspace": "borg"})).is_error


async def test_one_of_several_has_to_be_named_and_has_to_be_theirs(desk: Desk) -> None:
    desk.grants = {"acme": "[[workspace.allow]]\neverybody = true", "borg": ""}
    both, neither = desk.key("both", workspaces=NAMES), desk.key("neither", workspaces=("else",))
    async with (
        served(desk.settings()) as address,
        client_with(address, both) as several,
        client_with(address, neither) as stranger,
        client_with(address, desk.key("anybody")) as anybody,
    ):
        refused = text_of(await several.call_tool("get_sim", {"sim": healthy(desk)}))
        assert refused == (
            "workspace is required: say which of acme, borg is meant. Nothing was sent, nothing changed."
        )
        refused = text_of(await several.call_tool("get_sim", {"sim": healthy(desk), "workspace": "acmee"}))
        assert "workspace='acmee' is none that both may use; there is acme, borg." in refused.replace('"', "'")
        found = await several.call_tool("get_sim", {"sim": healthy(desk), "workspace": " ACME"})
        assert structured(found)["workspace"] == "acme"
        refused = text_of(await stranger.call_tool("get_sim", {"sim": healthy(desk)}))
        assert "No workspace of this server is open to neither" in refused
        assert not any(name in refused for name in NAMES)
        with pytest.raises(Exception, match="No workspace"):
            await stranger.read_resource("audit://changes")
        assert not (await anybody.call_tool("get_sim", {"sim": healthy(desk)})).is_error


@pytest.mark.parametrize("era", ERAS)
async def test_answers_pages_files_rows_and_lines_name_the_workspace(
    desk: Desk, era: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sim_mcp")
    async with Client(build_server(desk.settings()), mode=era) as client:
        for name in NAMES:
            where = {"workspace": name}
            answer = await client.call_tool("get_sim", {"sim": healthy(desk), **where})
            assert text_of(answer).startswith(f"[{name}, sandbox] ")
            assert structured(answer)["workspace"] == name
            assert mark_of(name) in text_of(answer)
            page = await client.call_tool("list_sims", {"per_page": 10, **where})
            assert structured(page)["next"].startswith(f'list_sims(workspace="{name}", ')
            refused = await client.call_tool("get_sim", {"sim": "8988", **where})
            assert refused.is_error == text_of(refused).startswith(f"[{name}] ")
            file = structured(await client.call_tool("export_sims", where))
            assert Path(file["path"]).name.startswith(f"{name}.sims-")
            read = (await client.read_resource(file["uri"])).contents[0]
            assert isinstance(read, TextResourceContents)
            assert mark_of(name) in read.text
            plan = await client.call_tool("set_sim_status", {"sims": [healthy(desk)], "status": "suspended", **where})
            assert text_of(plan).startswith(f"[{name}] ")
            waiting = structured(plan)
            assert waiting["workspace"] == name
            assert waiting["next"] == f'continue_change(workspace="{name}", plan="{waiting["plan"]}")'
            async with unencrypted() as browser:
                assert f"workspace {name} (" in (await browser.get(waiting["approve_at"])).text
            await press(waiting["approve_at"], "approve")
            # It is of one workspace, whichever is named.
            other = next(each for each in NAMES if each != name)
            elsewhere = await client.call_tool("continue_change", {"workspace": other, "plan": waiting["plan"]})
            assert elsewhere.is_error
            assert text_of(elsewhere).startswith(f"[{other}] There is no plan")
            done = await client.call_tool("continue_change", {"plan": waiting["plan"], **where})
            assert structured(done)["counts"] == {"changed": 1}
        resource = (await client.read_resource("audit://changes")).contents[0]
        assert isinstance(resource, TextResourceContents)
        rows = json.loads(resource.text)["changes"]
    assert [row["workspace"] for row in rows] == ["borg", "borg", "acme", "acme"]
    assert {row.workspace for row in audit(desk.directory)} == set(NAMES)
    assert [len(await desk.changed(name)) for name in NAMES] == [1, 1]
    lines = [record.getMessage() for record in caplog.records]
    assert all(any(line.startswith(f"get_sim in {name}: ok") for line in lines) for name in NAMES)


async def test_the_form_names_the_workspace_and_its_yes_is_for_that_one(desk: Desk) -> None:
    asked: list[str] = []

    async def agree(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        del context
        asked.append(params.message)
        return ElicitResult(action="accept", content={"agree": True})

    async with Client(build_server(desk.settings()), elicitation_callback=agree) as client:
        for name in NAMES:
            change = {"workspace": name, "sims": [healthy(desk)], "status": "suspended"}
            assert structured(await client.call_tool("set_sim_status", change))["counts"] == {"changed": 1}
    assert [f"workspace {name} (" in message for name, message in zip(NAMES, asked, strict=True)] == [True, True]


async def test_what_somebody_may_is_told_by_each_workspace(desk: Desk) -> None:
    async with issuing() as issuer:
        desk.variables = {"SIM_MCP_ISSUER": issuer.address}
        grant = f'[[workspace.allow]]\nissuer = "{issuer.address}"\nclaim = "groups"\n'
        desk.grants = {
            "acme": f'{grant}value = "field"\nscopes = ["sims:read"]',
            "borg": f'{grant}value = "field"\n[[workspace.allow]]\nsubject = "carol"',
        }
        async with served(desk.settings()) as address:
            await _check_field_and_carol(desk, issuer, address)


async def _check_field_and_carol(desk: Desk, issuer: Issuer, address: str) -> None:
    scope = "sims:read sims:write sims:approve"
    field = issuer.token(sub="alice", groups=["field"], scope=scope)
    change = {"sims": [healthy(desk)], "status": "suspended"}
    async with client_with(address, field) as alice:
        tools = await listed(alice)
        assert tools["get_sim"]["properties"]["workspace"]["enum"] == ["acme", "borg"]
        assert tools["set_sim_status"]["properties"]["workspace"]["enum"] == ["borg"]
        refused = await alice.call_tool("set_sim_status", {**change, "workspace": "acme"})
        assert "needs the scope sims:write, and alice@example.com has sims:read" in text_of(refused)
        assert not (await alice.call_tool("set_sim_status", {**change, "workspace": "borg"})).is_error
    async with client_with(address, issuer.token(sub="carol", scope=scope)) as carol:
        assert "workspace" not in (await listed(carol))["get_sim"]["properties"]
        assert structured(await carol.call_tool("list_changes", {}))["total"] == 1  # of borg, as its approver.
        assert mark_of("borg") in text_of(await carol.call_tool("get_sim", {"sim": healthy(desk)}))
    async with client_with(address, issuer.token(sub="bob", scope=scope)) as bob:
        assert "is open to alice@example.com" in text_of(await bob.call_tool("list_sims", {}))


async def test_a_workspace_that_nobody_uses_is_not_started(desk: Desk) -> None:
    async def sent() -> int:
        return len((await desk.fleets["borg"].control.get("/sandbox/requests")).json())

    before = await sent()
    async with served(desk.settings()) as address, httpx.AsyncClient() as http:
        async with client_with(address, desk.key("one", workspaces=("acme",))) as one:
            await one.call_tool("summarize_sims", {})
        ready = (await http.get(address.replace("/mcp", "/ready"))).json()
    acme, borg = ready["workspaces"]
    assert (acme["name"], acme["place"], acme["refused"]) == ("acme", "sandbox", False)
    assert acme["signed_in_at"]
    assert borg == {"name": "borg", "place": None, "signed_in_at": None, "refused": False}
    assert await sent() == before


async def test_what_was_left_in_doubt_is_read_again_before_anybody_asks(desk: Desk) -> None:
    async with Client(build_server(desk.settings())) as client:
        change = {"workspace": "borg", "sims": [healthy(desk)], "status": "suspended"}
        waiting = structured(await client.call_tool("set_sim_status", change))
        await press(waiting["approve_at"], "approve")
    # As a server leaves it that is killed in the moment of sending.
    assert Journal(desk.directory, workspace="borg").intend(waiting["plan"], 0, "PATCH", quotas=[Quota(500)]) == "now"
    async with Client(build_server(desk.settings())):
        with anyio.fail_after(60):
            while not (rows := [row for row in audit(desk.directory) if row.event == "outcome"]):  # noqa: ASYNC110  # nothing tells when it is on record.
                await anyio.sleep(0.1)
    assert [(row.workspace, row.plan) for row in rows] == [("borg", waiting["plan"])]
    assert [await desk.changed(name) for name in NAMES] == [[], []]
    signed_in = [sent["path"] for sent in (await desk.fleets["acme"].control.get("/sandbox/requests")).json()]
    assert not any(path.endswith("/sim") for path in signed_in)
