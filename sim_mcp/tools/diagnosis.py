"""The tools that explain one SIM. They send nothing but GET."""

from datetime import UTC, datetime
from typing import Annotated

import anyio
from mcp.types import CallToolResult
from pydantic import Field

from sim_mcp.emnify import InvalidValueError
from sim_mcp.fleet.diagnosis.diagnosis import diagnose
from sim_mcp.fleet.diagnosis.evidence import CLOCKS_APART, RETENTION
from sim_mcp.fleet.events.reader import read_timeline
from sim_mcp.fleet.lookup.sims import find_sim
from sim_mcp.tools import diagnosis_answers as answers
from sim_mcp.tools import diagnosis_facts as facts
from sim_mcp.tools import diagnosis_text as text
from sim_mcp.tools.context import ANSWER_WITHIN_S, ToolContext, emnify_of
from sim_mcp.tools.parameters import Moment, Page, SimName, ready_call
from sim_mcp.tools.result import respond


async def diagnose_sim(ctx: ToolContext, sim: SimName) -> Annotated[CallToolResult, answers.Diagnosis]:
    """Find out why a SIM card or its device is offline, rejected, blocked, without data or expensive. Returns the state
    now, findings with evidence (likeliest cause first), what is ruled out, next steps, what could not be read.
    """  # noqa: D205  # the description is one paragraph for the model.
    client, over_at = emnify_of(ctx), anyio.current_time() + ANSWER_WITHIN_S
    card = await find_sim(client, sim)
    # Where finding it took long, a diagnosis of what still can be read is better than none.
    found = facts.diagnosis(await diagnose(client, card, over_at - anyio.current_time()))
    return respond(found, text.diagnosis(found))


async def get_sim_timeline(
    ctx: ToolContext,
    sim: SimName,
    start: Annotated[Moment | None, Field(description="default: 30 days before end")] = None,
    end: Annotated[Moment | None, Field(description="default: now")] = None,
    page: Page = 1,
) -> Annotated[CallToolResult, answers.Timeline]:
    """Show what happened to a SIM card, newest first, condensed from its events: data sessions with network, country,
    MB and minutes; attaches; rejections counted; status changes; totals. For single events, list_sim_events.
    """  # noqa: D205  # the description is one paragraph for the model.
    client = emnify_of(ctx)
    if start and end and start > end:
        raise InvalidValueError(f"start {_zulu(start)} is after end {_zulu(end)}; swap them")
    card = await find_sim(client, sim)
    last = end or client.now() + CLOCKS_APART
    if start and start > last:
        raise InvalidValueError(f"start {_zulu(start)} is still to come, by emnify's clock")
    read = await read_timeline(client, card, start or last - RETENTION, last)
    given = {"sim": sim, "start": start, "end": last}
    following = ready_call("get_sim_timeline", given, page=page + 1) if page < facts.pages_of(read) else None
    found = facts.timeline(read, page, following)
    return respond(found, text.timeline(found))


def _zulu(moment: datetime) -> str:
    return facts.second(moment.astimezone(UTC))
