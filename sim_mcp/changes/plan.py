"""What a change would do, SIM by SIM, worked out before anybody is asked."""

import hashlib
import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sim_mcp.changes import rules
from sim_mcp.emnify import Organisation, Sim, SimStatus
from sim_mcp.sanitize import called, clean, quoted

Role = Literal["issuer", "reseller", "customer"]
ROLES: tuple[Role, ...] = ("customer", "reseller", "issuer")
Verdict = Literal["change", "already", "refused"]


class Part(BaseModel):
    """A part of a plan: unchangeable, and as durable as the journal it is written to."""

    model_config = ConfigDict(frozen=True)


class SetStatus(Part):
    """Give SIMs another status: PATCH /api/v1/sim/{id}."""

    kind: Literal["status"] = "status"
    target: SimStatus

    def summary(self, sims: str) -> str:
        """Say what is asked for, in a few words."""
        return f"Set {sims} to {self.target.label}"


class Assign(Part):
    """Give SIMs another organisation, or none, in one or more roles: PATCH /api/v1/sim/{id}."""

    kind: Literal["assign"] = "assign"
    organisations: tuple[tuple[Role, Organisation | None], ...]

    def summary(self, sims: str) -> str:
        """Say what is asked for, in a few words."""
        steps = ", ".join(f"{role} to {name_of(target)}" for role, target in self.organisations)
        return f"Reassign {sims}: {steps}"


class Delete(Part):
    """Delete SIMs for good: DELETE /api/v1/sim/{id}."""

    kind: Literal["delete"] = "delete"

    def summary(self, sims: str) -> str:
        """Say what is asked for, in a few words."""
        return f"Delete {sims} for good"


class Register(Part):
    """Take a delivered batch in: PATCH /api/v1/sim_batch/bic/{bic}."""

    kind: Literal["register"] = "register"
    bic: str
    size: str
    quantity: int | None = None
    """How many SIMs it holds, as far as emnify says; plans of before are without."""
    target: SimStatus

    def summary(self, sims: str) -> str:  # noqa: ARG002  # a batch is counted by emnify, not by us.
        """Say what is asked for, in a few words."""
        return f"Register batch {self.bic} ({self.size}) as {self.target.label}"


Change = Annotated[SetStatus | Assign | Delete | Register, Field(discriminator="kind")]


class Planned(Part):
    """Show one SIM, or one batch, as it was read, and what the change means for it."""

    sim_id: int
    iccid: str | None
    imsi: str | None = None
    msisdn: str | None = None
    eid: str | None = None
    device: str | None = None
    organisation: str | None = None
    before: str
    after: str
    verdict: Verdict
    reason: str
    fingerprint: str = ""

    @property
    def identity(self) -> str:
        """Name it as a person would check it: ICCID as printed on the card, and its device."""
        device = f" in device {quoted(self.device, 40)}" if self.device else ""
        return f"SIM {self.iccid or f'id {self.sim_id}'}{device}"

    @property
    def line(self) -> str:
        """Describe it and its change in one line for a person."""
        step = f"{self.before} → {self.after}" if self.verdict == "change" else self.before
        return f"{self.identity}: {step}. {self.reason[:1].upper()}{self.reason[1:]}."


class Plan(Part):
    """Hold one change and everything it concerns, as read when it was made."""

    tool: str
    change: Change
    items: tuple[Planned, ...]
    selection: str = ""
    """The filter that chose the SIMs, in words; empty where they were named one by one."""

    def having(self, verdict: Verdict) -> tuple[Planned, ...]:
        """Return what has this verdict, in the order it was named."""
        return tuple(item for item in self.items if item.verdict == verdict)

    @property
    def to_do(self) -> tuple[Planned, ...]:
        """Return what would really change."""
        return self.having("change")

    @property
    def sims_to_do(self) -> int | None:
        """Return how many SIMs would really change, or None where emnify does not say what a batch holds."""
        if isinstance(self.change, Register):
            return self.change.quantity if self.to_do else 0
        return len(self.to_do)

    @property
    def digest(self) -> str:
        """Return a digest of the tool, the change, the exact SIMs and the state they were in."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @property
    def summary(self) -> str:
        """Say what would be done, in a few words."""
        left = [f"{len(found)} {word}" for verdict, word in _LEFT if (found := self.having(verdict))]
        chosen = f", chosen from all {counted(len(self.items), 'SIM')} with {self.selection}" if self.selection else ""
        suffix = f" (and leave {', '.join(left)})" if left else ""
        return self.change.summary(counted(len(self.to_do), "SIM")) + chosen + suffix

    @property
    def lines(self) -> tuple[str, ...]:
        """Describe every item of the plan, a line each."""
        if isinstance(self.change, Register):
            return tuple(item.reason for item in self.items)
        return tuple(item.line for item in self.items)

    @property
    def expected_words(self) -> tuple[str, ...]:
        """Return what confirms a deletion: the end of the ICCID, or the number of SIMs if several."""
        if not isinstance(self.change, Delete):
            return ()
        if len(self.to_do) != 1:
            return (str(len(self.to_do)),)
        only = self.to_do[0]
        return (only.iccid[-4:],) if only.iccid else (str(only.sim_id),)

    @property
    def typing_request(self) -> str:
        """Ask for what confirms a deletion; empty where nothing is to be typed."""
        if not isinstance(self.change, Delete):
            return ""
        if len(self.to_do) != 1:
            return "This cannot be undone. To confirm, type the number of SIMs to delete."
        what = "last four digits of the ICCID" if self.to_do[0].iccid else "id of the SIM"
        return f"This cannot be undone. To confirm, type the {what}."


_LEFT: tuple[tuple[Verdict, str], ...] = (("already", "already so"), ("refused", "refused by emnify's rules"))


def counted(number: int, noun: str) -> str:
    """Write a number with its noun in the singular or plural."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def make(
    tool: str, change: Change, sims: list[Sim], *, own_organisation: int | None = None, selection: str = ""
) -> Plan:
    """Judge each SIM, as just read, by emnify's rules; `own_organisation` is the workspace of the token."""
    items = tuple(_judge(change, sim, own_organisation) for sim in sims)
    return Plan(tool=tool, change=change, items=items, selection=selection)


def typed_right(plan: Plan, typed: str) -> bool:
    """Tell whether what was typed is what the plan asks for; anything is, where it asks for nothing."""
    return not plan.expected_words or "".join(typed.split()) in plan.expected_words


def state_of(change: Change, sim: Sim) -> str:
    """Describe the part of a SIM's state that this change concerns."""
    if isinstance(change, Assign):
        return ", ".join(f"{role} {name_of(organisation_in(sim, role))}" for role, _ in change.organisations)
    return status_label(sim)


def fingerprint(sim: Sim) -> str:
    """Return what must not have moved between asking and doing."""
    organisations = [org.id if (org := organisation_in(sim, role)) else None for role in ROLES]
    return json.dumps([sim.status_id, sim.device.id if sim.device else None, *organisations])


def organisation_in(sim: Sim, role: Role) -> Organisation | None:
    """Return the organisation that holds a SIM in a role."""
    return {"issuer": sim.issuer_org, "reseller": sim.reseller_org, "customer": sim.customer_org}[role]


def same_organisation(left: Organisation | None, right: Organisation | None) -> bool:
    """Tell whether both are the same organisation, or both are none."""
    return (left.id if left else None) == (right.id if right else None)


def status_label(sim: Sim) -> str:
    """Say a SIM's status in emnify's words."""
    known = sim.known_status
    if known is not None:
        return known.label
    return clean(sim.status.description if sim.status else None, 30) or "unknown status"


def name_of(organisation: Organisation | None) -> str:
    """Name an organisation for a person, with its id."""
    if organisation is None:
        return "nobody"
    name = f"{quoted(organisation.name, 40)} " if clean(organisation.name) else ""
    return f"{name}(id {organisation.id})"


def _judge(change: Change, sim: Sim, own: int | None) -> Planned:
    before = state_of(change, sim)
    if isinstance(change, SetStatus):
        after, already = change.target.label, sim.known_status is change.target
        forbidden = _seller_rule(sim, own, "change the status of") or rules.refusal(sim.known_status, change.target)
        effect = rules.effect(sim.known_status, change.target)
    elif isinstance(change, Assign):
        after = ", ".join(f"{role} {name_of(target)}" for role, target in change.organisations)
        already = all(same_organisation(organisation_in(sim, role), target) for role, target in change.organisations)
        forbidden = _customer_rule(sim, own)
        effect = "the organisation named gets it, and those it replaces lose it; billing follows their contracts"
    else:
        after, already = "Deleted", sim.known_status is SimStatus.DELETED
        forbidden = _seller_rule(sim, own, "delete") or _still_in_device(sim)
        effect = rules.DELETION_EFFECT
    verdict: Verdict = "already" if already else "refused" if forbidden else "change"
    reasons = {"already": "already so, nothing to change", "refused": f"refused: {forbidden}", "change": effect}
    return Planned(
        sim_id=sim.id,
        iccid=sim.printed_iccid,
        imsi=sim.imsi,
        msisdn=sim.msisdn,
        eid=sim.eid,
        device=called(sim.device.name, sim.device.id) if sim.device else None,
        organisation=called(sim.customer_org.name, sim.customer_org.id) if sim.customer_org else None,
        before=before,
        after=after if verdict == "change" else before,
        verdict=verdict,
        reason=reasons[verdict],
        fingerprint=fingerprint(sim),
    )


def _still_in_device(sim: Sim) -> str | None:
    if sim.device is None:
        return None
    name = quoted(called(sim.device.name, sim.device.id), 40)
    return f"it is still in device {name}; release it from the device first (emnify portal)"


def _seller_rule(sim: Sim, own: int | None, verb: str) -> str | None:
    if own is not None and _holds(sim.reseller_org, own) and not _holds(sim.issuer_org, own):
        return f"a reseller cannot {verb} SIMs it sold; the customer or the issuer can"
    return None


def _customer_rule(sim: Sim, own: int | None) -> str | None:
    is_customer = own is not None and _holds(sim.customer_org, own)
    sells = own is not None and (_holds(sim.reseller_org, own) or _holds(sim.issuer_org, own))
    if is_customer and not sells:
        return "a customer organisation may only change a SIM's status; its reseller or issuer can reassign it"
    return None


def _holds(organisation: Organisation | None, own: int) -> bool:
    return organisation is not None and organisation.id == own
