"""A question about one SIM takes the only one that fits, and says which; a change wants the exact one."""

import unicodedata
from typing import Any

import pytest
from mcp import Client

from tests.support import Fleet, structured, text_of
from tests.tools.asking import unfenced

READING = [
    "get_sim",
    "get_sim_usage",
    "get_sim_daily_usage",
    "get_sim_timeline",
    "list_sim_events",
    "diagnose_sim",
]
CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("set_sim_status", {"status": "suspended"}),
    ("assign_sims", {"customer": "none"}),
    ("delete_sims", {}),
]


async def rename(fleet: Fleet, story: str, name: str) -> dict[str, Any]:
    scenario = fleet.scenarios[story]
    await fleet.api("PATCH", f"/endpoint/{scenario['device_id']}", role="enterprise", json={"name": name})
    return scenario


@pytest.mark.parametrize("said", ["gdansk ELEVATOR", "Elevator Gda\u0144sk", "elev gda", "'gdansk 7 elev'"])
async def test_every_reading_tool_takes_the_only_one_that_fits_and_says_which(
    fleet: Fleet, client: Client, said: str
) -> None:
    story = await rename(fleet, "healthy", "Elevator 7 Gda\u0144sk")
    for tool in READING:
        result = await client.call_tool(tool, {"sim": said})
        answer = structured(result)
        assert answer["iccid"] == story["iccid_with_luhn"]
        took = f"Took SIM {story['iccid_with_luhn']}, the only one whose device contains"
        assert answer["hint"].startswith(took)
        assert text_of(result).startswith(f"[sandbox] {took}")
        assert "Gda\u0144sk" not in unfenced(text_of(result)).replace(said, "")


async def test_the_end_of_a_card_and_a_tag_are_enough_for_a_question(fleet: Fleet, client: Client) -> None:
    story = await rename(fleet, "healthy", "Elevator 7")
    await fleet.api("PATCH", f"/endpoint/{story['device_id']}", role="enterprise", json={"tags": "Wroc\u0142aw, lift"})
    card = story["iccid_with_luhn"]
    for said, field in (
        (card[6:], "name or number"),
        ("wroclaw", "tag"),
        (card[6:], "ICCID"),
        (f"ICCID: {card[5:19]}", "ICCID"),
    ):
        answer = structured(await client.call_tool("get_sim", {"sim": said}))
        assert (answer["iccid"], f"only one whose {field} contains" in answer["hint"]) == (card, True)


async def test_a_whole_name_or_number_needs_no_word_about_which_was_taken(fleet: Fleet, client: Client) -> None:
    story = await rename(fleet, "healthy", "Elevator 7")
    for said in (story["iccid"], str(story["sim_id"]), "elevator 7", f"ICCID: {story['iccid_with_luhn']}"):
        assert "hint" not in structured(await client.call_tool("get_sim", {"sim": said}))


async def test_several_that_fit_are_listed_and_none_is_taken(fleet: Fleet, client: Client) -> None:
    stories = [
        await rename(fleet, story, f"Elevator {number} Gda\u0144sk")
        for number, story in enumerate(("healthy", "went_silent"))
    ]
    refused = await client.call_tool("get_sim", {"sim": "gdansk elevator"})
    assert refused.is_error
    assert all(story["iccid_with_luhn"] in text_of(refused) for story in stories)


@pytest.mark.parametrize(("tool", "more"), CHANGES)
async def test_a_change_wants_the_exact_name_and_lists_what_may_be_meant(
    fleet: Fleet, client: Client, tool: str, more: dict[str, Any]
) -> None:
    story = await rename(fleet, "healthy", "Elevator 7 Gda\u0144sk")
    for said in ("gdansk elevator", "elevator 7 gdansk", "Elevator 7"):
        refused = await client.call_tool(tool, {"sims": [said], **more})
        assert refused.is_error
        assert story["iccid_with_luhn"] in text_of(refused)
        assert text_of(refused).endswith("Nothing changed.")


@pytest.mark.parametrize(
    ("name", "as_shown"),
    [
        ("Lift\u200b7  Gda\u0144sk", "Lift7 Gda\u0144sk"),
        ("Li\u00adft 7", "Lift 7"),
        ('Lift "7"\u00a0Gdan\u0301sk', "Lift '7' Gda\u0144sk"),
    ],
)
async def test_a_name_as_an_answer_shows_it_is_accepted_back_in_every_tool(
    fleet: Fleet, client: Client, name: str, as_shown: str
) -> None:
    story = await rename(fleet, "healthy", name)
    shown = structured(await client.call_tool("get_sim", {"sim": story["iccid"]}))["device"]
    assert unicodedata.normalize("NFC", shown.replace('"', "'")) == as_shown
    assert structured(await client.call_tool("list_sims", {"device": as_shown}))["total"] == 1
    for tool in READING:
        answer = structured(await client.call_tool(tool, {"sim": as_shown}))
        assert (answer["iccid"], "Took" in answer.get("hint", "")) == (story["iccid_with_luhn"], False)
    planned = await client.call_tool("set_sim_status", {"sims": [as_shown], "status": "suspended"})
    assert story["iccid_with_luhn"] in text_of(planned)


async def test_a_long_name_cut_by_an_answer_is_accepted_back(fleet: Fleet, client: Client) -> None:
    story = fleet.scenarios["injected_name"]
    row = structured(await client.call_tool("list_sims", {"iccid": story["iccid"]}))["sims"][0]
    assert row["device"].endswith("…")
    for tool, key in (("list_sims", "device"), ("find_sims", "text")):
        found = structured(await client.call_tool(tool, {key: row["device"]}))
        assert [each["iccid"] for each in found["sims"]] == [story["iccid_with_luhn"]]
    assert structured(await client.call_tool("get_sim", {"sim": row["device"]}))["iccid"] == story["iccid_with_luhn"]


async def test_a_pasted_column_is_as_many_sims_and_a_name_with_a_comma_one(fleet: Fleet, client: Client) -> None:
    named = await rename(fleet, "blocked", "Lift 7, Basel")
    cards = [fleet.scenarios[story]["iccid_with_luhn"] for story in ("healthy", "went_silent", "euicc")]
    for column in (
        "\n".join(cards),
        f"ICCID\n{','.join(cards)},\n\n",
        "\t".join(cards),
        f"{cards[0]};{cards[1]}\n{cards[2]}",
    ):
        planned = text_of(await client.call_tool("set_sim_status", {"sims": column, "status": "suspended"}))
        assert all(card in planned for card in cards)
    planned = text_of(await client.call_tool("set_sim_status", {"sims": ["Lift 7, Basel"], "status": "suspended"}))
    assert named["iccid_with_luhn"] in planned


async def test_a_mistyped_card_gets_its_near_neighbours_from_the_fleet_that_is_known(
    fleet: Fleet, client: Client
) -> None:
    card = fleet.scenarios["lookalike_b"]["iccid"]
    wrong = f"{card[:9]}{(int(card[9]) + 1) % 10}{card[10:]}"
    await client.call_tool("summarize_sims", {"group_by": ["status"]})
    for almost in (card[:18], card[1:]):
        refused = await client.call_tool("get_sim", {"sim": almost})
        assert refused.is_error
        assert "none was chosen" in text_of(refused)
    before = len(await fleet.requests())
    for tool, arguments in (("get_sim", {"sim": wrong}), ("set_sim_status", {"sims": [wrong], "status": "suspended"})):
        refused = await client.call_tool(tool, arguments)
        assert refused.is_error
        assert fleet.scenarios["lookalike_b"]["iccid_with_luhn"] in text_of(refused)
        assert "none was chosen" in text_of(refused)
    # One search each for the number, as a device's name, and for the neighbour itself.
    assert len(await fleet.requests()) - before <= 6


@pytest.mark.parametrize("said", ["alpenwerk", "devices ALPENWERK", "\u00c1lpenwerk devices"])
async def test_a_customer_goes_by_words_that_only_its_name_holds(client: Client, said: str) -> None:
    whole = structured(await client.call_tool("list_sims", {"customer": "Alpenwerk Devices"}))
    for more in ({}, {"status": ["activated", "suspended", "issued", "factory_test"]}):
        found = structured(await client.call_tool("list_sims", {"customer": said, **more}))
        assert found["total"] == whole["total"] > 0
    refused = await client.call_tool(
        "set_sim_status", {"status": "suspended", "customer": said, "with_status": "activated"}
    )
    assert refused.is_error
    assert "Alpenwerk Devices" in text_of(refused)


async def test_a_list_finds_devices_by_words_in_any_order_without_accents(fleet: Fleet, client: Client) -> None:
    story = await rename(fleet, "healthy", "Elevator 7 Z\u00fcrich \u0141\u00f3d\u017a K\u00f8ge Stra\u00dfe")
    for said in ("zurich elevator", "LODZ", "koge 7", "strasse Zu\u0308rich"):
        found = structured(await client.call_tool("list_sims", {"device": said}))
        assert story["iccid_with_luhn"] in [row["iccid"] for row in found["sims"]]
