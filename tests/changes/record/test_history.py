"""Changes are found again: which wait, which are open, what was done; and a doubt is looked into until it ends."""

import json
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.types import Implementation

from sim_mcp.changes.record.audit import audit
from sim_mcp.changes.record.history import changes
from sim_mcp.changes.record.journal import Journal
from sim_mcp.changes.record.place import Place
from sim_mcp.changes.record.quota import Quota
from sim_mcp.emnify import luhn_digit
from sim_mcp.server.app import build_server
from sim_mcp.settings import Confirm
from tests.changes.test_approval import claude_desktop, press, suspend
from tests.changes.test_record import CALLER, plan_of
from tests.processes.test_commands import run_on
from tests.processes.test_serving import environment
from tests.support import Fleet, structured, text_of

THREE = ("healthy", "went_silent", "euicc")


async def found(client: Client, **asked: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = structured(await client.call_tool("list_changes", asked))["changes"]
    return rows


async def test_changes_are_listed_by_how_they_stand_by_sim_and_by_time(fleet: Fleet) -> None:
    async with claude_desktop(fleet) as client:
        assert "0 changes" in text_of(await client.call_tool("list_changes", {}))
        first = structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy", "went_silent")))
        await press(first["approve_at"], "approve")
        await client.call_tool("continue_change", {"plan": first["plan"]})
        second = structured(await client.call_tool("set_sim_status", suspend(fleet, "euicc")))
        third = structured(await client.call_tool("delete_sims", {"sims": [fleet.scenarios["no_device"]["iccid"]]}))
        await press(third["approve_at"], "reject")
        every = await found(client)
        assert [(row["plan"], row["state"]) for row in every] == [
            (third["plan"], "rejected"),
            (second["plan"], "waiting"),
            (first["plan"], "done"),
        ]
        text = text_of(await client.call_tool("list_changes", {}))
        said = [line.strip() for line in text.splitlines() if "Client: " in line]
        decided = ["Rejected by: a person, on the approval page", "Nobody has decided yet", "Agreed by: a person, on"]
        assert [line.startswith(how) for line, how in zip(said, decided, strict=True)] == [True] * 3
        assert every[2]["counts"] == {"changed": 2}
        assert every[2]["agreed"] == "a person, on the approval page"
        assert every[1]["next"] == f'continue_change(plan="{second["plan"]}")'
        assert [row["plan"] for row in await found(client, state="waiting")] == [second["plan"]]
        assert [row["plan"] for row in await found(client, state="done")] == [first["plan"]]
        assert await found(client, state="open") == []
        (row,) = await found(client, sim=fleet.scenarios["healthy"]["iccid"])
        assert row["plan"] == first["plan"]
        assert row["sims"] == [f"{fleet.scenarios['healthy']['iccid_with_luhn']}: Activated → Suspended (changed)"]
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        tomorrow = (today + timedelta(days=1)).isoformat()
        assert len(await found(client, start=today.isoformat(), end=tomorrow)) == 3
        assert await found(client, start=tomorrow) == []
        assert (await client.call_tool("list_changes", {"start": tomorrow, "end": today.isoformat()})).is_error


async def test_what_sims_were_before_is_told_so_that_it_can_be_undone(fleet: Fleet) -> None:
    """Of the newest changes SIM by SIM, of older ones by how many did the same step."""
    async with claude_desktop(fleet, confirm="host") as client:
        first = structured(
            await client.call_tool("set_sim_status", suspend(fleet, "healthy", "went_silent", "suspended"))
        )
        (newest,) = await found(client)
        assert newest["plan"] == first["plan"]
        assert newest["sims"] == [
            f"{fleet.scenarios[name]['iccid_with_luhn']}: Activated → Suspended (changed)"
            for name in ("healthy", "went_silent")
        ]
        for status in ("activated", "suspended", "activated"):
            await client.call_tool("set_sim_status", {**suspend(fleet, "euicc"), "status": status})
        oldest = (await found(client))[-1]
        assert oldest["plan"] == first["plan"]
        assert oldest["sims"] == ["2 SIMs: Activated → Suspended"]
        assert "2 SIMs: Activated → Suspended" in text_of(await client.call_tool("list_changes", {}))


async def test_a_page_of_changes_says_how_many_there_are_and_how_to_see_the_next(fleet: Fleet) -> None:
    sims = (await fleet.api("GET", "/sim", role="enterprise", params={"q": "status:1", "per_page": 30})).json()
    async with claude_desktop(fleet) as client:
        for sim in sims[:21]:
            await client.call_tool("set_sim_status", {"sims": [sim["iccid"]], "status": "suspended"})
        page = structured(await client.call_tool("list_changes", {"state": "waiting"}))
        assert (page["total"], len(page["changes"])) == (21, 20)
        assert page["next"] == 'list_changes(state="waiting", page=2)'
        assert len(await found(client, state="waiting", page=2)) == 1
        assert "21 changes" in text_of(await client.call_tool("list_changes", {"page": 9}))


@pytest.mark.parametrize(
    "spelled", ["printed", "blanks", "dashes", "19 digits", "F", "part", "id", "imsi", "msisdn", "device"]
)
async def test_a_sim_is_found_on_record_by_any_spelling_that_a_tool_understands(fleet: Fleet, spelled: str) -> None:
    story = fleet.scenarios["healthy"]
    sim = (await fleet.api("GET", f"/sim/{story['sim_id']}", role="enterprise")).json()
    printed = story["iccid_with_luhn"]
    spellings = {
        "printed": printed,
        "blanks": " ".join(printed[place : place + 4] for place in range(0, 20, 4)),
        "dashes": "-".join(printed[place : place + 5] for place in range(0, 20, 5)),
        "19 digits": story["iccid"],
        "F": f"{story['iccid']}F",
        "part": story["iccid"][-8:],
        "id": str(story["sim_id"]),
        "imsi": sim["imsi"],
        "msisdn": f"+{sim['msisdn']}",
        "device": sim["endpoint"]["name"].upper(),
    }
    assert luhn_digit(story["iccid"]) == printed[-1]
    async with Client(build_server(fleet.settings(confirm=Confirm.HOST))) as client:
        await client.call_tool("set_sim_status", suspend(fleet, "healthy"))
        await client.call_tool("set_sim_status", suspend(fleet, "went_silent"))
        assert len(await found(client, sim=spellings[spelled])) == 1
    told = json.loads((await run_on(fleet, "audit", "--json", "--sim", spellings[spelled])).stdout)
    assert {row["sim"] for row in told} == {"1 SIM", printed}


async def test_continuing_without_an_id_takes_the_only_open_one_or_lists_them(fleet: Fleet) -> None:
    other = Client(build_server(fleet.settings()), client_info=Implementation(name="another agent", version="1"))
    async with claude_desktop(fleet) as client, other:
        nothing = await client.call_tool("continue_change", {})
        assert nothing.is_error
        assert "No change of this client waits" in text_of(nothing)
        first = structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy")))
        assert (await other.call_tool("continue_change", {})).is_error
        await press(first["approve_at"], "approve")
        assert structured(await client.call_tool("continue_change", {}))["counts"] == {"changed": 1}
        second = structured(await client.call_tool("set_sim_status", suspend(fleet, "went_silent")))
        third = structured(await client.call_tool("set_sim_status", suspend(fleet, "euicc")))
        assert "1 other change of this client not finished" in third["note"]
        several = await client.call_tool("continue_change", {})
        assert several.is_error
        assert all(f'continue_change(plan="{plan["plan"]}")' in text_of(several) for plan in (second, third))
    assert len(await fleet.writes()) == 1


async def test_what_was_so_already_or_left_alone_is_done_and_continuing_says_so(fleet: Fleet) -> None:
    story = fleet.scenarios["healthy"]
    async with claude_desktop(fleet) as client:
        already = structured(await client.call_tool("set_sim_status", suspend(fleet, "suspended")))
        assert structured(await client.call_tool("continue_change", {"plan": already["plan"]}))["counts"] == {
            "already": 1
        }
        moved = structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy")))
        await press(moved["approve_at"], "approve")
        await fleet.api("PATCH", f"/endpoint/{story['device_id']}", role="enterprise", json={"sim": {"id": None}})
        assert structured(await client.call_tool("continue_change", {}))["counts"] == {"moved": 1}
        assert {row["plan"]: row["state"] for row in await found(client)} == {
            already["plan"]: "done",
            moved["plan"]: "done",
        }


async def killed_while_sending(fleet: Fleet, *stories: str) -> None:
    """Kill a server whose first write emnify has and has not acted upon."""
    await fleet.faults("latency=2@PATCH")
    words = ["set_sim_status", "status=suspended", *(f"sims={fleet.scenarios[story]['iccid']}" for story in stories)]
    command = [sys.executable, "-m", "sim_mcp", "call", *words]
    async with await anyio.open_process(command, env=environment(fleet, SIM_MCP_CONFIRM="host")) as process:
        with anyio.fail_after(60):
            while not [row for row in audit(fleet.place) if row.event == "sent"]:  # noqa: ASYNC110  # as above.
                await anyio.sleep(0.01)
        await anyio.sleep(0.2)
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()


async def test_a_doubt_stays_one_until_it_is_seen_to_have_followed(fleet: Fleet) -> None:
    await killed_while_sending(fleet, *THREE)
    (sent,) = [row for row in audit(fleet.place) if row.event == "sent"]
    assert sent.note == "sent, outcome not known yet"
    assert sent.agreed == "the operator's policy"
    async with Client(build_server(fleet.settings(confirm=Confirm.HOST))) as client:
        (row,) = await found(client)
        assert row["state"] == "open"
        assert row["in_doubt"] == 1
        assert row["left"] == 2
        told = [row for row in audit(fleet.place) if row.event == "outcome"]
        assert [row.outcome for row in told] == ["unknown"]
        assert "may follow late" in told[0].note
        assert "failed" not in told[0].note
        with anyio.fail_after(30):
            while (await found(client))[0].get("in_doubt"):  # noqa: ASYNC110  # emnify acts in its own time.
                await anyio.sleep(0.2)
    rows = [(row.event, row.outcome) for row in audit(fleet.place) if row.event != "decided"]
    assert rows[0] == ("outcome", "unknown")
    assert rows[-1] == ("read again", "changed")
    assert len(await fleet.writes()) == 1


def test_an_outcome_that_cannot_be_read_is_a_doubt_and_a_reading_that_cannot_be_read_tells_nothing(
    place: Place,
) -> None:
    journal = Journal(place)
    plan = journal.keep(plan_of(2), CALLER).id
    assert journal.decide(plan, approved=True, how="form")
    for item in range(2):
        journal.intend(plan, item, "x", quotas=[Quota(9)])
    with journal.record.writing() as db:
        for kind, item, body in (("outcome", 0, {"kind": "teleported"}), ("reading", 1, {"kind": "teleported"})):
            db.execute(
                "INSERT INTO entries (at, kind, plan, item, digest, sims, body) VALUES (?, ?, ?, ?, NULL, NULL, ?)",
                (datetime.now(UTC).isoformat(), kind, plan, item, json.dumps(body)),
            )
    (change,) = changes(journal, details=True)
    assert change.counts == {"unknown": 1}
    assert (change.in_doubt, change.left) == (2, 0)
    assert [sim.outcome for sim in change.sims] == ["unknown", "sent"]


async def test_continuing_reads_the_doubt_again_and_sends_only_what_was_never_sent(fleet: Fleet) -> None:
    await killed_while_sending(fleet, *THREE)
    await fleet.faults()
    server = build_server(fleet.settings(confirm=Confirm.HOST))
    async with Client(server) as client:
        plan = (await found(client))[0]["plan"]
    done = await run_on(fleet, "call", "continue_change", f"plan={plan}", "--json", SIM_MCP_CONFIRM="host")
    report = json.loads(done.stdout)
    assert report["counts"].get("changed", 0) >= 2
    assert set(report["counts"]) <= {"changed", "unknown"}
    paths = [write["path"] for write in await fleet.writes()]
    assert len(paths) == len(set(paths)) == 3


async def test_start_up_tells_of_what_is_open_in_the_log_and_reads_it_again(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    await killed_while_sending(fleet, "healthy")
    async with Client(build_server(fleet.settings())):
        with anyio.fail_after(30):
            while not [row for row in audit(fleet.place) if row.event == "outcome"]:  # noqa: ASYNC110  # as above.
                await anyio.sleep(0.05)
    assert "is not finished: 0 SIMs to go, 1 in doubt" in caplog.text


async def test_without_a_record_start_up_and_a_question_make_none(fleet: Fleet) -> None:
    async with claude_desktop(fleet) as client:
        assert await found(client) == []
    assert not list(fleet.state_dir.glob("journal*"))


async def test_after_a_kill_the_audit_alone_tells_for_every_sim_whether_it_was_sent(fleet: Fleet) -> None:
    sims = (await fleet.api("GET", "/sim", role="enterprise", params={"q": "status:1", "per_page": 20})).json()[:15]
    await fleet.faults("latency=0.05@PATCH")
    words = ["set_sim_status", "status=suspended", *(f"sims={sim['iccid']}" for sim in sims)]
    command = [sys.executable, "-m", "sim_mcp", "call", *words]
    async with await anyio.open_process(command, env=environment(fleet, SIM_MCP_CONFIRM="host")) as process:
        while len(await fleet.writes()) < 10:  # noqa: ASYNC110  # the other process tells nobody.
            await anyio.sleep(0.001)
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
    told = json.loads((await run_on(fleet, "audit", "--json")).stdout)
    sent = {row["sim"]: row for row in told if row["event"] in ("sent", "outcome")}
    written = {write["path"].rsplit("/", 1)[1]: write for write in await fleet.writes()}
    by_id = {str(sim["id"]): sim["iccid"] + luhn_digit(sim["iccid"]) for sim in sims}
    assert {by_id[sim_id] for sim_id in written} <= set(sent)
    assert len(sent) <= len(written) + 1, "an intent is recorded just before it is sent"
    answered = [row for row in sent.values() if row["request"]]
    assert len(answered) >= len(written) - 1
    assert {row["request"] for row in answered} <= {write["request_id"] for write in written.values()}
    for row in sent.values():
        assert row["agreed"] == "the operator's policy"
        assert row["client"]
        assert row["before"] == "Activated"
