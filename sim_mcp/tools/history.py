"""The tool that finds changes again: what waits, what is open, what was done."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from mcp.types import CallToolResult
from pydantic import Field

from sim_mcp.changes.record.history import Change
from sim_mcp.emnify import InvalidValueError
from sim_mcp.tools import answers, text
from sim_mcp.tools.context import ToolContext, caller_of, changes_of
from sim_mcp.tools.parameters import Moment, Name, Page, ready_call
from sim_mcp.tools.result import respond

PER_PAGE = 20
SIMS_SHOWN = 20


async def list_changes(
    ctx: ToolContext,
    state: Literal["waiting", "open", "done"] | None = None,
    sim: Annotated[Name | None, Field(description="only of this SIM, named in any way")] = None,
    start: Moment | None = None,
    end: Moment | None = None,
    page: Page = 1,
) -> Annotated[CallToolResult, answers.ChangeList]:
    """List the changes of SIM cards made through this server, newest first: waiting for approval, open (interrupted or
    in doubt) or done; of one SIM, or of a time ("what was changed today?"). Reads again what is in doubt. Returns each
    change's plan id, how it was agreed to and what came of it.
    """  # noqa: D205  # the description is one paragraph for the model.
    if start and end and start >= end:
        raise InvalidValueError(f"start={start.isoformat()} has to lie before end={end.isoformat()}")
    found = await changes_of(ctx).changes(sim=sim, start=_utc(start), end=_utc(end))
    found = [change for change in found if state in (None, change.standing)]
    shown = found[(page - 1) * PER_PAGE : page * PER_PAGE]
    caller = caller_of(ctx)
    more = page * PER_PAGE < len(found)
    asked = {"state": state, "sim": sim, "start": start, "end": end}
    told = answers.ChangeList(
        total=len(found),
        page=page,
        changes=[_row(change, mine=change.caller == caller) for change in shown],
        next=ready_call("list_changes", asked, page=page + 1) if more else None,
        hint=None if shown else _hint(found),
    )
    return respond(told, text.change_list(told))


def _row(change: Change, *, mine: bool) -> answers.ChangeRow:
    unfinished = change.standing in ("waiting", "open")
    return answers.ChangeRow(
        plan=change.plan,
        at=f"{change.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        state=change.standing,
        summary=change.summary,
        agreed=change.agreed,
        client=change.caller.client,
        counts=change.counts or None,
        left=change.left or None,
        in_doubt=change.in_doubt or None,
        sims=[f"{sim.sim}: {sim.before} → {sim.after} ({sim.outcome})" for sim in change.sims[:SIMS_SHOWN]] or None,
        not_shown=max(0, len(change.sims) - SIMS_SHOWN) or None,
        next=ready_call("continue_change", {"plan": change.plan}) if unfinished and mine else None,
    )


def _hint(found: list[Change]) -> str:
    if found:
        return f"There are {len(found)} changes; page=1 has the first."
    return "No change on record fits. Only what was changed through this server is on it; get_sim_timeline tells more."


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None
