"""What was planned before there was a file of workspaces: of none of them, or of the one that the operator names."""

import logging

import pytest
from mcp import Client
from pydantic import SecretStr

from sim_mcp.server.app import build_server
from tests.changes.test_approval import press
from tests.server.workspaces.desk import Desk
from tests.support import structured, text_of


async def planned_before(desk: Desk) -> str:
    """Have a server with one token plan a change, which is approved and not carried out yet."""
    fleet = desk.fleets["acme"]
    token = SecretStr(fleet.world.tokens["enterprise"])
    alone = desk.settings().model_copy(update={"workspaces": (), "application_token": token, "public_url": None})
    async with Client(build_server(alone.model_copy(update={"base_url": fleet.world.base_url}))) as client:
        change = {"sims": [fleet.scenarios["healthy"]["iccid"]], "status": "suspended"}
        waiting = structured(await client.call_tool("set_sim_status", change))
        await press(waiting["approve_at"], "approve")
    return str(waiting["plan"])


async def test_it_is_of_no_workspace_and_the_operator_is_told(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    plan = await planned_before(desk)
    with caplog.at_level(logging.WARNING, "sim_mcp"):
        async with Client(build_server(desk.settings())) as client:
            for name in desk.fleets:
                refused = await client.call_tool("continue_change", {"workspace": name, "plan": plan})
                assert "There is no plan" in text_of(refused)
    told = [record.getMessage() for record in caplog.records if "earlier = true" in record.getMessage()]
    assert len(told) == 1
    assert await desk.changed("acme") == []


async def test_the_workspace_that_the_operator_names_goes_on_with_it(desk: Desk) -> None:
    plan = await planned_before(desk)
    desk.grants["acme"] = "earlier = true"
    async with Client(build_server(desk.settings())) as client:
        refused = await client.call_tool("continue_change", {"workspace": "borg", "plan": plan})
        assert "There is no plan" in text_of(refused)
        done = structured(await client.call_tool("continue_change", {"workspace": "acme", "plan": plan}))
        assert done["counts"] == {"changed": 1}
    assert len(await desk.changed("acme")) == 1


async def test_one_workspace_alone_can_have_it(desk: Desk) -> None:
    desk.grants = dict.fromkeys(desk.fleets, "earlier = true")
    with pytest.raises(Exception, match="earlier = true stands in acme and borg: one alone"):
        desk.settings()
