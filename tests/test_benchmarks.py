"""What keeps the measurements fair: the peer gets all that the sandbox has, and no wrong answer passes for right."""

import copy
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from mcp import Client

from benchmarks import questions
from benchmarks.calls import check_answered, parse_answer
from benchmarks.changes import check_suspended
from benchmarks.common import times
from benchmarks.exports import count_exported
from benchmarks.inventory import check_complete
from benchmarks.overhead import check_same_sims
from benchmarks.truth import truth_of
from sim_mcp.emnify import EmnifyClient
from sim_mcp.fleet.inventory.inventory import Inventory
from sim_mcp.sandbox import SandboxSettings, running
from tests.support import Fleet, structured

DESCRIPTION = Path(__file__).parents[1] / "benchmarks" / "emnify-openapi.yaml"


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(DESCRIPTION.read_text("utf-8"))
    return read


def operations(described: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
        if method != "parameters"
    }


def parts(value: Any) -> list[dict[str, Any]]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return ([value] if isinstance(value, dict) else []) + [part for each in inner for part in parts(each)]


async def test_the_peer_is_told_of_every_route_the_sandbox_has(described: dict[str, Any]) -> None:
    async with running(SandboxSettings(sims=40)) as world, httpx.AsyncClient(base_url=world.base_url) as http:
        routes = (await http.get("/sandbox")).json()["routes"]
    asked = {re.sub(r"\{\w+\}", "{}", route) for route in routes if "authenticate" not in route}
    assert {re.sub(r"\{\w+\}", "{}", name) for name in operations(described)} == asked


def test_the_peer_is_told_what_each_operation_does_and_answers(described: dict[str, Any]) -> None:
    for name, operation in operations(described).items():
        assert operation["operationId"], name
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["responses"], name


def test_the_description_has_no_holes(described: dict[str, Any]) -> None:
    for part in parts(described):
        assert None not in part.values(), part
        if "$ref" in part:
            found: Any = described
            for step in part["$ref"].removeprefix("#/").split("/"):
                found = found[step]


@pytest.mark.parametrize(
    ("ratio", "said"),
    [(0, "0.00 x"), (0.000912, "0.00091 x"), (0.0218, "0.022 x"), (0.5, "0.50 x"), (1.017, "1.02 x"), (248.3, "248 x")],
)
def test_ratios_are_told_with_two_digits_that_count(ratio: float, said: str) -> None:
    assert times(ratio) == said


def test_both_have_to_find_the_same_and_something() -> None:
    questions.agree("which?", {"a"}, {"a"})
    for ours, peer in (({"a"}, {"b"}), ({"a"}, {"a", "b"}), (set(), set()), ({}, {}), ("", "")):
        with pytest.raises(AssertionError, match=r"which\?"):
            questions.agree("which?", ours, peer)


@pytest.mark.parametrize(
    ("scenario", "is_quota"),
    [
        ("quota_exhausted", True),
        ("healthy", False),
        ("no_quota", False),
        ("quota_expired", False),
        ("wrong_apn", False),
    ],
)
async def test_a_diagnosis_counts_only_if_it_finds_the_cause(
    client: Client, fleet: Fleet, scenario: str, is_quota: bool
) -> None:
    sim = fleet.scenarios[scenario]
    diagnosis = structured(await client.call_tool("diagnose_sim", {"sim": sim["iccid"]}))
    assert (questions.diagnosed_cause(diagnosis) == "data quota used up") is is_quota
    if is_quota:
        quota = (await fleet.api("GET", f"/endpoint/{sim['device_id']}/quota/data", role="enterprise")).json()
        questions.agree("why?", questions.diagnosed_cause(diagnosis), questions.cause_by_quota(quota))
        diagnosis["findings"][0]["sure"] = "possible"
        assert questions.diagnosed_cause(diagnosis) != questions.cause_by_quota(quota)
        quota["status"]["description"] = "ACTIVE"
        assert questions.cause_by_quota(quota) != "data quota used up"


async def test_a_report_of_waste_has_to_add_up(client: Client) -> None:
    report = structured(await client.call_tool("find_waste", {}))
    found = questions.wasteful(report)
    assert set(found) >= {"no_device", "disabled_device"}
    for wrong in ({**report, "total": report["total"] + 1}, {**report, "groups": report["groups"][1:]}):
        with pytest.raises(AssertionError):
            questions.wasteful(wrong)


def test_days_are_compared_day_by_day() -> None:
    right = questions.daily_mb([("2026-11-16", 1.004), ("2026-11-17", "2.5")])
    assert right == {"2026-11-16": 1.0, "2026-11-17": 2.5}
    assert right != questions.daily_mb([("2026-11-16", 2.5), ("2026-11-17", 1.004)])
    assert right != questions.daily_mb([("2026-11-16", 1.004)])


async def test_a_timeline_has_to_hold_what_its_events_do(client: Client, fleet: Fleet) -> None:
    sim = fleet.scenarios["healthy"]
    start = f"{datetime.now(UTC) - timedelta(days=7):%Y-%m-%dT00:00:00Z}"
    timeline = structured(await client.call_tool("get_sim_timeline", {"sim": sim["iccid"], "start": start}))
    query = {"per_page": 1000, "q": f"from:{start},until:{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    answer = await fleet.api("GET", f"/sim/{sim['sim_id']}/event", role="enterprise", params=query)
    events = answer.raise_for_status().json()
    right = questions.condensed_by_hand(events)
    assert right["sessions"] > 1
    assert right["mb"] > 0
    questions.agree("what happened?", questions.condensed(timeline), right)
    silent = fleet.scenarios["went_silent"]["iccid"]
    another = structured(await client.call_tool("get_sim_timeline", {"sim": silent, "start": start}))
    assert questions.condensed(another) != right
    assert questions.condensed_by_hand(events[1:]) != right
    missing, wrong = copy.deepcopy(timeline), copy.deepcopy(timeline)
    missing["entries"] = [entry for entry in missing["entries"] if entry["what"] != "data session"]
    wrong["totals"]["data_mb"] += 1
    for broken in (missing, wrong):
        with pytest.raises(AssertionError):
            questions.condensed(broken)


def test_a_file_has_to_hold_the_rows_it_says_and_suspended_sims_alone() -> None:
    file = "iccid,status\n1,Suspended\n2,Suspended\n"
    assert questions.iccids_in(file, 2) == {"1", "2"}
    for broken, rows in ((file, 3), (file.replace("2,Suspended", "2,Activated"), 2), ("iccid,status\n", 2)):
        with pytest.raises(AssertionError):
            questions.iccids_in(broken, rows)


async def test_a_change_is_looked_for_in_the_sandbox_itself(fleet: Fleet) -> None:
    sim = fleet.scenarios["healthy"]
    assert questions.suspended_in(fleet.world, [sim["sim_id"]]) == 0
    with pytest.raises(AssertionError, match="1 SIMs are not suspended"):
        check_suspended(fleet.world, [sim["iccid"]])
    await fleet.api("PATCH", f"/sim/{sim['sim_id']}", role="enterprise", json={"status": {"id": 2}})
    assert questions.suspended_in(fleet.world, [sim["sim_id"]]) == 1
    check_suspended(fleet.world, [sim["iccid"]])


@pytest.mark.parametrize(
    "response",
    [
        {"result": {"content": [{"type": "text", "text": "no"}], "isError": True}},
        {"result": {"content": []}},
        {"error": {"code": -32602, "message": "no"}},
    ],
)
@pytest.mark.parametrize("as_event", [True, False])
def test_a_response_that_failed_is_no_answer(response: dict[str, Any], as_event: bool) -> None:
    for spaced in (json.dumps(response), json.dumps(response, separators=(",", ":"))):
        with pytest.raises(AssertionError):
            check_answered(f"event: message\ndata: {spaced}\n\n" if as_event else spaced)
    right = json.dumps({"result": {"content": [{"type": "text", "text": "yes"}], "isError": False}})
    check_answered(f"event: message\ndata: {right}\n\n" if as_event else right)
    told = json.dumps({"result": {"content": [{"type": "text", "text": "yes"}], "structuredContent": {"total": 1}}})
    assert parse_answer(told) == {"total": 1}


async def test_an_answer_to_the_crowd_has_to_be_what_the_sandbox_says(client: Client, fleet: Fleet) -> None:
    async with truth_of(fleet, 2) as truth:
        own, other = truth.iccids
        wrong: dict[str, dict[str, Any]] = {
            "get_sim": {"status": "Suspended"},
            "get_sim_usage": {"last_month": {"data_mb": 0.001}},
            "list_sims": {"sims": []},
            "summarize_sims": {"groups": [{"status": "Activated", "sims": 60}]},
            "find_sims": {"sims": [{"iccid": other}]},
        }
        for turn, (tool, changed) in enumerate(wrong.items()):
            asked, arguments = truth.question(turn, own)
            assert asked == tool
            answer = structured(await client.call_tool(tool, arguments))
            truth.check(tool, own, answer)
            with pytest.raises(AssertionError):
                truth.check(tool, own, {**answer, **changed})
        assert await truth.check_afterwards() == []
        truth.told_mb.append((own, 1e9))
        assert len(await truth.check_afterwards()) == 1


async def test_a_change_that_is_not_seen_at_once_is_wrong_unless_the_answer_says_how_old_it_is(fleet: Fleet) -> None:
    async with truth_of(fleet, 1) as truth:
        (own,), changed_at = truth.changing, datetime.now(UTC)
        before = {"iccid": own, "status": "Activated"}
        with pytest.raises(AssertionError, match="suspended, but Activated"):
            truth.check_changed(own, "suspended", changed_at, before)
        old = f"{changed_at - timedelta(minutes=5):%Y-%m-%dT%H:%MZ}"
        truth.check_changed(own, "suspended", changed_at, {**before, "known_as_of": old})
        assert await truth.check_afterwards() == [f"{own} is not suspended"]
        await fleet.api("PATCH", f"/sim/{truth.sims[own]['id']}", role="enterprise", json={"status": {"id": 2}})
        assert await truth.check_afterwards() == []


def test_both_calls_have_to_find_the_same_sims() -> None:
    bare = [{"iccid_with_luhn": "1"}, {"iccid_with_luhn": "2"}]
    check_same_sims({"sims": [{"iccid": "1"}, {"iccid": "2"}]}, bare)
    check_same_sims({"iccid": "1"}, bare[0])
    for answer, expected in (({"sims": []}, []), ({"sims": [{"iccid": "1"}]}, bare), ({"iccid": "2"}, bare[0])):
        with pytest.raises(AssertionError):
            check_same_sims(answer, expected)


def test_an_export_has_to_hold_each_sim_once(tmp_path: Path) -> None:
    file = tmp_path / "sims.csv"
    for ids, answered, total in (([1, 2, 2], 3, 3), ([1, 2], 3, 3), ([1, 2], 2, 3), ([], 0, 0)):
        file.write_text("id\n" + "".join(f"{number}\n" for number in ids))
        with pytest.raises(AssertionError):
            count_exported(file, answered, total)
    file.write_text("id\n1\n2\n")
    assert count_exported(file, 2, 2) == 2


async def test_an_inventory_has_to_be_whole(fleet: Fleet) -> None:
    settings = fleet.settings()
    assert settings.application_token is not None
    async with EmnifyClient(base_url=settings.base_url, application_token=settings.application_token) as emnify:
        total = (await emnify.list_sims(per_page=1)).total
        async with Inventory(emnify, fleet.state_dir) as inventory:
            snapshot = await inventory.snapshot()
            with pytest.raises(AssertionError, match="SIMs of"):
                check_complete(snapshot, (total or 0) + 1)
            with pytest.raises(AssertionError, match="a search found nothing"):  # for the fleet is a small one.
                check_complete(snapshot, total)
