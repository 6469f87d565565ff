"""Whatever part of a number or name a person has, the SIM is found."""

from mcp import Client

from tests.support import Fleet, structured, text_of


async def test_a_text_is_found_in_any_field_with_the_field_that_matched(fleet: Fleet, client: Client) -> None:
    story = fleet.scenarios["euicc"]
    for text, matched, fit in (
        (story["iccid_with_luhn"][8:], "ICCID", "part"),
        (f"+{story['msisdn']}", f"MSISDN {story['msisdn']}", "exact"),
        (story["imsi"], f"IMSI {story['imsi']}", "exact"),
        (story["eid"][:-1], f"EID {story['eid']}", "beginning"),
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
    assert "none was chosen" in answer["hint"]
    assert (card, "near") in [(row["iccid"], row["fit"]) for row in answer["sims"]]


async def test_a_sim_is_found_by_words_tag_imei_address_and_device_id(fleet: Fleet, client: Client) -> None:
    story = fleet.scenarios["healthy"]
    sim = structured(await client.call_tool("get_sim", {"sim": story["iccid"]}))
    renamed = {"name": "Elevator 7, Gda\u0144sk", "tags": "Lift, north"}
    await fleet.api("PATCH", f"/endpoint/{story['device_id']}", role="enterprise", json=renamed)
    for text, matched, fit in (
        ("gdansk elevator", "device", "part"),
        ("ELEVATOR 7, GDANSK", "device", "exact"),
        ("elev", "device", "beginning"),
        ("north lift", "tag Lift, north", "part"),
        ("NORTH", "tag Lift, north", "exact"),
        (sim["imei"], f"IMEI {sim['imei']}", "exact"),
        (f"IMEI: {sim['imei'][:14]}", f"IMEI {sim['imei']}", "exact"),
        (sim["imei"][3:12], f"IMEI {sim['imei']}", "part"),
        (sim["ip"], f"IP address {sim['ip']}", "exact"),
        (str(story["device_id"]), f"device id {story['device_id']}", "exact"),
    ):
        found = structured(await client.call_tool("find_sims", {"text": text}))
        hits = {row["iccid"]: (row["matched"], row["fit"]) for row in found["sims"]}
        assert hits[sim["iccid"]] == (matched, fit)


async def test_a_number_that_does_not_exist_gets_those_near_it(fleet: Fleet, client: Client) -> None:
    story = fleet.scenarios["healthy"]
    for field in ("iccid", "imsi", "msisdn"):
        number = story[field]
        for wrong in (
            number[:-3] + str((int(number[-3]) + 5) % 10) + number[-2:],
            number[:-1],
            f"{number[:9]}{number[8:]}",
        ):
            answer = structured(await client.call_tool("find_sims", {"text": wrong}))
            hits = {row["iccid"]: row for row in answer["sims"]}
            if not answer["total"]:
                assert "none was chosen" in answer["hint"]
                assert hits[story["iccid_with_luhn"]]["fit"] == "near"
                assert hits[story["iccid_with_luhn"]]["matched"].split()[0] == field.upper()
            else:
                assert wrong in number


async def test_an_ip_address_is_no_row_of_digits(client: Client) -> None:
    for text in ("10.0.0.0", "10.255.255.255"):
        assert structured(await client.call_tool("find_sims", {"text": text}))["total"] == 0
    beginning = structured(await client.call_tool("find_sims", {"text": "10.128."}))
    assert {(row["matched"][:15], row["fit"]) for row in beginning["sims"]} == {("IP address 10.1", "beginning")}


async def test_a_hint_fits_what_was_looked_for(client: Client) -> None:
    for text, hint in (
        ("nobody", "Try fewer words"),
        ("999999999", "Compare the digits"),
        ("898830300000999999", "one fewer than an ICCID"),
    ):
        assert hint in structured(await client.call_tool("find_sims", {"text": text}))["hint"]


async def test_digits_that_a_spreadsheet_lost_are_refused_with_the_reason(client: Client) -> None:
    refused = await client.call_tool("find_sims", {"text": "8.98830E+18"})
    assert refused.is_error
    assert "the others are lost" in text_of(refused)


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
