"""get_sim: everything about one SIM."""

from typing import Annotated

import anyio
from mcp.types import CallToolResult
from pydantic import ConfigDict, Field

from sim_mcp.changes.record.last_change import LastChange
from sim_mcp.emnify import Organisation, SimStatus, lifecycle
from sim_mcp.emnify.lifecycle import status_label
from sim_mcp.fleet.diagnosis.collect import collect_brief
from sim_mcp.fleet.diagnosis.diagnosis import unread
from sim_mcp.fleet.diagnosis.evidence import Evidence
from sim_mcp.formatting import format_minute, format_next, join_lines, join_pairs
from sim_mcp.sanitize import called, clean, fence, quoted
from sim_mcp.tools.context import ANSWER_WITHIN_S, ToolContext, changes_of, emnify_of
from sim_mcp.tools.one_sim import find_one
from sim_mcp.tools.parameters import SimName, ready_call
from sim_mcp.tools.registry import Entry
from sim_mcp.tools.result import Answer, keep_properties, respond
from sim_mcp.tools.sim_state import WHOLE_NAME, describe_months, format_last_change, format_last_data, read_reach


class SimAnswer(Answer):
    """One SIM in full."""

    model_config = ConfigDict(json_schema_extra=keep_properties("iccid", "status", "next"))

    iccid: str = Field(description="with check digit")
    as_of: str
    id: int
    imsi: str | None = None
    msisdn: str | None = None
    eid: str | None = None
    status: str
    status_means: str
    may_become: list[str]
    connectivity: str | None = None
    network: str | None = None
    country: str | None = None
    radio: str | None = None
    session_since: str | None = None
    last_data: str | None = None
    this_month: str | None = None
    last_month: str | None = None
    costs: str | None = None
    last_change: str | None = None
    """The last change that this server made, with its plan."""
    device: str | None = None
    ip: str | None = None
    imei: str | None = None
    tags: str | None = None
    customer: str | None = None
    reseller: str | None = None
    issuer: str | None = None
    model: str | None = None
    produced: str | None = None
    first_activated: str | None = None
    hint: str | None = None
    unread: str | None = None
    next: str


async def get_sim(ctx: ToolContext, sim: SimName) -> Annotated[CallToolResult, SimAnswer]:
    """Get one SIM card in full: status with what it may become and costs, whether it is online, when it last sent data,
    usage and cost by month, device, identifiers, organisations, dates, last change. For many SIMs, list_sims.
    """  # noqa: D205  # the description is one paragraph for the model.
    client, over_at = emnify_of(ctx), anyio.current_time() + ANSWER_WITHIN_S
    found, note = await find_one(ctx, sim)
    evidence = await collect_brief(client, found, over_at - anyio.current_time())
    answer = build(evidence, await changes_of(ctx).last_change(found))
    return respond(answer, render(answer), note)


_REACH = {
    "ONLINE": "ONLINE (data session open)",
    "ATTACHED": "ATTACHED (registered, no data session now)",
    "OFFLINE": "OFFLINE (not registered)",
}

TOOL = Entry(get_sim, "Get one SIM")


def build(evidence: Evidence, change: LastChange | None = None) -> SimAnswer:
    """Return everything known about a SIM, with what its status means and may become."""
    sim, device = evidence.sim, evidence.sim.device
    status = sim.known_status
    iccid = sim.printed_iccid or f"id {sim.id}"
    following = "get_sim_timeline" if evidence.state == "ONLINE" else "diagnose_sim"
    return SimAnswer(
        iccid=iccid,
        as_of=format_minute(evidence.now),
        id=sim.id,
        imsi=sim.imsi,
        msisdn=sim.msisdn,
        eid=sim.eid,
        status=status_label(sim),
        status_means=_means(status),
        may_become=lifecycle.may_become(sim.status_id),
        **read_reach(evidence)._asdict(),
        last_data=format_last_data(evidence),
        **describe_months(evidence),
        last_change=format_last_change(change),
        device=called(device.name, device.id, WHOLE_NAME) if device else None,
        ip=clean(device.ip_address) or None if device else None,
        imei=clean(device.printed_imei) or None if device else None,
        tags=clean(device.tags) or None if device else None,
        customer=_label_organisation(sim.customer_org),
        reseller=_label_organisation(sim.reseller_org),
        issuer=_label_organisation(sim.issuer_org),
        model=clean(sim.model.description) or None if sim.model else None,
        produced=f"{sim.production_date:%Y-%m-%d}" if sim.production_date else None,
        first_activated=f"{sim.activation_date:%Y-%m-%d}" if sim.activation_date else None,
        unread=", ".join(unread(evidence)) or None,
        next=ready_call(following, {"sim": str(sim.id)}),
    )


def _means(status: SimStatus | None) -> str:
    return "not known here" if status is None else f"{lifecycle.SERVICE[status]}; {lifecycle.BILL[status]}"


def render(answer: SimAnswer) -> str:
    """Return a SIM as lines: its status outside the fence, what customers may write inside it."""
    means = f"{answer.status}: {answer.status_means}. May become: {', '.join(answer.may_become) or 'nothing else'}."
    facts = join_lines(
        f"device {quoted(answer.device, WHOLE_NAME)}" if answer.device else "no device",
        _render_state(answer),
        join_pairs(("this month", answer.this_month)),
        join_pairs(("last month", answer.last_month), ("costs", answer.costs)),
        join_pairs(("last change here", answer.last_change)),
        join_pairs(("id", answer.id), ("IMSI", answer.imsi), ("MSISDN", answer.msisdn), ("EID", answer.eid)),
        join_pairs(("IP", answer.ip), ("IMEI", answer.imei), ("tags", quoted(answer.tags) if answer.tags else None)),
        join_pairs(("customer", answer.customer), ("reseller", answer.reseller), ("issuer", answer.issuer)),
        join_pairs(("model", answer.model), ("produced", answer.produced), ("first activated", answer.first_activated)),
    )
    return join_lines(
        f"SIM {answer.iccid}, as of {answer.as_of}",
        f"Status {means}",
        fence(facts),
        f"Could not be read: {answer.unread}." if answer.unread else None,
        format_next(answer.next),
    )


def _render_state(answer: SimAnswer) -> str:
    return join_pairs(
        ("connectivity", _REACH.get(answer.connectivity or "", answer.connectivity)),
        ("network", quoted(answer.network) if answer.network else None),
        ("country", quoted(answer.country) if answer.country else None),
        ("radio", answer.radio),
        ("session since", answer.session_since),
        ("data last sent", answer.last_data),
    )


def _label_organisation(organisation: Organisation | None) -> str | None:
    if organisation is None:
        return None
    return f"{clean(organisation.name) or 'unnamed'} (id {organisation.id})"
