"""Names that customers, devices and organisations chose stand inside the fence, in every answer and every refusal."""

import re
from typing import Any

import pytest
from mcp import Client
from mcp.client.session import ClientRequestContext
from mcp.types import ElicitRequestParams, ElicitResult

from sim_mcp.sandbox import SandboxSettings
from sim_mcp.server.app import build_server
from tests.support import Fleet, fleet_of, structured, text_of

HIDDEN = "\u3164\U000e0041\ufe0f"


def unfenced(text: str) -> str:
    return re.sub(r"<(data-[0-9a-f]{8})>.*?</\1>", "", text, flags=re.DOTALL)


async def names_in(fleet: Fleet) -> set[str]:
    sims = (await fleet.api("GET", "/sim", params={"per_page": 2500})).json()
    things = [sim.get(key) for sim in sims for key in ("endpoint", "customer_org", "reseller_org", "issuer_org")]
    return {thing["name"] for thing in things if thing and len(thing.get("name") or "") > 3}


CALLS: list[tuple[str, dict[str, Any]]] = [
    ("list_sims", {"status": "activated"}),
    ("list_sims", {"customer": "13886"}),
    ("list_sims", {"customer": "no such customer"}),
    ("list_sims", {"status": ["activated", "issued"], "customer": "no such customer"}),
    ("list_sims", {"status": ["activated", "suspended"], "customer": "13886"}),
    ("summarize_sims", {"group_by": ["customer", "issuer"]}),
    ("summarize_sims", {"group_by": ["status"], "customer": "no such customer"}),
    ("find_sims", {"text": "tracker"}),
    ("find_sims", {"text": "alpenwerk"}),
    ("get_sim", {"sim": "healthy"}),
    ("get_sim", {"sim": "Tracker"}),
    ("get_sim_usage", {"sim": "healthy"}),
    ("get_sim_daily_usage", {"sim": "healthy"}),
    ("list_sim_events", {"sim": "healthy"}),
    ("diagnose_sim", {"sim": "quota_exhausted"}),
    ("diagnose_sim", {"sim": "operator_blocked"}),
    ("get_sim_timeline", {"sim": "roaming_spike"}),
    ("rank_sims_by_usage", {"customer": "13886"}),
    ("rank_sims_by_usage", {"customer": "no such customer"}),
    ("find_waste", {"customer": "13886"}),
    ("find_waste", {}),
    ("export_sims", {"customer": "no such customer"}),
    ("set_sim_status", {"status": "suspended", "sims": ["healthy"]}),
    ("set_sim_status", {"status": "suspended", "with_status": "activated", "customer": "13886"}),
    ("set_sim_status", {"status": "suspended", "with_status": "factory test", "customer": "13886"}),
    ("set_sim_status", {"status": "suspended", "sims": ["Tracker"]}),
    ("assign_sims", {"customer": "no such customer", "sims": ["healthy"]}),
    ("assign_sims", {"customer": "none", "sims": ["healthy"]}),
    ("assign_sims", {"reseller": "13886", "sims": ["healthy"]}),
    ("delete_sims", {"sims": ["healthy", "no_device"]}),
    ("delete_sims", {"customer": "13886"}),
]


@pytest.mark.parametrize(("tool", "arguments"), CALLS, ids=lambda value: str(value)[:50])
async def test_no_name_stands_outside_the_fence(fleet: Fleet, tool: str, arguments: dict[str, Any]) -> None:
    stories = {key: story["iccid"] for key, story in fleet.scenarios.items() if story.get("iccid")}
    named = {name: stories.get(value, value) if isinstance(value, str) else value for name, value in arguments.items()}
    if "sims" in named:
        named["sims"] = [stories.get(name, name) for name in named["sims"]]
    async with Client(build_server(fleet.settings(role="issuer"))) as client:
        text = text_of(await client.call_tool(tool, named))
    assert not [name for name in await names_in(fleet) if name in unfenced(text)]


async def test_a_change_that_was_made_names_organisations_inside_the_fence(fleet: Fleet) -> None:
    iccid = fleet.scenarios["healthy"]["iccid"]
    async with Client(build_server(fleet.settings(role="issuer", confirm="host"))) as client:
        text = text_of(await client.call_tool("assign_sims", {"sims": [iccid], "reseller": "Alpenwerk Devices"}))
    assert "Alpenwerk Devices" in text
    assert "Alpenwerk Devices" not in unfenced(text)
    assert text.count("<data-") == 1


@pytest.mark.parametrize("answer", [None, ElicitResult(action="decline")])
async def test_a_change_that_nobody_agreed_to_names_organisations_inside_the_fence(
    fleet: Fleet, answer: ElicitResult | None
) -> None:
    async def declining(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        del context, params
        assert answer is not None
        return answer

    arguments = {"sims": [fleet.scenarios["healthy"]["iccid"]], "reseller": "Alpenwerk Devices"}
    server = build_server(fleet.settings(role="issuer", approval_page=False))
    async with Client(server, elicitation_callback=declining if answer else None) as client:
        text = text_of(await client.call_tool("assign_sims", arguments))
    assert "Nothing changed" in text or "nothing changed" in text
    assert "Alpenwerk Devices" in text
    assert "Alpenwerk Devices" not in unfenced(text)


async def test_a_change_that_the_policy_forbids_names_organisations_inside_the_fence(fleet: Fleet) -> None:
    arguments = {"sims": [fleet.scenarios["healthy"]["iccid"]], "reseller": "Alpenwerk Devices"}
    never = fleet.state_dir / "never.toml"
    never.write_text('default = "never"')
    async with Client(build_server(fleet.settings(role="issuer"))) as client:
        plan = structured(await client.call_tool("assign_sims", arguments))["plan"]
    async with Client(build_server(fleet.settings(role="issuer", policy=never))) as client:
        for tool, given in (("assign_sims", arguments), ("continue_change", {"plan": plan})):
            text = text_of(await client.call_tool(tool, given))
            assert "policy" in text
            assert "Nothing changed" in text
            assert "Alpenwerk Devices" not in unfenced(text)


async def test_changes_to_choose_from_name_organisations_inside_the_fence(fleet: Fleet) -> None:
    async with Client(build_server(fleet.settings(role="issuer"))) as client:
        for story in ("healthy", "went_silent"):
            sims = [fleet.scenarios[story]["iccid"]]
            await client.call_tool("assign_sims", {"sims": sims, "reseller": "Alpenwerk Devices"})
        for text in (
            text_of(await client.call_tool("continue_change", {})),
            text_of(await client.call_tool("list_changes", {})),
        ):
            assert "Alpenwerk Devices" in text
            assert "Alpenwerk Devices" not in unfenced(text)


async def test_what_is_shown_of_a_name_finds_the_sim_again() -> None:
    async with fleet_of(SandboxSettings(sims=30)) as fleet:
        story = fleet.scenarios["healthy"]
        device = (await fleet.api("GET", f"/sim/{story['sim_id']}")).json()["endpoint"]
        name = f"\u2764{HIDDEN}  Pump 77"
        renamed = await fleet.api("PATCH", f"/endpoint/{device['id']}", role="enterprise", json={"name": name})
        assert renamed.is_success, renamed.text
        async with Client(build_server(fleet.settings())) as client:
            shown = structured(await client.call_tool("get_sim", {"sim": story["iccid"]}))["device"]
            again = structured(await client.call_tool("get_sim", {"sim": shown}))
            found = structured(await client.call_tool("find_sims", {"text": shown}))
    assert shown == "\u2764 Pump 77"
    assert again["iccid"] == story["iccid_with_luhn"]
    assert [row["iccid"] for row in found["sims"]] == [story["iccid_with_luhn"]]
