"""Whatever part of a number or name a person has, the SIM is found."""

from mcp import Client

from tests.support import Fleet, structured, text_of


async def test_a_text_is_found_in_any_field_with_the_field_that_matched(fleet: Fleet, client: Client) -> None:
    story = fleet.scenarios["euicc"]
    for text, matched, fit in (
        (story["iccid_with_luhn"][8:], "ICCID", "part"),
        (f"+{story['msisdn']}", f"MSISDN {story['msisdn']}", "exact"),
        (story["imsi"], f"IMSI {story['imsi']}", "exact"),
        (story["eid"][:-1], f"EID {story['eid']}", "prefix"),
        (story["device_name"].upper(), "device", "exact"),
    ):
        found = structured(await client.call_tool("find_sims", {"text": text}))
        first = found["sims"][0]
        assert (first["iccid"], first["matched"], first["fit"]) == (story["iccid_with_luhn"], matched, fit)
        assert found["fleet"] >= found["total"] >= len(found["sims"])


async def test_a_misread_card_is_recognised_by_its_check_digit(fleet: Fleet, client: Client) -> None:
    card = fleet.scenarios["healthy"]["iccid_with_luhn"]
    misread = f"{card[:-1]}{(int(card[-1]) + 1) % 10}"
    answer = structured(await client.call_tool("find_sims", {"text": misread}))
    assert answer["total"] == 0
    assert f"its last digit should be {card[-1]}" in answer["hint"]


async def test_more_than_are_shown_are_listed_by_the_call_that_is_offered(client: Client) -> None:
    found = structured(await client.call_tool("find_sims", {"text": "8988"}))
    assert len(found["sims"]) == 20
    assert found["next"] == 'list_sims(iccid="8988")'
    assert structured(await client.call_tool("list_sims", {"iccid": "8988"}))["total"] == found["total"]


async def test_names_that_customers_write_are_fenced_and_cannot_close_the_fence(fleet: Fleet, client: Client) -> None:
    name = fleet.scenarios["injected_name"]["device_name"]
    text = text_of(await client.call_tool("find_sims", {"text": name}))
    fence = text[text.index("<data-") + 1 : text.index(">")]
    assert text.index(name[:20]) > text.index(fence)
    assert text.rindex(name[:20]) < text.index(f"</{fence}>")
