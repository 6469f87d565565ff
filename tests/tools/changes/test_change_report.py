"""What a change answers says each thing once, hides nothing, and reads as what happened."""

import bpe_openai
import pytest
from mcp import Client

from sim_mcp.sandbox import SandboxSettings
from sim_mcp.server.app import build_server
from sim_mcp.settings import Confirm
from tests.support import Fleet, fleet_of, structured, text_of

EFFECT = "Loses network access, and stays in its device if it has one"


async def waiting(fleet: Fleet, count: int) -> str:
    """Plan to suspend so many SIMs that are active and in a device; return what the model reads."""
    async with Client(build_server(fleet.settings(max_sims_per_change=200))) as client:
        listed = await client.call_tool("list_sims", {"status": "activated", "has_device": True, "per_page": 100})
        sims = [row["iccid"] for row in structured(listed)["sims"]][:count]
        assert len(sims) == count
        return text_of(await client.call_tool("set_sim_status", {"sims": sims, "status": "suspended"}))


async def test_the_effect_is_told_once_and_every_sim_is_listed() -> None:
    async with fleet_of(SandboxSettings(sims=120)) as fleet:
        text = await waiting(fleet, 35)
    assert text.count(EFFECT) == 1
    assert text.count("8988303000") == 35
    assert len(bpe_openai.get_encoding("o200k_base").encode(text)) < 800


async def test_what_was_done_is_counted_with_who_agreed(fleet: Fleet) -> None:
    sim = fleet.scenarios["healthy"]["iccid"]
    async with Client(build_server(fleet.settings(confirm=Confirm.HOST))) as trusting:
        text = text_of(await trusting.call_tool("set_sim_status", {"sims": [sim], "status": "suspended"}))
    assert "Result: 1 changed. Agreed by: the operator's policy." in text


async def test_what_is_not_listed_is_counted() -> None:
    async with fleet_of(SandboxSettings(sims=180)) as fleet:
        text = await waiting(fleet, 100)
    assert text.count("8988303000") == 40
    assert "and 60 more, on the approval page" in text


async def test_a_waiting_plan_says_until_when(fleet: Fleet, client: Client) -> None:
    sim = fleet.scenarios["healthy"]["iccid"]
    text = text_of(await client.call_tool("set_sim_status", {"sims": [sim], "status": "suspended"}))
    assert "The approval expires at 20" in text


@pytest.mark.parametrize(
    ("scenario", "status", "why"),
    [
        ("healthy", "factory_test", "factory test can only follow Issued"),
        ("suspended", "suspended", "already so, nothing to change"),
    ],
)
async def test_what_changed_nothing_reads_as_that(
    fleet: Fleet, client: Client, scenario: str, status: str, why: str
) -> None:
    sim = fleet.scenarios[scenario]["iccid"]
    text = text_of(await client.call_tool("set_sim_status", {"sims": [sim], "status": status}))
    assert text.startswith("Nothing changed: 1 ")
    assert why in text
    assert "Agreed by" not in text
    assert "→" not in text
    assert "0 SIMs" not in text
