"""A SIM is found by everything that names it, and its names are data."""

import re

import pytest
from mcp import Client

from tests.support import Fleet, structured, text_of
from tests.tools.asking import asked


async def test_a_sim_is_found_by_everything_that_names_it(fleet: Fleet, client: Client) -> None:
    story = fleet.scenarios["euicc"]
    printed = story["iccid_with_luhn"]
    names = [
        str(story["sim_id"]),
        story["iccid"],
        printed,
        " ".join(printed[i : i + 4] for i in range(0, 20, 4)),
        story["imsi"],
        story["msisdn"],
        f"+{story['msisdn']}",
        story["eid"],
        story["device_name"],
    ]
    for name in names:
        assert structured(await client.call_tool("get_sim", {"sim": name}))["id"] == story["sim_id"]


@pytest.mark.parametrize("story", ["injected_name", "injected_tags", "injected_control"])
async def test_text_of_customers_is_fenced_and_cannot_end_its_fence(fleet: Fleet, client: Client, story: str) -> None:
    text = text_of(await client.call_tool("get_sim", {"sim": fleet.scenarios[story]["iccid"]}))
    opening = re.search(r"^<(data-[0-9a-f]{8})>", text, re.MULTILINE)
    assert opening
    inside = text[opening.end() : text.index(f"</{opening[1]}>")]
    written = fleet.scenarios[story]["device_name"].split("\n")[0][:20]
    assert written in inside
    assert written not in text.replace(inside, "")
    assert not re.search(r"[\u0000-\u0009\u000b-\u001f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", text)


async def test_twins_are_listed_not_guessed(fleet: Fleet, client: Client) -> None:
    result = await client.call_tool("get_sim", {"sim": fleet.scenarios["twin_a"]["device_name"]})
    assert result.is_error
    assert all(fleet.scenarios[key]["iccid_with_luhn"] in text_of(result) for key in ("twin_a", "twin_b"))


async def test_the_imei_is_the_one_printed_on_the_device(known: Fleet, support: Client) -> None:
    found = structured(await asked(support, known, "get_sim", "healthy"))
    assert re.fullmatch(r"\d{15}", found["imei"])
