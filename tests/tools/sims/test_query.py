"""What emnify's filters cannot say is answered from the inventory, and says so."""

from typing import Any

import pytest
from mcp import Client

from tests.fleet.paged import paged
from tests.support import Fleet, structured, text_of
from tests.tools.sims.serving import server_on


@pytest.mark.parametrize("arguments", [{"device": "Pump 1, hall|B"}, {"model": "Classic, 3FF"}])
async def test_what_emnifys_filters_cannot_spell_is_looked_for_in_the_inventory(arguments: dict[str, str]) -> None:
    async with paged(7) as upstream, server_on(upstream) as client:
        upstream.sims[50] |= {
            "endpoint": {"id": 5, "name": "Pump 1, hall|B, left"},
            "model": {"description": "Classic, 3FF"},
        }
        result = await client.call_tool("list_sims", arguments)
        assert [row["iccid"][:19] for row in structured(result)["sims"]] == [upstream.sims[50]["iccid"]]
        assert "from the inventory as of" in text_of(result)


async def test_late_pages_of_sims_in_a_device_come_from_the_inventory(client: Client) -> None:
    early = await client.call_tool("list_sims", {"has_device": True, "per_page": 100, "page": 25})
    late = await client.call_tool("list_sims", {"has_device": True, "per_page": 100, "page": 26})
    assert "from the inventory" not in text_of(early)
    assert structured(late)["total"] == structured(early)["total"] > 0
    assert structured(late)["as_of"]


async def test_an_organisation_is_found_and_told_from_others_of_its_name_on_whatever_page_its_sims_are() -> None:
    async with paged(9) as upstream, server_on(upstream) as client:
        for number, sim in upstream.sims.items():
            third = (number - 10) // 30
            sim["customer_org"] = {"id": 100 + third, "name": ["Acme", "Beta", "ACME"][third]}
        late = await client.call_tool("list_sims", {"customer": "beta"})
        twins = await client.call_tool("list_sims", {"customer": "acme"})
        one = await client.call_tool("list_sims", {"customer": "102"})
    assert structured(late)["total"] == 3
    assert twins.is_error
    assert '"Acme" (id 100), "ACME" (id 102)' in text_of(twins)
    assert not one.is_error


@pytest.mark.parametrize(
    "arguments",
    [
        {"status": ["issued", "suspended"]},
        {"activated_before": "2026-06-15", "sort": "-production_date"},
        {"activated_after": "2026-05-01", "status": "suspended"},
        {"device": "meter", "customer": "Alpenwerk Devices"},
        {"device": "meter", "sort": "iccid"},
        {"device": "meter", "msisdn": "+4236", "status": ["activated", "factory_test"]},
    ],
)
async def test_what_emnify_cannot_filter_by_is_listed_from_the_inventory_and_says_so(
    fleet: Fleet, client: Client, arguments: dict[str, Any]
) -> None:
    found: list[str] = []
    page = 1
    while True:
        result = await client.call_tool("list_sims", arguments | {"page": page, "per_page": 10, "detail": "full"})
        answer = structured(result)
        assert f"from the inventory as of {answer['as_of']}" in text_of(result)
        found += [row["iccid"] for row in answer["sims"]]
        page += 1
        if "next" not in answer:
            break
        assert f"page={page}" in answer["next"]
    assert len(found) == len(set(found)) == answer["total"] > 0
    everything = structured(await client.call_tool("list_sims", {"per_page": 40, "detail": "full", "page": 1}))["sims"]
    everything += structured(await client.call_tool("list_sims", {"per_page": 40, "detail": "full", "page": 2}))["sims"]
    assert set(found) == {row["iccid"] for row in everything if fits(row, arguments)}
    assert {request["method"] for request in await fleet.requests()} == {"GET"}


def fits(row: dict[str, Any], arguments: dict[str, Any]) -> bool:
    status = arguments.get("status", [row["status"].lower().replace(" ", "_")])
    activated = row.get("activated", "")
    return (
        row["status"].lower().replace(" ", "_") in ([status] if isinstance(status, str) else status)
        and ("activated_before" not in arguments or "" < activated < arguments["activated_before"])
        and ("activated_after" not in arguments or activated > arguments["activated_after"])
        and arguments.get("device", "") in row.get("device", "").casefold()
    )
