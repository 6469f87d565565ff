"""SQLite never holds the event loop: whoever waits for a disk or another process waits alone."""

import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import anyio
from mcp import Client

from sim_mcp.changes.record.record_file import FILE as JOURNAL
from sim_mcp.fleet.usage.cache import FILE as USAGE
from sim_mcp.fleet.usage.cache import UsageStore
from sim_mcp.server.app import build_server
from sim_mcp.settings import Confirm, Settings
from tests.support import Fleet, structured

ROOT = Path(__file__).parents[2]
LONG_ENOUGH = 20
"""Questions that are answered while another process holds a file."""

QUESTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("summarize_sims", {"group_by": ["status"]}),
    ("summarize_sims", {"group_by": ["customer"], "fresh": True}),
    ("find_sims", {"text": "meter"}),
    ("list_sims", {"sort": "device"}),
    ("rank_sims_by_usage", {}),
    ("find_waste", {}),
    ("export_sims", {}),
)


def trusted(fleet: Fleet, directory: Path) -> Settings:
    return fleet.settings(confirm=Confirm.HOST, export_dir=directory)


def suspension(fleet: Fleet, scenario: str) -> dict[str, Any]:
    return {"sims": [fleet.scenarios[scenario]["iccid"]], "status": "suspended"}


@contextmanager
def calls_of_sqlite() -> Iterator[list[str]]:
    """Note each line of ours, the sandbox apart, that calls SQLite on the thread of the event loop."""
    ours, apart = str(ROOT / "sim_mcp"), str(ROOT / "sim_mcp" / "sandbox")
    found: list[str] = []

    def look(frame: FrameType, event: str, called: Any) -> None:
        file = frame.f_code.co_filename
        # A fleet that nobody asks any more is closed by whoever was last, which waits for nobody.
        if (
            event == "c_call"
            and frame.f_code.co_name != "__del__"
            and file.startswith(ours)
            and not file.startswith(apart)
        ):
            owner = getattr(called, "__self__", None)
            if isinstance(owner, sqlite3.Connection | sqlite3.Cursor) or called is sqlite3.connect:
                found.append(f"{Path(file).relative_to(ROOT)}:{frame.f_lineno} {called.__name__}")

    sys.setprofile(look)
    try:
        yield found
    finally:
        sys.setprofile(None)


async def test_nothing_calls_sqlite_on_the_event_loop(fleet: Fleet, tmp_path: Path) -> None:
    with calls_of_sqlite() as found:
        async with Client(build_server(trusted(fleet, tmp_path))) as client:
            for tool, arguments in QUESTIONS:
                structured(await client.call_tool(tool, arguments))
            changed = structured(await client.call_tool("set_sim_status", suspension(fleet, "healthy")))
            structured(await client.call_tool("continue_change", {"plan": changed["plan"]}))
            structured(await client.call_tool("list_changes", {}))
            await client.read_resource("audit://changes")
            assert (fleet.state_dir / USAGE).exists()
            assert (fleet.state_dir / JOURNAL).exists()
    assert not found, sorted(set(found))


def test_what_calls_sqlite_is_noticed(tmp_path: Path) -> None:
    with calls_of_sqlite() as found:
        UsageStore(tmp_path).close()
    assert len(found) > 3


@asynccontextmanager
async def held_by_another(file: Path, client: Client, fleet: Fleet) -> AsyncIterator[None]:
    """Hold a file as another process might, from a call's beginning until many questions were answered beside it."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        for _ in range(LONG_ENOUGH):
            structured(await client.call_tool("get_sim", {"sim": fleet.scenarios["healthy"]["iccid"]}))
        other.execute("ROLLBACK")


async def test_usage_that_another_process_holds_holds_up_no_question_about_a_sim(fleet: Fleet, tmp_path: Path) -> None:
    async with Client(build_server(trusted(fleet, tmp_path))) as client:
        structured(await client.call_tool("rank_sims_by_usage", {"period": "last_month", "customer": "13888"}))
        ranked: list[dict[str, Any]] = []

        async def rank() -> None:
            ranked.append(structured(await client.call_tool("rank_sims_by_usage", {})))

        async with anyio.create_task_group() as beside:
            async with held_by_another(fleet.state_dir / USAGE, client, fleet):
                beside.start_soon(rank)
            assert not ranked
    # Nor was the ranking: who had to wait longer than that would keep its usage in memory, and say so.
    assert ranked[0]["read"] > 0
    assert not [note for note in ranked[0].get("notes", []) if "kept on disk" in note]


async def test_an_inventory_that_another_process_holds_holds_up_no_question_about_a_sim(
    fleet: Fleet, tmp_path: Path
) -> None:
    async with Client(build_server(trusted(fleet, tmp_path))) as client:
        before = structured(await client.call_tool("summarize_sims", {"group_by": ["status"]}))
        (own_writes,) = fleet.state_dir.glob("fleet-*/own-writes-*.sqlite3")
        async with anyio.create_task_group() as beside, held_by_another(own_writes, client, fleet):
            beside.start_soon(client.call_tool, "set_sim_status", suspension(fleet, "healthy"))
            while not await fleet.writes():  # noqa: ASYNC110  # the sandbox tells nobody.
                await anyio.sleep(0.01)
        read = [request for request in await fleet.requests() if "per_page=2500" in str(request)]
        after = structured(await client.call_tool("summarize_sims", {"group_by": ["status"]}))
        again = [request for request in await fleet.requests() if "per_page=2500" in str(request)]
    # It was corrected, not read anew.
    assert after["groups"] != before["groups"]
    assert read
    assert again == read
