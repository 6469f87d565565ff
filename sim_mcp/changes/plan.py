"""What a change would do, SIM by SIM, worked out before anybody is asked."""

from dataclasses import dataclass
from typing import Literal

from sim_mcp.changes import rules
from sim_mcp.emnify import Organisation, Sim, SimStatus
from sim_mcp.untrusted import clean, quoted

Role = Literal["issuer", "reseller", "customer"]
ROLES: tuple[Role, ...] = ("customer", "reseller", "issuer")
Verdict = Literal["change", "already", "refused"]


@dataclass(frozen=True)
class SetStatus:
    """Give SIMs another status: PATCH /api/v1/sim/{id}."""

    target: SimStatus

    def summary(self, sims: str) -> str:
        """Say what is asked for, in a few words."""
        return f"Set {sims} to {self.target.label}"


@dataclass(frozen=True)
class Assign:
    """Give SIMs another organisation, or none, in one or more roles: PATCH /api/v1/sim/{id}."""

    organisations: tuple[tuple[Role, Organisation | None], ...]

    def summary(self, sims: str) -> str:
        """Say what is asked for, in a few words."""
        steps = ", ".join(f"{role} to {_organisation(target)}" for role, target in self.organisations)
        return f"Reassign {sims}: {steps}"


@dataclass(frozen=True)
class Delete:
    """Delete SIMs for good: DELETE /api/v1/sim/{id}."""

    def summary(self, sims: str) -> str:
        """Say what is asked for, in a few words."""
        return f"Delete {sims} for good"


Change = SetStatus | Assign | Delete


@dataclass(frozen=True)
class PlannedSim:
    """Show one SIM as it was read, and what the change means for it."""

    sim: Sim
    before: str
    after: str
    verdict: Verdict
    reason: str

    @property
    def line(self) -> str:
        """Describe the SIM and its change in one line for a person."""
        step = f"{self.before} → {self.after}" if self.verdict == "change" else self.before
        return f"{identity(self.sim)}: {step}. {self.reason[:1].upper()}{self.reason[1:]}."


@dataclass(frozen=True)
class Plan:
    """Hold one change and every SIM it concerns, as read when it was made."""

    change: Change
    sims: tuple[PlannedSim, ...]

    def having(self, verdict: Verdict) -> tuple[PlannedSim, ...]:
        """Return the SIMs with this verdict, in the order they were named."""
        return tuple(planned for planned in self.sims if planned.verdict == verdict)

    @property
    def to_do(self) -> tuple[PlannedSim, ...]:
        """Return the SIMs that would really change."""
        return self.having("change")

    @property
    def summary(self) -> str:
        """Say what would be done, in a few words."""
        left = [f"{len(found)} {word}" for verdict, word in _LEFT if (found := self.having(verdict))]
        suffix = f" (and leave {', '.join(left)})" if left else ""
        return self.change.summary(counted(len(self.to_do), "SIM")) + suffix

    @property
    def lines(self) -> tuple[str, ...]:
        """Describe every SIM of the plan, a line each."""
        return tuple(planned.line for planned in self.sims)

    @property
    def anything_to_do(self) -> bool:
        """Tell whether any SIM would change."""
        return bool(self.to_do)

    @property
    def expected_words(self) -> tuple[str, ...]:
        """Return what confirms a deletion: the end of the ICCID, or the number of SIMs if several."""
        if not isinstance(self.change, Delete):
            return ()
        if len(self.to_do) != 1:
            return (str(len(self.to_do)),)
        iccid = self.to_do[0].sim.printed_iccid
        return (iccid[-4:],) if iccid else (str(self.to_do[0].sim.id),)

    @property
    def typing_request(self) -> str:
        """Ask for what confirms a deletion."""
        if not isinstance(self.change, Delete):
            return ""
        if len(self.to_do) != 1:
            return "This cannot be undone. To confirm, type the number of SIMs to delete."
        what = "last four digits of the ICCID" if self.to_do[0].sim.printed_iccid else "id of the SIM"
        return f"This cannot be undone. To confirm, type the {what}."


_LEFT: tuple[tuple[Verdict, str], ...] = (("already", "already so"), ("refused", "refused by emnify's rules"))


def counted(number: int, noun: str) -> str:
    """Write a number with its noun in the singular or plural."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def make(change: Change, sims: list[Sim], *, own_organisation: int | None = None) -> Plan:
    """Judge each SIM, as just read, by emnify's rules; `own_organisation` is the workspace of the token."""
    return Plan(change, tuple(_judge(change, sim, own_organisation) for sim in sims))


def state_of(change: Change, sim: Sim) -> str:
    """Describe the part of a SIM's state that this change concerns."""
    if isinstance(change, Assign):
        return ", ".join(f"{role} {_organisation(organisation_in(sim, role))}" for role, _ in change.organisations)
    return status_label(sim)


def fingerprint(sim: Sim) -> tuple[object, ...]:
    """Return what must not have moved between asking and doing."""
    organisations = tuple(org.id if (org := organisation_in(sim, role)) else None for role in ROLES)
    return (sim.status_id, sim.device.id if sim.device else None, *organisations)


def organisation_in(sim: Sim, role: Role) -> Organisation | None:
    """Return the organisation that holds a SIM in a role."""
    return {"issuer": sim.issuer_org, "reseller": sim.reseller_org, "customer": sim.customer_org}[role]


def identity(sim: Sim) -> str:
    """Name a SIM as a person would check it: ICCID as printed on the card, and its device."""
    device = f" in device {quoted(sim.device.name, 40)}" if sim.device and sim.device.name else ""
    return f"SIM {sim.printed_iccid or f'id {sim.id}'}{device}"


def status_label(sim: Sim) -> str:
    """Say a SIM's status in emnify's words."""
    known = sim.known_status
    if known is not None:
        return known.label
    return clean(sim.status.description if sim.status else None, 30) or "unknown status"


def _judge(change: Change, sim: Sim, own: int | None) -> PlannedSim:
    before = state_of(change, sim)
    if isinstance(change, SetStatus):
        after, already = change.target.label, sim.known_status is change.target
        forbidden = _seller_rule(sim, own, "change the status of") or rules.refusal(sim.known_status, change.target)
        effect = rules.effect(sim.known_status, change.target)
    elif isinstance(change, Delete):
        after, already = "Deleted", sim.known_status is SimStatus.DELETED
        forbidden = _seller_rule(sim, own, "delete") or _still_in_device(sim)
        effect = rules.DELETION_EFFECT
    else:
        after = ", ".join(f"{role} {_organisation(target)}" for role, target in change.organisations)
        already = all(same_organisation(organisation_in(sim, role), target) for role, target in change.organisations)
        forbidden = _customer_rule(sim, own)
        effect = "the organisation named gets it, and those it replaces lose it; billing follows their contracts"
    if already:
        return PlannedSim(sim, before, before, "already", "already so, nothing to change")
    if forbidden:
        return PlannedSim(sim, before, before, "refused", f"refused: {forbidden}")
    return PlannedSim(sim, before, after, "change", effect)


def _still_in_device(sim: Sim) -> str | None:
    if sim.device is None:
        return None
    return f"it is still in device {quoted(sim.device.name, 40)}; release it from the device first (emnify portal)"


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


def same_organisation(left: Organisation | None, right: Organisation | None) -> bool:
    """Tell whether both are the same organisation, or both are none."""
    return (left.id if left else None) == (right.id if right else None)


def _organisation(organisation: Organisation | None) -> str:
    if organisation is None:
        return "nobody"
    name = f"{quoted(organisation.name, 40)} " if organisation.name else ""
    return f"{name}(id {organisation.id})"
