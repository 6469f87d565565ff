"""Workspaces are kept apart: whoever has one never sees a byte of another, in whatever answer, page, file or log."""

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mcp import Client
from mcp.types import CallToolResult, TextResourceContents

from sim_mcp.emnify import asked_by, asking_now
from sim_mcp.emnify.http.auth import ApplicationTokens
from sim_mcp.principal import NOBODY
from sim_mcp.server.app import build_server
from sim_mcp.server.workspaces import Workspaces
from sim_mcp.settings import Settings
from sim_mcp.tools.context import AppState, Here, working_in, workspace_here
from tests.changes.test_approval import press
from tests.server.signin.issuing import client_with, served
from tests.server.workspaces.desk import NAMES, Desk, mark_of
from tests.support import structured, text_of, unencrypted

ERAS = ("auto", "legacy")


def asked(iccid: str) -> list[tuple[str, dict[str, Any]]]:
    """One call of each tool that reads."""
    return [
        ("get_sim", {"sim": iccid}),
        ("diagnose_sim", {"sim": iccid}),
        ("get_sim_timeline", {"sim": iccid}),
        ("get_sim_usage", {"sim": iccid}),
        ("get_sim_daily_usage", {"sim": iccid}),
        ("list_sim_events", {"sim": iccid}),
        ("list_sim_events", {}),
        ("list_sims", {"per_page": 50}),
        ("find_sims", {"text": "canary"}),
        ("summarize_sims", {}),
        ("rank_sims_by_usage", {}),
        ("find_waste", {}),
        ("list_sim_statuses", {}),
        ("list_changes", {}),
        ("export_sims", {"what": "sims"}),
    ]


def whole(result: CallToolResult) -> str:
    """Everything of an answer."""
    return f"{text_of(result)}\n{result.model_dump_json()}"


@pytest.mark.parametrize("era", ERAS)
async def test_who_has_one_workspace_never_sees_a_byte_of_another(
    desk: Desk, era: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "sim_mcp")
    keys = {name: desk.key(name, workspaces=(name,)) for name in NAMES}
    iccid = desk.fleets["acme"].scenarios["healthy"]["iccid"]
    change = {"sims": [iccid], "status": "suspended"}
    seen: dict[str, list[str]] = {name: [] for name in NAMES}
    async with (
        served(desk.settings()) as address,
        client_with(address, keys["acme"], era) as acme,
        client_with(address, keys["borg"], era) as borg,
    ):
        clients = dict(zip(NAMES, (acme, borg), strict=True))
        plans = {name: structured(await clients[name].call_tool("set_sim_status", change)) for name in NAMES}
        pages = {name: plan["approve_at"] for name, plan in plans.items()}
        # In turns, so that whatever one left somewhere would be found by the other.
        for tool, arguments in asked(iccid):
            for name in NAMES:
                seen[name].append(whole(await clients[name].call_tool(tool, arguments)))
        async with unencrypted() as browser:
            for name in NAMES:
                seen[name].append((await browser.get(pages[name])).text)
        for name in NAMES:
            assert (await press(pages[name], "approve")).status_code < 400
            seen[name].append(whole(await clients[name].call_tool("continue_change", {"plan": plans[name]["plan"]})))
            seen[name].append(whole(await clients[name].call_tool("get_sim", {"sim": iccid})))
            seen[name].append(whole(await clients[name].call_tool("list_changes", {"sim": iccid})))
        for name in NAMES:
            for uri in ("audit://changes", f"audit://sims/{iccid}", *_exported(desk, name)):
                found = (await clients[name].read_resource(uri)).contents[0]
                assert isinstance(found, TextResourceContents)
                seen[name].append(found.text)
    for name, other in (NAMES, NAMES[::-1]):
        everything = "\n".join(seen[name])
        assert mark_of(name) in everything  # or it would have found nothing at all.
        assert plans[name]["plan"] in everything
        for secret in (mark_of(other), plans[other]["plan"], other, desk.fleets[other].world.base_url):
            assert secret not in everything
        assert len(await desk.changed(name)) == 1
    tokens = [fleet.world.tokens["enterprise"] for fleet in desk.fleets.values()]
    lines = "\n".join(record.getMessage() for record in caplog.records)
    assert not any(token in text for token in tokens for text in (lines, *map("\n".join, seen.values())))
    assert all(f"get_sim in {name}: ok" in lines for name in NAMES)


def _exported(desk: Desk, name: str) -> list[str]:
    files = [file.name for file in desk.exports.iterdir() if file.name.startswith(f"{name}.")]
    assert len(files) == 1
    return [f"export://files/{file}" for file in files]


@pytest.mark.parametrize("era", ERAS)
async def test_a_plan_a_file_and_a_row_of_another_workspace_are_not_there(desk: Desk, era: str) -> None:
    acme_key, borg_key = (desk.key(name, workspaces=(name,)) for name in NAMES)
    iccid = desk.fleets["acme"].scenarios["healthy"]["iccid"]
    async with (
        served(desk.settings()) as address,
        client_with(address, acme_key, era) as acme,
        client_with(address, borg_key, era) as borg,
    ):
        change = {"sims": [iccid], "status": "suspended"}
        plan = structured(await acme.call_tool("set_sim_status", change))
        await acme.call_tool("export_sims", {"file_name": "ours"})
        await borg.call_tool("list_sims", {})
        assert (await press(plan["approve_at"], "approve")).status_code < 400
        refused = await borg.call_tool("continue_change", {"plan": plan["plan"]})
        assert refused.is_error
        assert "There is no plan" in text_of(refused)
        assert structured(await borg.call_tool("list_changes", {}))["total"] == 0
        for uri in ("audit://changes", f"audit://plans/{plan['plan']}"):
            read = (await borg.read_resource(uri)).contents[0]
            assert isinstance(read, TextResourceContents)
            assert json.loads(read.text)["total"] == 0
        assert (desk.exports / "acme.ours.csv").exists()
        with pytest.raises(Exception, match="No export called"):
            await borg.read_resource("export://files/acme.ours.csv")
        # Naming it does not help.
        refused = await borg.call_tool("get_sim", {"sim": iccid, "workspace": "acme"})
        assert refused.is_error
        assert "none that borg may use" in text_of(refused)
    assert await desk.changed("acme") == []


async def test_the_hour_of_one_workspace_is_not_that_of_another(desk: Desk) -> None:
    stories = [desk.fleets["acme"].scenarios[story]["iccid"] for story in ("healthy", "roaming_spike")]
    async with Client(build_server(desk.settings(max_sims_per_hour=1))) as client:
        for name in NAMES:
            change = {"workspace": name, "sims": stories[:1], "status": "suspended"}
            waiting = structured(await client.call_tool("set_sim_status", change))
            await press(waiting["approve_at"], "approve")
            ask = {"workspace": name, "plan": waiting["plan"]}
            assert structured(await client.call_tool("continue_change", ask))["counts"] == {"changed": 1}
        change = {"workspace": "acme", "sims": stories[1:], "status": "suspended"}
        refused = await client.call_tool("set_sim_status", change)
        assert refused.is_error
        assert "within the last hour" in text_of(refused)
        assert text_of(refused).startswith("[acme] ")
    assert [len(await desk.changed(name)) for name in NAMES] == [1, 1]


async def test_what_a_workspace_does_by_itself_is_on_behalf_of_nobody(desk: Desk) -> None:
    """Who came first started it; what it logs and asks later is not theirs."""
    settings = desk.settings()
    workspaces = Workspaces(settings)
    seen: list[tuple[str, object]] = []

    @asynccontextmanager
    async def services(of_one: Settings, _: ApplicationTokens | None) -> AsyncIterator[AppState]:
        seen.append((asking_now().by, workspace_here()))
        yield AppState(of_one)

    here = Here("acme", AppState(settings), NOBODY, is_one_of_several=True)
    async with workspaces.hosted(services):
        with asked_by("alice"), working_in(here):
            assert (await workspaces.services("acme")).settings.workspace == "acme"
    assert seen == [("", None)]
