"""Progress as a client hears of it: it rises with every notification, however many phases a call has."""

from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client
from mcp.server.mcpserver import Context

from sim_mcp.server import call_context
from sim_mcp.server.app import build_server
from sim_mcp.server.call_context import CallContext
from tests.support import Fleet, structured

Told = list[tuple[float, float | None, str | None]]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    heard: Told = []

    async def hear(self: Context[Any], progress: float, total: float | None = None, message: str | None = None) -> None:
        del self
        heard.append((progress, total, message))

    monkeypatch.setattr(Context, "report_progress", hear)
    return heard


async def test_a_second_phase_is_counted_on_top_of_the_first(told: Told) -> None:
    context = CallContext()
    for step in ((200, 455, "SIMs"), (455, 455, "SIMs"), (0, 422, "usage"), (11, 422, "usage"), (422, 422, "usage")):
        await context.report_progress(*step)
    assert told == [
        (200, 455, "SIMs"),
        (455, 455, "SIMs"),
        (455.5, 877, "usage"),
        (466, 877, "usage"),
        (877, 877, "usage"),
    ]


async def test_the_same_is_told_once_and_after_a_while_as_a_little_more(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = CallContext()
    for _ in range(3):
        await context.report_progress(0, 1, "waiting")
    assert told == [(0, 1, "waiting")]
    monkeypatch.setattr(call_context, "SAID_AGAIN_AFTER_S", 0.0)
    for _ in range(2):
        await context.report_progress(0, 1, "waiting")
    await context.report_progress(1, 1, "done")
    assert [round(value, 2) for value, _, _ in told] == [0, 0.5, 0.67, 1]


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 50), st.none() | st.integers(0, 50), st.sampled_from(["reading", "waiting", None]))
    )
)
async def test_whatever_is_reported_the_value_rises_and_stays_within_the_total(steps: Told) -> None:
    told: Told = []

    async def hear(_: Any, progress: float, total: float | None = None, message: str | None = None) -> None:
        told.append((progress, total, message))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Context, "report_progress", hear)
        patch.setattr(call_context, "SAID_AGAIN_AFTER_S", 0.0)
        context = CallContext()
        for step in steps:
            await context.report_progress(*step)
    values = [value for value, _, _ in told]
    assert values == sorted(set(values))
    assert all(total is None or value <= total for value, total, _ in told)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("rank_sims_by_usage", {}),
        ("list_sims", {"without_usage": "last_month"}),
        ("export_sims", {}),
        ("set_sim_status", {"status": "suspended", "with_status": "activated", "has_device": False}),
    ],
)
async def test_no_tool_goes_back_or_repeats_itself(
    fleet: Fleet, tmp_path: Path, tool: str, arguments: dict[str, Any]
) -> None:
    values: list[float] = []
    totals: list[float | None] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        del message
        values.append(progress)
        totals.append(total)

    await fleet.faults("latency=0.02")
    settings = fleet.settings(export_dir=tmp_path, approval_wait_s=6)
    # In memory only the older protocol tells the server that somebody listens.
    async with Client(build_server(settings), mode="legacy") as client:
        with anyio.fail_after(60):
            structured(await client.call_tool(tool, arguments, progress_callback=hear))
    assert values
    assert values == sorted(set(values)), values
    assert all(total is None or value <= total for value, total in zip(values, totals, strict=True))
