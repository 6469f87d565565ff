"""SIMs without usage, as list_sims filters for them."""

from typing import Any

import pytest
from mcp import Client

from sim_mcp.sandbox import SandboxSettings
from sim_mcp.server.app import build_server
from tests.support import Fleet, fleet_of, structured, text_of
from tests.tools.usage.calls import CLOCK, RANK, usage_told


@pytest.mark.parametrize("month", ["current_month", "last_month"])
async def test_sims_without_usage_are_listed_filtered_and_paged(known: Fleet, client: Client, month: str) -> None:
    used = {iccid for iccid, amounts in (await usage_told(known, month)).items() if any(amounts.values())}
    fleet = (await known.api("GET", "/sim", role="enterprise")).json()
    idle = {sim["iccid_with_luhn"]: sim["status"]["id"] for sim in fleet if sim["iccid_with_luhn"] not in used}
    asked: dict[str, Any] = {"without_usage": month, "per_page": 10}
    found: list[str] = []
    answer: dict[str, Any] = {"next": ""}
    while "next" in answer:
        answer = structured(await client.call_tool("list_sims", asked | {"page": len(found) // 10 + 1}))
        found += [row["iccid"] for row in answer["sims"]]
        assert answer["as_of"]
        assert "complete, as of" in answer["hint"]
    assert sorted(found) == sorted(idle)
    assert answer["total"] == len(idle)
    activated = structured(await client.call_tool("list_sims", asked | {"status": "activated", "sort": "iccid"}))
    assert activated["total"] == sum(status == 1 for status in idle.values()) > 0
    nothing = structured(await client.call_tool("list_sims", asked | {"status": "activated", "device": "elevator"}))
    assert nothing["total"] == 0
    assert f'without_usage="{month}"' in nothing["hint"]


async def test_a_list_without_usage_that_cannot_be_finished_says_how_far_it_is() -> None:
    async with (
        fleet_of(SandboxSettings(sims=1, clock=CLOCK)) as fleet,
        Client(build_server(fleet.settings())) as client,
    ):
        await client.call_tool(RANK, {"status": "suspended"})
        await fleet.faults("error=401@/stats")
        result = await client.call_tool(
            "list_sims", {"without_usage": "current_month", "status": ["issued", "activated", "suspended"]}
        )
        answer = structured(result)
        issued = structured(await client.call_tool("list_sims", {"status": "issued"}))
    assert answer["total"] >= issued["total"] > 0
    assert "stopped" in answer["hint"]
    assert "renew EMNIFY_APPLICATION_TOKEN" in text_of(result)
    assert answer["next"] == 'list_sims(status=["issued", "activated", "suspended"], without_usage="current_month")'
