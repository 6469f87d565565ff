"""get_sim: everything about one SIM."""

from typing import Annotated

from mcp.types import CallToolResult
from pydantic import Field

from sim_mcp.emnify import Organisation, Sim, SimStatus, lifecycle
from sim_mcp.emnify.lifecycle import status_label
from sim_mcp.formatting import join_lines, join_pairs
from sim_mcp.sanitize import called, clean, fence, quoted
from sim_mcp.tools.context import ToolContext
from sim_mcp.tools.one_sim import find_one
from sim_mcp.tools.parameters import SimName
from sim_mcp.tools.registry import Entry
from sim_mcp.tools.result import Answer, respond


class SimAnswer(Answer):
    """One SIM in full."""

    iccid: str = Field(description="with check digit")
    iccid_19: str | None = None
    id: int
    imsi: str | None = None
    msisdn: str | None = None
    eid: str | None = None
    status: str
    status_means: str
    may_become: list[str]
    device: str | None = None
    device_id: int | None = None
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


async def get_sim(ctx: ToolContext, sim: SimName) -> Annotated[CallToolResult, SimAnswer]:
    """Get one SIM card in full: status with what it may become and costs, device, identifiers, organisations, dates.
    For why it is offline, list_sim_events shows rejections; for many SIMs at once, list_sims.
    """  # noqa: D205  # the description is one paragraph for the model.
    found, note = await find_one(ctx, sim)
    answer = build(found)
    return respond(answer, render(answer), note)


TOOL = Entry(get_sim, "Get one SIM")


def build(sim: Sim) -> SimAnswer:
    """Return everything known about a SIM, with what its status means and may become."""
    status, device = sim.known_status, sim.device
    return SimAnswer(
        iccid=sim.printed_iccid or f"id {sim.id}",
        iccid_19=sim.iccid,
        id=sim.id,
        imsi=sim.imsi,
        msisdn=sim.msisdn,
        eid=sim.eid,
        status=status_label(sim),
        status_means=_means(status),
        may_become=lifecycle.may_become(sim.status_id),
        device=called(device.name, device.id) if device else None,
        device_id=device.id if device else None,
        ip=clean(device.ip_address) or None if device else None,
        imei=clean(device.printed_imei) or None if device else None,
        tags=clean(device.tags) or None if device else None,
        customer=_label_organisation(sim.customer_org),
        reseller=_label_organisation(sim.reseller_org),
        issuer=_label_organisation(sim.issuer_org),
        model=clean(sim.model.description) or None if sim.model else None,
        produced=f"{sim.production_date:%Y-%m-%d}" if sim.production_date else None,
        first_activated=f"{sim.activation_date:%Y-%m-%d}" if sim.activation_date else None,
    )


def _means(status: SimStatus | None) -> str:
    return "not known here" if status is None else f"{lifecycle.SERVICE[status]}; {lifecycle.BILL[status]}"


def render(answer: SimAnswer) -> str:
    """Return a SIM as lines: its status outside the fence, what customers may write inside it."""
    means = f"{answer.status}: {answer.status_means}. May become: {', '.join(answer.may_become) or 'nothing else'}."
    facts = join_lines(
        f"device {quoted(answer.device)} (id {answer.device_id})" if answer.device_id else "no device",
        join_pairs(("id", answer.id), ("ICCID without check digit", answer.iccid_19)),
        join_pairs(("IMSI", answer.imsi), ("MSISDN", answer.msisdn), ("EID", answer.eid)),
        join_pairs(("IP", answer.ip), ("IMEI", answer.imei), ("tags", quoted(answer.tags) if answer.tags else None)),
        join_pairs(("customer", answer.customer), ("reseller", answer.reseller), ("issuer", answer.issuer)),
        join_pairs(("model", answer.model), ("produced", answer.produced), ("first activated", answer.first_activated)),
    )
    return join_lines(f"SIM {answer.iccid}", f"Status {means}", fence(facts))


def _label_organisation(organisation: Organisation | None) -> str | None:
    if organisation is None:
        return None
    return f"{clean(organisation.name) or 'unnamed'} (id {organisation.id})"
