"""Counts add up, and are emnify's own."""

import pytest
from mcp import Client

from sim_mcp.emnify import SimStatus
from sim_mcp.server.app import build_server
from sim_mcp.tools.sims.summarize_sims import Group
from tests.fleet.paged import paged
from tests.support import Fleet, structured
from tests.tools.sims.serving import server_on


async def test_counts_by_status_are_emnifys_own(fleet: Fleet, client: Client) -> None:
    answer = structured(await client.call_tool("summarize_sims", {"group_by": ["status"]}))
    own = fleet.world.store.rows(
        "SELECT status, count(*) FROM sim WHERE customer = 13886 AND status <> 3 GROUP BY status"
    )
    assert {row["status"]: row["sims"] for row in answer["groups"]} == {
        SimStatus(int(str(status))).label: count for status, count in own
    }
    assert answer["total"] == answer["fleet"] == sum(row["sims"] for row in answer["groups"])


@pytest.mark.parametrize("top", [1, 2, 3, 20])
async def test_groups_not_shown_are_summed_as_other_and_one_call_away(client: Client, top: int) -> None:
    answer = structured(
        await client.call_tool("summarize_sims", {"group_by": ["activation_month", "model"], "top": top})
    )
    shown = sum(row["sims"] for row in answer["groups"])
    assert shown + answer.get("other", 0) == answer["total"]
    assert ("next" in answer) is ("other" in answer) is (answer.get("other_groups", 0) > 0)
    assert len(answer["groups"]) in {top, top + 1} or "other" not in answer


async def test_organisations_that_look_alike_are_told_apart_by_their_ids() -> None:
    names = ["Acme", "Acme ", "Ac\u200bme", "Beta", "Lang" * 30, "Lang" * 31]
    async with paged(len(names)) as upstream, server_on(upstream) as client:
        for place, sim in enumerate(upstream.sims.values()):
            sim["customer_org"] = {"id": 100 + place, "name": names[place]}
        counted = structured(await client.call_tool("summarize_sims", {"group_by": ["customer"]}))
    shown = {group["customer"] for group in counted["groups"]}
    assert shown >= {"Acme (id 100)", "Acme (id 101)", "Acme (id 102)", "Beta"}
    assert len(shown) == len(names)
    assert {name[-8:] for name in shown if name.startswith("Lang")} == {"(id 104)", "(id 105)"}


async def test_our_own_changes_show_in_the_counts_at_once(fleet: Fleet) -> None:
    async with Client(build_server(fleet.settings(policy=fleet.trusting()))) as client:

        async def counted() -> dict[str, int]:
            answer = structured(await client.call_tool("summarize_sims", {"group_by": ["status"]}))
            return {row["status"]: row["sims"] for row in answer["groups"]}

        before = await counted()
        sim = fleet.scenarios["healthy"]["iccid"]
        structured(await client.call_tool("set_sim_status", {"sims": [sim], "status": "suspended"}))
        structured(await client.call_tool("delete_sims", {"sims": [fleet.scenarios["no_device"]["iccid"]]}))
        after = await counted()
        assert after["Suspended"] == before["Suspended"] + 1
        assert sum(after.values()) == sum(before.values()) - 1
        answer = structured(await client.call_tool("find_sims", {"text": sim}))
        assert answer["sims"][0]["status"] == "Suspended"
        batch = fleet.scenarios["batch_registrable"]["bic"]
        structured(await client.call_tool("register_sim_batch", {"bic": batch, "status": "issued"}))
        assert sum((await counted()).values()) > sum(after.values())


def test_a_group_is_one_flat_object_in_the_order_asked_for() -> None:
    group = Group(values={"model": "3FF", "customer": "Alpenwerk"}, sims=3)
    assert list(group.wire().items()) == [("model", "3FF"), ("customer", "Alpenwerk"), ("sims", 3)]
    assert Group.model_validate(group.wire()) == group
