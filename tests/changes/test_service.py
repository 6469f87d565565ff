"""How many SIMs may be changed: per change and per hour, batches by what they hold, whoever asks at once."""

import re
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from sim_mcp.changes.item import PlannedItem
from sim_mcp.changes.kinds.register import Register
from sim_mcp.changes.plan import Plan
from sim_mcp.changes.policy.rules import read_policy
from sim_mcp.emnify import SimStatus
from sim_mcp.fleet.lookup.sims_by_id import FEW
from sim_mcp.server.app import build_server
from sim_mcp.settings import Confirm
from tests.changes.test_approval import claude_desktop, press
from tests.changes.test_record import crowded as crowded  # noqa: PLC0414  # a fixture is used by its name.
from tests.support import Fleet, structured, text_of

FIVE = 5


async def active(fleet: Fleet, number: int) -> list[str]:
    query = {"q": "status:1", "per_page": 1000}
    listed = (await fleet.api("GET", "/sim", role="enterprise", params=query)).json()
    assert len(listed) >= number
    return [sim["iccid"] for sim in listed[:number]]


def suspended(sims: list[str]) -> dict[str, Any]:
    return {"sims": sims, "status": "suspended"}


async def test_parallel_changes_share_the_hours_limit_and_go_on_when_it_frees_up(fleet: Fleet) -> None:
    sims = await active(fleet, 4 * FIVE)
    told: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    settings = fleet.settings(confirm=Confirm.HOST, max_sims_per_hour=2 * FIVE)
    servers = [build_server(settings) for _ in range(2)]
    async with Client(servers[0]) as one, Client(servers[1]) as other, anyio.create_task_group() as group:

        async def change(client: Client, part: list[str]) -> None:
            result = await client.call_tool("set_sim_status", suspended(part))
            # On a slow machine the last is planned only once the hour is used up, and refused at once.
            (refused if result.is_error else told).append(result.structured_content or {})

        for place in range(4):
            group.start_soon(change, (one, other)[place % 2], sims[place * FIVE : (place + 1) * FIVE])
    assert len(await fleet.writes()) == 2 * FIVE
    assert sum(report["counts"].get("changed", 0) for report in told) == 2 * FIVE
    left = [report for report in told if report["state"] != "done"]
    assert len(left) + len(refused) >= 2
    assert all("10 SIMs an hour (SIM_MCP_MAX_SIMS_PER_HOUR) are used up until" in report["state"] for report in left)
    async with Client(build_server(fleet.settings(confirm=Confirm.HOST))) as client:
        for report in left:
            assert structured(await client.call_tool("continue_change", {"plan": report["plan"]}))["state"] == "done"
    assert len(await fleet.writes()) == (4 - len(refused)) * FIVE


async def test_plans_kept_before_and_approved_after_count_too(fleet: Fleet) -> None:
    sims = await active(fleet, 6)
    async with claude_desktop(fleet, max_sims_per_hour=2) as client:
        waiting = [structured(await client.call_tool("set_sim_status", suspended([sim]))) for sim in sims]
        for plan in waiting:
            await press(plan["approve_at"], "approve")
        for plan in waiting:
            await client.call_tool("continue_change", {"plan": plan["plan"]})
    assert len(await fleet.writes()) == 2


async def test_many_deletions_together_stop_at_the_hours_limit(crowded: Fleet) -> None:
    query = {"q": "endpoint:null", "per_page": 10}
    listed = (await crowded.api("GET", "/sim", role="enterprise", params=query)).json()
    assert len(listed) > FEW
    async with claude_desktop(crowded, max_sims_per_hour=len(listed)) as client:
        deletion = structured(await client.call_tool("delete_sims", {"sims": [sim["iccid"] for sim in listed]}))
        other = structured(await client.call_tool("set_sim_status", suspended(await active(crowded, 1))))
        await press(other["approve_at"], "approve")
        await client.call_tool("continue_change", {"plan": other["plan"]})
        await press(deletion["approve_at"], "approve", typed=str(len(listed)))
        told = structured(await client.call_tool("continue_change", {"plan": deletion["plan"]}))
    assert told["counts"] == {"changed": len(listed) - 1}
    assert told["state"].startswith("not finished: 1 SIM")


async def test_a_batch_counts_as_many_sims_as_it_holds(fleet: Fleet) -> None:
    batch = {"bic": fleet.scenarios["batch_registrable"]["bic"]}
    async with claude_desktop(fleet, confirm=Confirm.HOST, max_sims_per_change=9) as client:
        result = await client.call_tool("register_sim_batch", batch)
        assert "10 SIMs are more than one change may touch (9" in text_of(result)
    async with claude_desktop(fleet, confirm=Confirm.HOST, max_sims_per_hour=10) as client:
        await client.call_tool("set_sim_status", suspended(await active(fleet, 1)))
        assert "SIM_MCP_MAX_SIMS_PER_HOUR" in text_of(await client.call_tool("register_sim_batch", batch))
    assert len(await fleet.writes()) == 1
    async with claude_desktop(fleet, confirm=Confirm.HOST, max_sims_per_hour=11) as client:
        done = structured(await client.call_tool("register_sim_batch", batch))
        assert (done["state"], done["counts"]) == ("done", {"changed": 10})
        note = done["sims"][0]["note"]
        assert len(re.findall(r"\b8988\d{16}\b", note)) == 10, "each new SIM is named"
        (listed,) = (
            row
            for row in structured(await client.call_tool("list_changes", {}))["changes"]
            if row["plan"] == done["plan"]
        )
        assert listed["counts"] == {"changed": 10}
        assert listed["sims"] == [f"{done['sims'][0]['iccid']}: not registered → registered as Issued (changed)"]
        assert "SIM_MCP_MAX_SIMS_PER_HOUR" in text_of(
            await client.call_tool("set_sim_status", suspended(await active(fleet, 1)))
        )


@pytest.mark.parametrize(
    ("quantity", "rule", "decision"),
    [
        (10, "max_sims = 10", "allow"),
        (11, "max_sims = 10", "ask"),
        (None, "max_sims = 10", "ask"),
        (None, "", "ask"),
        (10, "", "allow"),
    ],
)
def test_a_rule_counts_the_sims_of_a_batch_and_a_person_is_asked_where_they_are_not_known(
    tmp_path: Path, quantity: int | None, rule: str, decision: str
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(f'[[rule]]\ntool = "register_sim_batch"\ndecision = "allow"\n{rule}\n')
    change = Register(bic="#31F 6E2S 6XTR 3NEY", size="SIMs", quantity=quantity, target=SimStatus.ISSUED)
    item = PlannedItem(sim_id=0, iccid=None, before="-", after="registered", verdict="change", reason="SIMs")
    plan = Plan(tool="register_sim_batch", change=change, items=(item,))
    assert read_policy(file, Confirm.ASK).decide(plan) == decision
    assert read_policy(None, Confirm.HOST).decide(plan) == ("ask" if quantity is None else "allow")
