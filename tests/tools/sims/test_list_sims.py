"""A list counts honestly, filters as it says, and gives the next call."""

import json
import re
from typing import Any

import pytest
from mcp import Client

from tests.emnify.upstream import Reply, upstream_running
from tests.support import Fleet, structured, text_of
from tests.tools.checking import tokens
from tests.tools.sims.serving import server_on


async def test_a_page_of_25_sims_stays_under_its_budget_in_either_form(client: Client) -> None:
    result = await client.call_tool("list_sims", {})
    assert len(structured(result)["sims"]) == 25
    assert tokens(text_of(result)) < 1200
    assert tokens(json.dumps(structured(result), separators=(",", ":"))) < 1200


async def test_a_list_counts_honestly_and_gives_the_next_call(client: Client) -> None:
    seen: list[str] = []
    page = structured(await client.call_tool("list_sims", {"per_page": 20}))
    total = page["total"]
    while True:
        seen += [row["iccid"] for row in page["sims"]]
        if "next" not in page:
            break
        following = re.fullmatch(r"list_sims\(per_page=20, page=(\d+)\)", page["next"])
        assert following
        page = structured(await client.call_tool("list_sims", {"per_page": 20, "page": int(following[1])}))
    assert len(seen) == len(set(seen)) == total


async def test_past_the_last_page_nothing_is_repeated(client: Client) -> None:
    page = structured(await client.call_tool("list_sims", {"page": 99}))
    assert page["sims"] == []
    assert "past the last" in page["hint"]


@pytest.mark.parametrize(
    ("arguments", "holds"),
    [
        ({"status": "suspended"}, lambda row: row["status"] == "Suspended"),
        ({"status": "factory_test"}, lambda row: row["status"] == "Factory Test"),
        ({"has_device": False}, lambda row: "device" not in row),
        ({"has_device": True}, lambda row: row["device"]),
        ({"iccid": "89883030000047"}, lambda row: row["iccid"].startswith("89883030000047")),
        ({"device": "Solar inverter Basel"}, lambda row: row["device"].startswith("Solar inverter Basel")),
        ({"model": "DIM Industrial - 3FF", "detail": "full"}, lambda row: row["model"] == "DIM Industrial - 3FF"),
        ({"customer": "alpenwerk devices"}, lambda row: "customer" not in row),
        ({"sort": "-iccid"}, lambda row: row["iccid"]),
    ],
)
async def test_filters_do_what_they_say(client: Client, arguments: dict[str, Any], holds: Any) -> None:
    page = structured(await client.call_tool("list_sims", {"per_page": 40, **arguments}))
    assert page["sims"]
    assert all(holds(row) for row in page["sims"])
    if "sort" in arguments:
        iccids = [row["iccid"] for row in page["sims"]]
        assert iccids == sorted(iccids, reverse=True)


async def test_numbers_and_dates_filter_exactly(fleet: Fleet, client: Client) -> None:
    story = fleet.scenarios["euicc"]
    detail = structured(await client.call_tool("get_sim", {"sim": story["iccid"]}))
    for arguments in (
        {"imsi": story["imsi"]},
        {"msisdn": f"+{story['msisdn']}"},
        {"eid": story["eid"]},
        {"iccid": story["iccid_with_luhn"]},
        {"produced": detail["produced"], "iccid": story["iccid"]},
    ):
        page = structured(await client.call_tool("list_sims", arguments))
        assert [row["iccid"] for row in page["sims"]] == [story["iccid_with_luhn"]]


CHOICES: list[dict[str, Any]] = [{}, {"has_device": True}, {"has_device": False}]


async def test_with_and_without_device_add_up(client: Client) -> None:
    counts = [structured(await client.call_tool("list_sims", filters))["total"] for filters in CHOICES]
    assert counts[0] == counts[1] + counts[2]


async def test_an_empty_list_says_what_was_searched_and_the_likeliest_mistake(client: Client) -> None:
    page = structured(await client.call_tool("list_sims", {"iccid": "8988303000006000999", "status": "suspended"}))
    assert page["total"] == 0
    assert 'iccid="8988303000006000999"' in page["hint"]
    assert "digit" in page["hint"]


async def test_a_part_of_an_eid_as_long_as_an_iccid_is_no_iccid(client: Client) -> None:
    rows = structured(await client.call_tool("list_sims", {"detail": "full", "per_page": 40}))["sims"]
    part = next(row["eid"] for row in rows if "eid" in row)[:20]
    found = structured(await client.call_tool("list_sims", {"eid": part}))
    assert found["total"] == structured(await client.call_tool("find_sims", {"text": part}))["total"] > 0


async def test_a_page_past_the_last_is_told_where_emnify_tells_no_number_of_pages() -> None:
    async with upstream_running() as upstream, server_on(upstream) as client:
        upstream.script(Reply(json=[], headers={"X-Total-Count": "3"}))
        result = await client.call_tool("list_sims", {"page": 2})
    assert "3 SIMs on 1 pages match" in structured(result)["hint"]
