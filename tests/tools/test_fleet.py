"""The tools about the whole fleet: counts that add up, whatever a person has found, lists that emnify cannot filter."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import bpe_openai
import jsonschema
import pytest
from mcp import Client
from mcp.server import MCPServer
from pydantic import SecretStr

from sim_mcp.emnify import EmnifyClient, Limits, SimStatus
from sim_mcp.fleet.inventory.inventory import Inventory
from sim_mcp.sandbox import SandboxSettings
from sim_mcp.server.app import build_server
from sim_mcp.settings import Settings
from sim_mcp.tools.context import AppState
from sim_mcp.tools.fleet import find_sims, summarize_sims
from sim_mcp.tools.listing import list_sims
from tests.emnify.upstream import Reply, Upstream, upstream_running
from tests.fleet.paged import Paged, paged
from tests.support import Fleet, facts, fleet_of, said

CALLS: list[tuple[str, dict[str, Any]]] = [
    ("summarize_sims", {"group_by": ["status"]}),
    ("summarize_sims", {"group_by": ["customer", "model"], "status": "activated", "top": 1}),
    ("summarize_sims", {"group_by": ["status"], "device": "nothing like this"}),
    ("find_sims", {"text": "8988 3030"}),
    ("find_sims", {"text": "nobody is called that"}),
    ("find_sims", {"text": "org2"}),
    ("list_sims", {"status": ["issued", "suspended"], "per_page": 2, "detail": "full"}),
    ("list_sims", {"activated_before": "2001-01-01"}),
]


@pytest.fixture
async def fleet() -> AsyncIterator[Fleet]:
    """A fleet whose dates stand still."""
    async with fleet_of(SandboxSettings(sims=80, clock=datetime(2026, 11, 22, 12, tzinfo=UTC))) as made:
        yield made


def tokens(text: str) -> int:
    return len(bpe_openai.get_encoding("o200k_base").encode(text))


@asynccontextmanager
async def server_on(upstream: Upstream) -> AsyncIterator[Client]:
    with TemporaryDirectory() as directory:
        settings = Settings(
            state_dir=Path(directory), base_url=upstream.base_url, application_token=SecretStr("x"), read_only=True
        )
        async with Client(build_server(settings)) as client:
            yield client


async def lists(fleet: Fleet) -> int:
    return len([request for request in await fleet.requests() if request["path"] == "/api/v1/sim"])


@pytest.mark.parametrize(("tool", "arguments"), CALLS)
async def test_either_form_of_an_answer_holds_every_fact(client: Client, tool: str, arguments: dict[str, Any]) -> None:
    schemas = {each.name: each.output_schema for each in (await client.list_tools()).tools}
    result = await client.call_tool(tool, arguments)
    structure, text = facts(result), said(result)
    jsonschema.validate(structure, schemas[tool] or {})
    for value in leaves(structure):
        assert str(value).replace('"', "'") in text.replace(",", "").replace('"', "'") or value in {1, 0}
    assert tokens(text) < 1500
    assert tokens(json.dumps(structure)) < 1500


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in leaves(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner)]
    return [value.replace(",", "") if isinstance(value, str) else value]


async def test_counts_by_status_are_emnifys_own(fleet: Fleet, client: Client) -> None:
    answer = facts(await client.call_tool("summarize_sims", {"group_by": ["status"]}))
    own = fleet.world.store.rows(
        "SELECT status, count(*) FROM sim WHERE customer = 13886 AND status <> 3 GROUP BY status"
    )
    assert {row["status"]: row["sims"] for row in answer["groups"]} == {
        SimStatus(int(str(status))).label: count for status, count in own
    }
    assert answer["total"] == answer["fleet"] == sum(row["sims"] for row in answer["groups"])


ALONE: list[tuple[str, str, dict[str, Any]]] = [
    ("summarize_sims", "group_by", {}),
    ("list_sims", "status", {}),
    ("list_sim_events", "type", {"sim": "8988303000006000000"}),
    ("export_sims", "sims", {}),
    ("set_sim_status", "sims", {"status": "suspended"}),
]


@pytest.mark.parametrize(("tool", "name", "others"), ALONE)
async def test_one_thing_alone_is_taken_for_a_list_of_it(
    fleet: Fleet, tool: str, name: str, others: dict[str, Any], tmp_path: Path
) -> None:
    one = {"group_by": "status", "status": "suspended", "type": "3", "sims": "8988303000006000000"}[name]
    settings = fleet.settings(export_dir=tmp_path, approval_wait_s=0)
    async with Client(build_server(settings)) as client:
        alone = await client.call_tool(tool, others | {name: one})
        listed = await client.call_tool(tool, others | {name: [one]})
    assert not alone.is_error, said(alone)
    assert facts(alone).get("total") == facts(listed).get("total")
    assert facts(alone).get("summary") == facts(listed).get("summary")


@pytest.mark.parametrize("top", [1, 2, 3, 20])
async def test_groups_not_shown_are_summed_as_other_and_one_call_away(client: Client, top: int) -> None:
    answer = facts(await client.call_tool("summarize_sims", {"group_by": ["activation_month", "model"], "top": top}))
    shown = sum(row["sims"] for row in answer["groups"])
    assert shown + answer.get("other", 0) == answer["total"]
    assert ("next" in answer) is ("other" in answer) is (answer.get("other_groups", 0) > 0)
    assert len(answer["groups"]) in {top, top + 1} or "other" not in answer


async def test_many_questions_are_answered_from_one_reading_and_fresh_insists(fleet: Fleet, client: Client) -> None:
    for tool, arguments in CALLS:
        facts(await client.call_tool(tool, arguments))
    assert await lists(fleet) == 1
    facts(await client.call_tool("summarize_sims", {"group_by": ["status"], "fresh": True}))
    assert await lists(fleet) == 2


async def test_a_text_is_found_in_any_field_with_the_field_that_matched(fleet: Fleet, client: Client) -> None:
    story = fleet.stories["euicc"]
    for text, matched, fit in (
        (story["iccid_with_luhn"][8:], "ICCID", "part"),
        (f"+{story['msisdn']}", f"MSISDN {story['msisdn']}", "exact"),
        (story["imsi"], f"IMSI {story['imsi']}", "exact"),
        (story["eid"][:-1], f"EID {story['eid']}", "prefix"),
        (story["device_name"].upper(), "device", "exact"),
    ):
        found = facts(await client.call_tool("find_sims", {"text": text}))
        first = found["sims"][0]
        assert (first["iccid"], first["matched"], first["fit"]) == (story["iccid_with_luhn"], matched, fit)
        assert found["fleet"] >= found["total"] >= len(found["sims"])


async def test_a_misread_card_is_recognised_by_its_check_digit(fleet: Fleet, client: Client) -> None:
    card = fleet.stories["healthy"]["iccid_with_luhn"]
    misread = f"{card[:-1]}{(int(card[-1]) + 1) % 10}"
    answer = facts(await client.call_tool("find_sims", {"text": misread}))
    assert answer["total"] == 0
    assert f"its last digit should be {card[-1]}" in answer["hint"]


async def test_more_than_are_shown_are_listed_by_the_call_that_is_offered(client: Client) -> None:
    found = facts(await client.call_tool("find_sims", {"text": "8988"}))
    assert len(found["sims"]) == 20
    assert found["next"] == 'list_sims(iccid="8988")'
    assert facts(await client.call_tool("list_sims", {"iccid": "8988"}))["total"] == found["total"]


async def test_what_is_kept_and_gets_damaged_under_a_running_server_is_told_with_what_to_do(fleet: Fleet) -> None:
    async with Client(build_server(fleet.settings())) as client:
        await client.call_tool("summarize_sims", {"group_by": "status"})
        await client.call_tool("rank_sims_by_usage", {"status": "suspended"})
        for kept in fleet.state_dir.rglob("*.sqlite3*"):
            kept.write_bytes(b"damaged")
        for tool, arguments in (
            ("summarize_sims", {"group_by": "status"}),
            ("list_sims", {"device": "a", "model": "b"}),
        ):
            result = await client.call_tool(tool, arguments)
            assert result.is_error
            assert "SIM_MCP_STATE_DIR" in said(result)


async def test_a_part_of_an_eid_as_long_as_an_iccid_is_no_iccid(client: Client) -> None:
    rows = facts(await client.call_tool("list_sims", {"detail": "full", "per_page": 40}))["sims"]
    part = next(row["eid"] for row in rows if "eid" in row)[:20]
    found = facts(await client.call_tool("list_sims", {"eid": part}))
    assert found["total"] == facts(await client.call_tool("find_sims", {"text": part}))["total"] > 0


@pytest.mark.parametrize("arguments", [{"device": "Pump 1, hall|B"}, {"model": "Classic, 3FF"}])
async def test_what_emnifys_filters_cannot_spell_is_looked_for_in_the_inventory(arguments: dict[str, str]) -> None:
    async with paged(7) as upstream, server_on(upstream) as client:
        upstream.sims[50] |= {
            "endpoint": {"id": 5, "name": "Pump 1, hall|B, left"},
            "model": {"description": "Classic, 3FF"},
        }
        result = await client.call_tool("list_sims", arguments)
        assert [row["iccid"][:19] for row in facts(result)["sims"]] == [upstream.sims[50]["iccid"]]
        assert "from the inventory as of" in said(result)


async def test_late_pages_of_sims_in_a_device_come_from_the_inventory(client: Client) -> None:
    early = await client.call_tool("list_sims", {"has_device": True, "per_page": 100, "page": 25})
    late = await client.call_tool("list_sims", {"has_device": True, "per_page": 100, "page": 26})
    assert "from the inventory" not in said(early)
    assert facts(late)["total"] == facts(early)["total"] > 0
    assert facts(late)["as_of"]


async def test_an_organisation_is_found_and_told_from_others_of_its_name_on_whatever_page_its_sims_are() -> None:
    async with paged(9) as upstream, server_on(upstream) as client:
        for number, sim in upstream.sims.items():
            third = (number - 10) // 30
            sim["customer_org"] = {"id": 100 + third, "name": ["Acme", "Beta", "ACME"][third]}
        late = await client.call_tool("list_sims", {"organisation": "beta"})
        twins = await client.call_tool("list_sims", {"organisation": "acme"})
        one = await client.call_tool("list_sims", {"organisation": "102"})
    assert facts(late)["total"] == 3
    assert twins.is_error
    assert '"Acme" (id 100), "ACME" (id 102)' in said(twins)
    assert not one.is_error


async def test_organisations_that_look_alike_are_told_apart_by_their_ids() -> None:
    names = ["Acme", "Acme ", "Ac\u200bme", "Beta", "Lang" * 30, "Lang" * 31]
    async with paged(len(names)) as upstream, server_on(upstream) as client:
        for place, sim in enumerate(upstream.sims.values()):
            sim["customer_org"] = {"id": 100 + place, "name": names[place]}
        counted = facts(await client.call_tool("summarize_sims", {"group_by": ["customer"]}))
    shown = {group["customer"] for group in counted["groups"]}
    assert shown >= {"Acme (id 100)", "Acme (id 101)", "Acme (id 102)", "Beta"}
    assert len(shown) == len(names)
    assert {name[-8:] for name in shown if name.startswith("Lang")} == {"(id 104)", "(id 105)"}


async def test_a_page_past_the_last_is_told_where_emnify_tells_no_number_of_pages() -> None:
    async with upstream_running() as upstream, server_on(upstream) as client:
        upstream.script(Reply(json=[], headers={"X-Total-Count": "3"}))
        result = await client.call_tool("list_sims", {"page": 2})
    assert "3 SIMs on 1 pages match" in facts(result)["hint"]


async def test_names_that_customers_write_are_fenced_and_cannot_close_the_fence(fleet: Fleet, client: Client) -> None:
    name = fleet.stories["injected_name"]["device_name"]
    text = said(await client.call_tool("find_sims", {"text": name}))
    fence = text[text.index("<data-") + 1 : text.index(">")]
    assert text.index(name[:20]) > text.index(fence)
    assert text.rindex(name[:20]) < text.index(f"</{fence}>")


@pytest.mark.parametrize(
    "arguments",
    [
        {"status": ["issued", "suspended"]},
        {"activated_before": "2026-06-15", "sort": "production_date", "descending": True},
        {"activated_after": "2026-05-01", "status": "suspended"},
        {"device": "meter", "organisation": "Alpenwerk Devices"},
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
        answer = facts(result)
        assert f"from the inventory as of {answer['as_of']}" in said(result)
        found += [row["iccid"] for row in answer["sims"]]
        page += 1
        if "next" not in answer:
            break
        assert f"page={page}" in answer["next"]
    assert len(found) == len(set(found)) == answer["total"] > 0
    everything = facts(await client.call_tool("list_sims", {"per_page": 40, "detail": "full", "page": 1}))["sims"]
    everything += facts(await client.call_tool("list_sims", {"per_page": 40, "detail": "full", "page": 2}))["sims"]
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


async def test_a_row_from_the_inventory_is_the_row_from_emnify(client: Client) -> None:
    live = facts(await client.call_tool("list_sims", {"detail": "full", "per_page": 40}))
    kept = facts(
        await client.call_tool("list_sims", {"detail": "full", "per_page": 40, "status": ["activated", "suspended"]})
    )
    rows = {row["iccid"]: row for row in live["sims"]}
    assert all(rows[row["iccid"]] == row for row in kept["sims"] if row["iccid"] in rows)


async def test_our_own_changes_show_in_the_counts_at_once(fleet: Fleet) -> None:
    async with Client(build_server(fleet.settings(policy=fleet.trusting()))) as client:

        async def counted() -> dict[str, int]:
            answer = facts(await client.call_tool("summarize_sims", {"group_by": ["status"]}))
            return {row["status"]: row["sims"] for row in answer["groups"]}

        before = await counted()
        sim = fleet.stories["healthy"]["iccid"]
        facts(await client.call_tool("set_sim_status", {"sims": [sim], "status": "suspended"}))
        facts(await client.call_tool("delete_sims", {"sims": [fleet.stories["no_device"]["iccid"]]}))
        after = await counted()
        assert after["Suspended"] == before["Suspended"] + 1
        assert sum(after.values()) == sum(before.values()) - 1
        answer = facts(await client.call_tool("find_sims", {"text": sim}))
        assert answer["sims"][0]["status"] == "Suspended"
        batch = fleet.stories["batch_registrable"]["bic"]
        facts(await client.call_tool("register_sim_batch", {"bic": batch, "status": "issued"}))
        assert sum((await counted()).values()) > sum(after.values())


@pytest.mark.parametrize(
    ("tool", "arguments", "again"),
    [
        ("summarize_sims", {"group_by": ["status"], "top": 5}, 'summarize_sims(group_by=["status"], top=5)'),
        ("find_sims", {"text": "8988"}, 'find_sims(text="8988")'),
        ("list_sims", {"status": ["issued", "activated"]}, 'list_sims(status=["issued", "activated"])'),
    ],
)
async def test_a_fleet_too_large_for_one_call_is_read_on_and_the_same_call_picks_it_up(
    tmp_path: Path, tool: str, arguments: dict[str, Any], again: str
) -> None:
    async with paged(7) as upstream, Client(impatient_server(upstream, tmp_path)) as client:
        upstream.held = asyncio.Event()
        result = await client.call_tool(tool, arguments)
        answer = facts(result)
        assert "total" not in answer
        assert "goes on in the background" in answer["hint"]
        assert answer["next"] == again
        assert said(result) == f"{answer['hint']}\nNext: {again}"
        upstream.held.set()
        while "total" not in answer:
            answer = facts(await client.call_tool(tool, arguments))
        assert answer["total"] == 7
        assert sorted(upstream.pages_asked) == [1, 2, 3]


def impatient_server(upstream: Paged, directory: Path) -> MCPServer[AppState]:
    """A server whose calls do not wait for the fleet to be read."""

    @asynccontextmanager
    async def lifespan(_: MCPServer[AppState]) -> AsyncIterator[AppState]:
        async with (
            EmnifyClient(base_url=upstream.base_url, application_token="x", limits=Limits()) as emnify,
            Inventory(emnify, directory, wait_s=0) as inventory,
        ):
            yield AppState(Settings(), emnify, None, inventory)

    server = MCPServer[AppState]("impatient", lifespan=lifespan)
    for function in (summarize_sims, find_sims, list_sims):
        server.add_tool(function)
    return server
