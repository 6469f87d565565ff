"""A list counts honestly, filters as it says, and gives the next call."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from mcp import Client

from sim_mcp.sandbox import SandboxSettings
from sim_mcp.server.app import build_server
from tests.emnify.upstream import Reply, upstream_running
from tests.support import Fleet, fleet_of, structured, text_of
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


def iccids(answer: dict[str, Any]) -> list[str]:
    return [row["iccid"] for row in answer["sims"]]


@pytest.fixture(scope="module")
async def large() -> AsyncIterator[Fleet]:
    """Large enough for a reseller to have several customers, and stock without any; only read."""
    async with fleet_of(SandboxSettings(sims=400)) as made:
        yield made


async def test_a_resellers_stock_is_found_by_the_role_it_has(large: Fleet) -> None:
    async with Client(build_server(large.settings(role="reseller"))) as client:
        stock = structured(await client.call_tool("list_sims", {"reseller": 9100, "detail": "full", "per_page": 40}))
        assert stock["total"] == len(stock["sims"]) == 29
        assert {row["reseller"] for row in stock["sims"]} == {"Nordlicht IoT Vertrieb"}
        assert structured(await client.call_tool("list_sims", {"customer": "9100"}))["total"] == 0
        issued = structured(await client.call_tool("list_sims", {"issuer": "2", "reseller": "nordlicht iot vertrieb"}))
        assert issued["total"] == 29
        several = structured(await client.call_tool("list_sims", {"customer": ["13887", "13888"], "per_page": 40}))
        assert several["total"] == len(several["sims"]) == 19


@pytest.mark.parametrize("status", [None, ["issued", "activated", "suspended", "factory_test"]])
async def test_all_of_a_customer_is_said_of_all_that_match_and_not_of_a_page(
    large: Fleet, status: list[str] | None
) -> None:
    """The second asks the inventory, the first emnify itself."""
    more = {} if status is None else {"status": status}
    async with Client(build_server(large.settings(role="reseller"))) as client:
        page = await client.call_tool("list_sims", {"per_page": 3, "sort": "-customer", **more})
        assert {row["customer"] for row in structured(page)["sims"]} == {"Brisa Refrigeração"}
        assert "all of customer" not in text_of(page)
        assert "customer" not in structured(page)
        filtered = await client.call_tool("list_sims", {"per_page": 3, "customer": "13887", **more})
        assert "all of customer" in text_of(filtered)
    async with Client(build_server(large.settings())) as client:
        mine = await client.call_tool("list_sims", {"per_page": 3, **more})
        assert 'all of customer "Alpenwerk Devices"' in text_of(mine)
        assert structured(mine)["total"] > 3


@pytest.mark.parametrize("sort", [["status", "-iccid"], ["-status", "iccid"], ["activation_date", "-iccid"]])
async def test_a_list_is_sorted_by_several_keys(known: Fleet, sort: list[str]) -> None:
    async with Client(build_server(known.settings())) as client:
        found = structured(await client.call_tool("list_sims", {"sort": sort, "per_page": 40, "detail": "full"}))
        field = sort[0].removeprefix("-")

        def key(row: dict[str, Any]) -> Any:
            return STATUS_ORDER.index(row["status"]) if field == "status" else row.get("activated", "9999")

        rows = sorted(found["sims"], key=lambda row: row["iccid"], reverse=sort[1].startswith("-"))
        rows.sort(key=key, reverse=sort[0].startswith("-"))
        assert [row["iccid"] for row in rows] == iccids(found)
        following = structured(
            await client.call_tool("list_sims", {"sort": sort, "per_page": 40, "page": 2, "detail": "full"})
        )
        assert not set(iccids(following)) & set(iccids(found))


STATUS_ORDER = ["Issued", "Activated", "Suspended", "Deleted", "Factory Test"]
