"""What the log tells of a call, a change and an approval: a line each."""

import logging

import anyio
import pytest
from mcp import Client
from mcp.client.session import ClientRequestContext
from mcp.types import ElicitRequestParams, ElicitResult

from sim_mcp.server.app import build_server
from sim_mcp.tools.context import local
from tests.changes.test_approval import press, suspend
from tests.support import Fleet, structured


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    ours = [record for record in caplog.records if record.name.startswith(("sim_mcp.server", "sim_mcp.changes"))]
    assert all(record.levelno == logging.INFO for record in ours)
    return [record.getMessage() for record in ours]


async def test_each_call_a_change_and_its_approval_are_a_line_each(
    fleet: Fleet, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sim_mcp")
    await client.call_tool("get_sim", {"sim": fleet.scenarios["healthy"]["iccid"]})
    await client.call_tool("get_sim", {"sim": "89883030000060000005"})
    waiting = structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy")))
    await press(waiting["approve_at"], "approve")
    await client.call_tool("continue_change", {"plan": waiting["plan"]})
    found, plan = lines(caplog), f"Plan {waiting['plan']}: "
    assert [line.partition(" in ")[0] for line in found if " ms, asked by " in line] == [
        "get_sim: ok",
        "get_sim: error",
        "set_sim_status: ok",
        "continue_change: ok",
    ]
    assert [line for line in found if line.startswith("Plan")] == [
        f"{plan}set_sim_status, 1 SIM to change, asked for by {local().name} through mcp 0.1.0",
        f"{plan}approved by a person, on the approval page",
        f"{plan}1 changed; 0 to go",
    ]


async def test_a_question_and_a_cancelled_call_are_logged_as_such(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sim_mcp")

    async def refuse(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        del context, params
        return ElicitResult(action="accept", content={"agree": False})

    async with Client(build_server(fleet.settings()), elicitation_callback=refuse) as client:
        await client.call_tool("set_sim_status", suspend(fleet, "healthy"))
        await fleet.faults("latency=5")
        with anyio.move_on_after(0.5):
            await client.call_tool("get_sim", {"sim": fleet.scenarios["healthy"]["iccid"]})
        with anyio.fail_after(10):
            while not any("cancelled" in line for line in lines(caplog)):  # noqa: ASYNC110  # a log tells nobody.
                await anyio.sleep(0.05)
    found = lines(caplog)
    assert [line for line in found if "set_sim_status: asks for a form in " in line]
    assert [line for line in found if line.endswith(": rejected by a person, by form")]
