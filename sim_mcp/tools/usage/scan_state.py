"""How far a scan of the fleet's usage is, and what a person should know of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import anyio.to_thread

from sim_mcp.fleet.inventory.filters import FleetFilter, FleetSim
from sim_mcp.fleet.inventory.snapshot import Snapshot
from sim_mcp.fleet.usage.scan import UsageResult
from sim_mcp.formatting import format_duration, format_timestamp
from sim_mcp.sanitize import quoted
from sim_mcp.tools.errors import explain
from sim_mcp.tools.parameters import ready_call

SNAPSHOT_WITHIN_S = 30.0
"""How long a tool waits for the SIMs themselves."""


def format_as_of(reading: UsageResult) -> str | None:
    """Return when usage was read, by emnify's clock."""
    if reading.between is None:
        return None
    first, last = (format_timestamp(moment) for moment in reading.between)
    return first if first == last else f"{first} to {last}"


def format_state(reading: UsageResult) -> str:
    """Return "complete", or how much is left and when it will be done."""
    if reading.trouble is not None:
        return f"stopped: {reading.left:,} SIMs not read. {explain(reading.trouble) or 'See the log.'}"
    if reading.left:
        when = f", done in about {format_duration(reading.eta_s)}" if reading.eta_s is not None else ""
        return f"so far; {reading.left:,} SIMs are still being read in the background{when}; the same call picks it up"
    if reading.failed:
        return f"all but {reading.failed:,} SIMs, which could not be read; the same call tries them again"
    return "complete"


def collect_notes(reading: UsageResult, *more: str | None) -> list[str]:
    """Return the notes on a scan, followed by those given."""
    notes = [
        "emnify asks to slow down (429): reading goes on slower." if reading.slowed_down and reading.left else None,
        f"{reading.gone:,} SIMs are no longer known to emnify." if reading.gone else None,
        f"{reading.note[0].upper()}{reading.note[1:]}." if reading.note else None,
        *more,
    ]
    return [note for note in notes if note]


def format_snapshot_note(snapshot: Snapshot) -> str:
    """Return when the SIMs themselves were read."""
    note = f" {snapshot.note}" if snapshot.note else ""
    return f"SIMs as of {format_timestamp(snapshot.taken_at)}.{note}"


def format_no_sims(**filters: Sequence[str] | None) -> str:
    """Return that no SIM matches the filters that are set, each with its values."""
    searched = ", ".join(f"{name} {' or '.join(map(quoted, values))}" for name, values in filters.items() if values)
    return f"No SIM fits {searched}; leave a filter out." if searched else "This workspace has no such SIMs."


def format_call(tool: str, given: Mapping[str, Any], defaults: Mapping[str, Any], **changed: Any) -> str:
    """Return the same call again as text, without the arguments that are defaults."""
    return ready_call(tool, {name: value for name, value in given.items() if defaults.get(name) != value}, **changed)


def render_progress(read: int, of: int | None, as_of: str | None, state: str) -> str:
    """Return the line that says how many SIMs were read, of how many, when, and how far the scan is."""
    times = f", as of {as_of}" if as_of else ""
    text = f"Usage of {read:,} of {of or 0:,} SIMs read{times}: {state}"
    return text if text.endswith(".") else f"{text}."


async def load_sims(snapshot: Snapshot, ids: Sequence[int]) -> dict[int, FleetSim]:
    """Return SIMs in full, by id."""
    if not ids:
        return {}
    return await anyio.to_thread.run_sync(lambda: {sim.id: sim for sim in snapshot.sims(FleetFilter(ids=tuple(ids)))})
