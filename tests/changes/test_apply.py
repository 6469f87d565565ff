"""What emnify's limits delay stays open: nothing is given up for lack of time, and nothing is sent twice."""

import re
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from mcp import Client

from sim_mcp.sandbox.settings import SandboxSettings, Unknowns
from sim_mcp.server.app import build_server
from tests.support import Fleet, fleet_of, structured

_STORIES = ("healthy", "wrong_apn", "quota_exhausted", "went_silent", "rejected_by_network")
_WAIT_S = 120
"""Longer than any call may take: the next one has to go on."""

_CALL_S = 3.0


@pytest.fixture
async def limited() -> AsyncIterator[Fleet]:
    """An emnify that says with each 429 how long to wait."""
    async with fleet_of(SandboxSettings(sims=60, unknowns=Unknowns(retry_after=_WAIT_S))) as fleet:
        yield fleet


async def suspend(fleet: Fleet, told: list[dict[str, Any]]) -> list[str]:
    """Suspend them all, and return what was told on the way."""
    sims = [fleet.scenarios[name]["iccid"] for name in _STORIES]
    messages: list[str] = []

    async def listen(progress: float, total: float | None, message: str | None) -> None:
        messages.append(f"{message} ({progress:g} of {total})")

    async with Client(build_server(fleet.settings(confirm="host"), waits_s=_CALL_S)) as client:
        arguments = {"sims": sims, "status": "suspended"}
        told.append(structured(await client.call_tool("set_sim_status", arguments, progress_callback=listen)))
    return messages


async def go_on(fleet: Fleet, plan: str) -> dict[str, Any]:
    """Go on once emnify allows it, with a server that was started since."""
    await fleet.faults()
    async with Client(build_server(fleet.settings(confirm="host"))) as client:
        return structured(await client.call_tool("continue_change", {"plan": plan}))


async def taken(fleet: Fleet) -> Counter[str]:
    """Count how often each SIM's change was taken."""
    return Counter(sent["path"] for sent in await fleet.writes() if sent["status"] < 400)


async def test_a_limit_met_while_writing_leaves_the_rest_open(limited: Fleet) -> None:
    met = limited.scenarios[_STORIES[2]]
    await limited.faults(f"throttle@PATCH /api/v1/sim/{met['sim_id']}")
    told: list[dict[str, Any]] = []
    messages = await suspend(limited, told)
    assert re.search(r"3 of 5 done, waiting 1\d\d s for emnify's rate limits", messages[-1])
    # Two were sent before, and reading them back has to wait as well.
    assert told[0]["state"].startswith("not finished: 4 SIMs to go because emnify's rate limits")
    assert told[0]["counts"] == {"failed": 1}
    assert "nothing changed" in told[0]["sims"][0]["note"]
    done = await go_on(limited, told[0]["plan"])
    assert done["state"] == "done"
    assert done["counts"] == {"changed": 4, "failed": 1}
    assert len(await taken(limited)) == sum((await taken(limited)).values()) == 4


async def test_a_limit_met_while_reading_back_leaves_what_was_sent_open_and_sends_nothing_again(limited: Fleet) -> None:
    await limited.faults("latency=0.2@PATCH")
    told: list[dict[str, Any]] = []
    async with anyio.create_task_group() as group:
        group.start_soon(suspend, limited, told)
        while not await limited.writes():  # noqa: ASYNC110  # the sandbox tells nobody.
            await anyio.sleep(0.01)
        await limited.faults("throttle@GET /api/v1/sim")
    assert told[0]["state"].startswith("not finished: 5 SIMs to go because emnify asks to slow down (429)")
    assert re.search(r"; it can go on at \d\d:\d\d:\d\d UTC$", told[0]["state"])
    assert told[0]["counts"] == {}
    done = await go_on(limited, told[0]["plan"])
    assert done["counts"] == {"changed": 5}
    assert len(await taken(limited)) == sum((await taken(limited)).values()) == 5


async def test_a_limit_that_another_question_met_stops_a_change_between_two_sims(limited: Fleet) -> None:
    await limited.faults("latency=0.2@PATCH", "throttle@/stats")
    told: list[dict[str, Any]] = []
    sims = [limited.scenarios[name]["iccid"] for name in _STORIES]
    server = build_server(limited.settings(confirm="host"), waits_s=_CALL_S)
    async with Client(server) as client, anyio.create_task_group() as group:

        async def change() -> None:
            told.append(structured(await client.call_tool("set_sim_status", {"sims": sims, "status": "suspended"})))

        group.start_soon(change)
        while not await limited.writes():  # noqa: ASYNC110  # the sandbox tells nobody.
            await anyio.sleep(0.01)
        assert (await client.call_tool("get_sim_usage", {"sim": limited.scenarios["no_device"]["sim_id"]})).is_error
    goes_on = r"because emnify's rate limits allow the next request in \d+ s.*; it can go on at \d\d:\d\d:\d\d UTC"
    assert re.search(goes_on, told[0]["state"])
    assert "failed" not in told[0]["counts"]
    assert len(await taken(limited)) < len(sims)
    assert (await go_on(limited, told[0]["plan"]))["counts"] == {"changed": 5}
    assert len(await taken(limited)) == sum((await taken(limited)).values()) == 5
