"""The record comes first: limits, policy, once-only, killed processes, and the tale of it all."""

import csv
import io
import json
import resource
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult, TextResourceContents

from sim_mcp.changes.item import PlannedItem
from sim_mcp.changes.kinds.delete import Delete
from sim_mcp.changes.kinds.kind import fingerprint
from sim_mcp.changes.kinds.status import SetStatus
from sim_mcp.changes.outcome import Outcome
from sim_mcp.changes.plan import Plan
from sim_mcp.changes.policy.rules import PolicyError, read_policy
from sim_mcp.changes.record.audit import audit
from sim_mcp.changes.record.entries import Caller
from sim_mcp.changes.record.journal import Journal
from sim_mcp.changes.record.place import Place, open_record
from sim_mcp.changes.record.quota import Quota
from sim_mcp.emnify import Sim, SimStatus
from sim_mcp.fleet.lookup.sims_by_id import FEW
from sim_mcp.sandbox import SandboxSettings
from sim_mcp.server.app import build_server
from sim_mcp.settings import Confirm
from tests.processes.test_commands import run_on
from tests.processes.test_serving import environment, server_process
from tests.support import Fleet, fleet_of, structured, text_of, with_key

CALLER = Caller("this machine", "a test")


def plan_of(number: int = 2) -> Plan:
    items = tuple(
        PlannedItem(
            sim_id=n, iccid=str(n), before="Issued", after="Deleted", verdict="change", reason="gone", fingerprint="[]"
        )
        for n in range(1, number + 1)
    )
    return Plan(tool="delete_sims", change=Delete(), items=items)


def test_a_plan_is_decided_once_and_each_item_sent_and_settled_once(place: Place) -> None:
    journal, other = Journal(place), Journal(place)
    stored = journal.keep(plan_of(), CALLER)
    assert other.keep(plan_of(), CALLER).id == stored.id
    assert journal.keep(plan_of(), Caller("this machine", "another client")).id != stored.id
    assert journal.decide(stored.id, approved=True, how="form")
    assert not other.decide(stored.id, approved=True, how="page")
    assert journal.intend(stored.id, 0, "x", quotas=[Quota(9)]) == "now"
    assert other.intend(stored.id, 0, "x", quotas=[Quota(9)]) == "before"
    journal.settle(stored.id, {0: Outcome("changed", "a", "b", "first")})
    other.settle(stored.id, {0: Outcome("failed", "a", "a", "second")})
    known = other.progress(stored.id)
    assert known.sent == {0}
    assert known.settled == {0: Outcome("changed", "a", "b", "first")}


def test_a_plan_lapses_and_cannot_be_decided_then(place: Place) -> None:
    clock = [datetime(2026, 3, 15, tzinfo=UTC)]
    journal = Journal(place, now=lambda: clock[0])
    stored = journal.keep(plan_of(), CALLER)
    clock[0] += timedelta(minutes=15)
    found = journal.plan(stored.id)
    assert found is not None
    assert found.state == "expired"
    assert not journal.decide(stored.id, approved=True, how="form")
    assert journal.keep(plan_of(), CALLER).id != stored.id


def test_an_approval_nobody_acted_on_lapses_but_a_change_once_begun_may_be_finished(place: Place) -> None:
    clock = [datetime(2026, 3, 15, tzinfo=UTC)]
    journal = Journal(place, now=lambda: clock[0])
    idle, begun = (journal.keep(plan_of(number), CALLER).id for number in (1, 2))
    for plan_id in (idle, begun):
        clock[0] += timedelta(minutes=7)
        assert journal.decide(plan_id, approved=True, how="page")
    journal.intend(begun, 0, "x", quotas=[Quota(9)])
    clock[0] += timedelta(minutes=15)
    assert [found.state for plan_id in (idle, begun) if (found := journal.plan(plan_id))] == ["expired", "approved"]


def test_the_record_cannot_be_rewritten(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.keep(plan_of(), CALLER)
    with closing(sqlite3.connect(tmp_path / "journal.sqlite3")) as db:
        for statement in ("UPDATE entries SET body = '{}'", "DELETE FROM entries", "UPDATE items SET body = '{}'"):
            with pytest.raises(sqlite3.IntegrityError, match="only ever appended"):
                db.execute(statement)


def test_the_file_itself_refuses_what_may_be_there_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    plan = journal.keep(plan_of(), CALLER)
    journal.decide(plan.id, approved=True, how="form")
    journal.intend(plan.id, 0, "x", quotas=[Quota(9)])
    journal.settle(plan.id, {0: Outcome("changed", "a", "b", "first")})
    columns = "at, kind, plan, item, body"
    insert = f"INSERT INTO entries ({columns}) SELECT {columns} FROM entries WHERE kind = ?"  # noqa: S608  # our own.
    with closing(sqlite3.connect(tmp_path / "journal.sqlite3")) as db:
        for kind in ("planned", "decided", "intent", "outcome"):
            with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
                db.execute(insert, (kind,))
        with pytest.raises(sqlite3.IntegrityError, match="agreed to stays"):
            db.execute("DELETE FROM items")


async def test_without_a_place_for_the_record_nothing_is_even_planned(fleet: Fleet, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    settings = fleet.settings(confirm=Confirm.HOST).model_copy(update={"state_dir": missing})
    async with Client(build_server(settings)) as client:
        result = await client.call_tool("delete_sims", {"sims": [fleet.scenarios["no_device"]["iccid"]]})
        assert result.is_error
        assert str(missing) in text_of(result)
        assert "SIM_MCP_STATE_DIR" in text_of(result)
        assert await fleet.requests() == []
        assert structured(await client.call_tool("list_sims", {}))["total"]


async def test_a_truncated_record_is_reported_and_stops_every_write(fleet: Fleet) -> None:
    settings = fleet.settings(confirm=Confirm.HOST)
    async with Client(build_server(settings)) as client:
        await client.call_tool("set_sim_status", {"sims": [fleet.scenarios["healthy"]["iccid"]], "status": "suspended"})
    file = fleet.state_dir / "journal.sqlite3"
    file.write_bytes(file.read_bytes()[:-5000])
    written = len(await fleet.writes())
    async with Client(build_server(settings)) as client:
        result = await client.call_tool("delete_sims", {"sims": [fleet.scenarios["no_device"]["iccid"]]})
        assert result.is_error
        assert "may be changed" in text_of(result)
        with pytest.raises(MCPError, match="cannot be read"):
            await client.read_resource("audit://changes")
    assert "cannot be read" in (await run_on(fleet, "audit")).stderr
    assert len(await fleet.writes()) == written


async def test_a_full_disk_in_the_middle_stops_the_writes_and_is_reported(fleet: Fleet) -> None:
    """The room is taken from the running server, so what it meets is the operating system's own refusal."""
    await fleet.faults("latency=0.05@PATCH")
    results: list[CallToolResult] = []
    env = environment(fleet, SIM_MCP_CONFIRM="host")
    async with server_process([], env) as (address, pid), Client(with_key(address, env)) as client:

        async def suspend() -> None:
            arguments = {"status": "suspended", "with_status": "activated"}
            results.append(await client.call_tool("set_sim_status", arguments))

        async with anyio.create_task_group() as group:
            group.start_soon(suspend)
            while len(await fleet.writes()) < 3:  # noqa: ASYNC110  # the sandbox tells nobody.
                await anyio.sleep(0.01)
            sizes = [file.stat().st_size for file in fleet.state_dir.glob("journal*")]
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (max(sizes), resource.RLIM_INFINITY))
        assert results[0].is_error
        assert "cannot be written" in text_of(results[0])
        assert "continue_change" in text_of(results[0])
        before = len(await fleet.writes())
        refused = await client.call_tool("delete_sims", {"sims": [fleet.scenarios["no_device"]["iccid"]]})
        assert "cannot be written" in text_of(refused)
        assert len(await fleet.writes()) == before
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        plan = text_of(results[0]).split('continue_change(plan="')[1][:8]
        done = structured(await client.call_tool("continue_change", {"plan": plan}))
    assert set(done["counts"]) <= {"changed", "already", "refused"}
    paths = [write["path"] for write in await fleet.writes()]
    assert len(paths) == len(set(paths)) == done["counts"]["changed"]


async def test_a_record_that_cannot_be_written_stops_every_write(fleet: Fleet) -> None:
    (fleet.state_dir / "journal.sqlite3").write_bytes(b"this is no database, whatever its name says" * 100)
    async with Client(build_server(fleet.settings(confirm=Confirm.HOST))) as client:
        result = await client.call_tool("delete_sims", {"sims": [fleet.scenarios["no_device"]["iccid"]]})
    assert result.is_error
    assert "may be changed" in text_of(result)
    assert await fleet.writes() == []


POLICY = """
default = "ask"
[[rule]]
tool = "set_sim_status"
status = "suspended"
max_sims = 2
decision = "allow"
[[rule]]
status = "activated"
decision = "never"
[[rule]]
decision = "allow"
max_sims = 1
"""


@pytest.mark.parametrize(
    ("tool", "stories", "status", "outcome"),
    [
        ("set_sim_status", ["healthy", "went_silent"], "suspended", "done"),
        ("set_sim_status", ["healthy", "went_silent", "euicc"], "suspended", "waiting for approval"),
        ("set_sim_status", ["suspended"], "activated", "forbidden"),
        ("delete_sims", ["no_device"], None, "waiting for approval"),
    ],
)
async def test_the_operators_rules_decide_by_tool_status_and_count(
    fleet: Fleet, tmp_path: Path, tool: str, stories: list[str], status: str | None, outcome: str
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(POLICY)
    arguments: dict[str, Any] = {"sims": [fleet.scenarios[story]["iccid"] for story in stories]}
    if status:
        arguments["status"] = status
    async with Client(build_server(fleet.settings(policy=file))) as client:
        result = await client.call_tool(tool, arguments)
    if outcome == "forbidden":
        assert "policy" in text_of(result)
    else:
        assert structured(result)["state"] == outcome
    assert len(await fleet.writes()) == (len(stories) if outcome == "done" else 0)


def suspending(number: int) -> Plan:
    plan = plan_of(number)
    return plan.model_copy(update={"tool": "set_sim_status", "change": SetStatus(target=SimStatus.SUSPENDED)})


@pytest.mark.parametrize(
    ("rule", "suspends_two", "deletes_two"),
    [
        ('tool = "set_sim_status"', "allow", "ask"),
        ('tool = "delete_sims"', "ask", "allow"),
        ('status = "suspended"', "allow", "ask"),
        ('status = "activated"', "ask", "ask"),
        ("max_sims = 2", "allow", "ask"),
        ("max_sims = 1", "ask", "ask"),
        ("", "allow", "ask"),
    ],
)
def test_a_rule_fits_by_each_of_its_words_and_allows_deleting_only_by_name(
    tmp_path: Path, rule: str, suspends_two: str, deletes_two: str
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(f'[[rule]]\ndecision = "allow"\n{rule}\n')
    policy = read_policy(file, Confirm.ASK)
    assert [policy.decide(plan) for plan in (suspending(2), plan_of(2))] == [suspends_two, deletes_two]


@pytest.mark.parametrize(
    "text",
    ["rule = 5", "[[rule]]\ndecision = 'maybe'", "[[rule]]\ndecision = 'allow'\ntools = 'delete_sims'", "not toml ["],
)
def test_a_policy_that_cannot_be_read_is_an_error_not_a_silence(tmp_path: Path, text: str) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(text)
    with pytest.raises(PolicyError, match=r"policy\.toml"):
        read_policy(file, Confirm.ASK)
    with pytest.raises(PolicyError, match="cannot be read"):
        read_policy(tmp_path / "missing", Confirm.ASK)


async def test_limits_per_change_and_per_hour_are_kept(fleet: Fleet) -> None:
    sims = [fleet.scenarios[story]["iccid"] for story in ("healthy", "went_silent", "euicc")]
    small = fleet.settings(confirm=Confirm.HOST, max_sims_per_change=2)
    async with Client(build_server(small)) as client:
        result = await client.call_tool("set_sim_status", {"sims": sims, "status": "suspended"})
        assert "SIM_MCP_MAX_SIMS_PER_CHANGE" in text_of(result)
    assert await fleet.writes() == []
    hourly = fleet.settings(confirm=Confirm.HOST, max_sims_per_hour=2)
    async with Client(build_server(hourly)) as client:
        await client.call_tool("set_sim_status", {"sims": sims[:2], "status": "suspended"})
        result = await client.call_tool("set_sim_status", {"sims": sims[2:], "status": "suspended"})
        assert result.is_error
        assert "SIM_MCP_MAX_SIMS_PER_HOUR" in text_of(result)
    assert len(await fleet.writes()) == 2


async def test_the_audit_tells_who_what_when_how_and_what_came_of_it(fleet: Fleet) -> None:
    sim = fleet.scenarios["healthy"]["iccid_with_luhn"]
    async with Client(build_server(fleet.settings(confirm=Confirm.HOST))) as client:
        await client.call_tool("set_sim_status", {"sims": [sim], "status": "suspended"})
    decided, row = audit(fleet.place)
    assert (decided.event, decided.sim, decided.outcome) == ("decided", "1 SIM", "approved")
    (sent,) = await fleet.writes()
    assert row.request == sent["request_id"]
    assert row.principal
    assert (row.sim, row.before, row.after, row.outcome) == (sim, "Activated", "Suspended", "changed")
    assert (row.tool, row.agreed) == ("set_sim_status", "the operator's policy")
    told = json.loads((await run_on(fleet, "audit", "--json", "--sim", sim)).stdout)
    assert [line["sim"] for line in told] == ["1 SIM", sim]
    table = list(csv.DictReader(io.StringIO((await run_on(fleet, "audit", "--csv")).stdout)))
    assert table[1]["after"] == "Suspended"
    assert json.loads((await run_on(fleet, "audit", "--json", "--since", "2999-01-01")).stdout) == []
    assert sim in (await run_on(fleet, "audit")).stdout


@pytest.fixture
async def crowded() -> AsyncIterator[Fleet]:
    """Enough SIMs without a device for them to be deleted together."""
    async with fleet_of(SandboxSettings(sims=200)) as made:
        yield made


@pytest.mark.parametrize("kind", ["status", "few deletions", "many deletions", "batch"])
async def test_each_item_is_on_record_as_intended_before_it_is_as_done(crowded: Fleet, kind: str) -> None:
    """What a killed process leaves behind is told by this alone."""
    fleet = crowded
    listed = (await fleet.api("GET", "/sim", role="enterprise", params={"q": "endpoint:null", "per_page": 10})).json()
    free = [sim["iccid"] for sim in listed]
    assert len(free) > FEW
    calls: dict[str, tuple[str, dict[str, Any]]] = {
        "status": ("set_sim_status", {"sims": [fleet.scenarios["healthy"]["iccid"]], "status": "suspended"}),
        "few deletions": ("delete_sims", {"sims": free[:2]}),
        "many deletions": ("delete_sims", {"sims": free}),
        "batch": ("register_sim_batch", {"bic": fleet.scenarios["batch_registrable"]["bic"]}),
    }
    tool, arguments = calls[kind]
    async with Client(build_server(fleet.settings(policy=fleet.trusting()))) as client:
        report = structured(await client.call_tool(tool, arguments))
    with closing(open_record(fleet.place)) as record, record.reading() as db:
        rows = db.execute("SELECT item, kind FROM entries WHERE item IS NOT NULL ORDER BY n").fetchall()
    intents = [item for item, entry in rows if entry == "intent"]
    assert sorted(intents) == list(range(len(report["sims"])))
    assert all(rows.index((item, "intent")) < rows.index((item, "outcome")) for item in intents)


async def test_a_client_can_read_the_record_as_a_resource(fleet: Fleet) -> None:
    first, second = (fleet.scenarios[story]["iccid_with_luhn"] for story in ("healthy", "went_silent"))
    async with Client(build_server(fleet.settings(confirm=Confirm.HOST))) as client:

        async def read(uri: str) -> dict[str, Any]:
            (content,) = (await client.read_resource(uri)).contents
            assert isinstance(content, TextResourceContents)
            found: dict[str, Any] = json.loads(content.text)
            return found

        assert await read("audit://changes") == {"total": 0, "shown": 0, "changes": []}
        plan = structured(await client.call_tool("set_sim_status", {"sims": [first], "status": "suspended"}))["plan"]
        await client.call_tool("set_sim_status", {"sims": [second], "status": "suspended"})
        assert [row["sim"] for row in (await read("audit://changes"))["changes"]] == [second, "1 SIM", first, "1 SIM"]
        assert [row["sim"] for row in (await read(f"audit://sims/{second}"))["changes"]] == [second, "1 SIM"]
        row, _ = (await read(f"audit://plans/{plan}"))["changes"]
    assert (row["sim"], row["outcome"], row["agreed"]) == (first, "changed", "the operator's policy")
    assert row["client"].startswith("mcp ")
    assert (await fleet.writes())[0]["request_id"] == row["request"]
    assert fleet.world.tokens["enterprise"] not in json.dumps(row)


def test_a_plan_is_bound_to_status_device_and_every_organisation_of_a_sim() -> None:
    plain: dict[str, Any] = {
        "id": 1,
        "status": {"id": 1},
        "endpoint": {"id": 2},
        "issuer_org": {"id": 3},
        "reseller_org": {"id": 4},
        "customer_org": {"id": 5},
    }
    others = [plain | {key: value} for key in plain if key != "id" for value in ({"id": 9}, None)]
    seen = {fingerprint(Sim.model_validate(raw)) for raw in (plain, *others)}
    assert len(seen) == 1 + len(others)
