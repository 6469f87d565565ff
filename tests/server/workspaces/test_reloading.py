"""The file of workspaces is read again when it changes: what is new can be used, what is gone ends in words."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client

from sim_mcp.server.app import build_server
from tests.server.signin.issuing import client_with, served
from tests.server.workspaces.desk import NAMES, Desk, mark_of
from tests.server.workspaces.test_several import healthy
from tests.support import structured, text_of

LEGACY_AND_MODERN = ("auto", "legacy")


async def names(client: Client) -> list[str]:
    """The workspaces that a tool may be told."""
    tools = {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}
    found: list[str] = tools["get_sim"]["properties"].get("workspace", {}).get("enum", [])
    return found


async def until(met: Callable[[], Awaitable[Any]]) -> None:
    """Wait until it is so."""
    with anyio.fail_after(30):
        while not await met():  # noqa: ASYNC110  # nothing tells.
            await anyio.sleep(0.1)


def only(desk: Desk, *kept: str) -> Desk:
    """The same desk, whose file names some of the workspaces."""
    return Desk({name: desk.fleets[name] for name in kept}, desk.directory, desk.variables, desk.grants)


@pytest.mark.parametrize("era", LEGACY_AND_MODERN)
async def test_a_workspace_appears_and_goes_as_the_file_says(desk: Desk, era: str) -> None:
    one = only(desk, "acme")
    async with Client(build_server(one.settings()), mode=era) as client:
        assert await names(client) == []
        assert not (await client.call_tool("get_sim", {"sim": healthy(desk)})).is_error
        desk.write()

        async def both() -> bool:
            return await names(client) == list(NAMES)

        await until(both)
        answer = await client.call_tool("get_sim", {"sim": healthy(desk), "workspace": "borg"})
        assert mark_of("borg") in text_of(answer)
        one.write()

        async def gone() -> bool:
            return await names(client) == []

        await until(gone)
        refused = await client.call_tool("get_sim", {"sim": healthy(desk), "workspace": "borg"})
        assert "workspace='borg' is none that" in text_of(refused).replace('"', "'")
        assert structured(await client.call_tool("get_sim", {"sim": healthy(desk)}))


async def test_who_listens_is_told_that_the_tools_changed(desk: Desk) -> None:
    one = only(desk, "acme")
    async with Client(build_server(one.settings())) as client:
        assert client.server_capabilities.tools is not None
        assert client.server_capabilities.tools.list_changed
        async with client.listen(tools_list_changed=True) as heard:
            desk.write()
            with anyio.fail_after(30):
                async for event in heard:
                    assert type(event).__name__ == "ToolsListChanged"
                    break
        assert await names(client) == list(NAMES)


async def test_a_broken_file_changes_nothing_and_is_told_once(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    def told() -> list[str]:
        return [line for each in caplog.records if (line := each.getMessage()).startswith("SIM_MCP_WORKSPACES")]

    key = desk.key("both", workspaces=NAMES)
    async with served(desk.settings()) as address, client_with(address, key) as client, httpx.AsyncClient() as http:

        async def file_is_well() -> bool:
            ready = await http.get(address.replace("/mcp", "/ready"))
            assert ready.status_code == 200
            return bool(ready.json()["workspaces_file"]["ok"])

        async def file_is_broken() -> bool:
            return not await file_is_well()

        file = desk.directory / "workspaces.toml"
        assert await file_is_well()
        file.write_text('[[workspace]]\nname = "acme"\ntoken = "canary-0123456789"\n')
        await until(file_is_broken)
        for name in NAMES:
            assert not (await client.call_tool("get_sim", {"sim": healthy(desk), "workspace": name})).is_error
        (line,) = told()
        assert "a token does not belong into this file" in line
        assert line.endswith("What was read before goes on.")
        assert "canary" not in caplog.text
        desk.write()
        await until(file_is_well)
        assert len(told()) == 1


async def test_who_may_use_a_workspace_is_read_again_too(desk: Desk) -> None:
    key = desk.key("robot")
    desk.grants = dict.fromkeys(NAMES, "")
    async with served(desk.settings()) as address, client_with(address, key) as robot:
        assert "No workspace of this server is open to robot" in text_of(await robot.call_tool("list_sims", {}))
        desk.grants["borg"] = '[[workspace.allow]]\nkey = "robot"'
        desk.write()

        async def let_in() -> bool:
            return not (await robot.call_tool("list_sims", {})).is_error

        await until(let_in)
        assert mark_of("borg") in text_of(await robot.call_tool("get_sim", {"sim": healthy(desk)}))


async def test_a_workspace_that_moves_elsewhere_answers_from_there(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sim_mcp")
    one = only(desk, "acme")
    async with Client(build_server(one.settings())) as client:
        assert mark_of("acme") in text_of(await client.call_tool("get_sim", {"sim": healthy(desk)}))
        # The same name, another address and another token.
        moved = Desk({"acme": desk.fleets["borg"]}, desk.directory)
        desk.token_file("acme").write_text(desk.fleets["borg"].world.tokens["enterprise"])
        moved.write()

        async def answered_from_there() -> bool:
            return mark_of("borg") in text_of(await client.call_tool("get_sim", {"sim": healthy(desk)}))

        await until(answered_from_there)
