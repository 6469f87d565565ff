"""The roles in which organisations hold a SIM, and what each role may change."""

from typing import Literal

from sim_mcp.emnify import Organisation, Sim
from sim_mcp.sanitize import clean, quoted

Role = Literal["issuer", "reseller", "customer"]
ROLES: tuple[Role, ...] = ("customer", "reseller", "issuer")


def organisation_in(sim: Sim, role: Role) -> Organisation | None:
    """Return the organisation that holds a SIM in a role."""
    return {"issuer": sim.issuer_org, "reseller": sim.reseller_org, "customer": sim.customer_org}[role]


def is_same_organisation(left: Organisation | None, right: Organisation | None) -> bool:
    """Tell whether both are the same organisation, or both are none."""
    return (left.id if left else None) == (right.id if right else None)


def label_organisation(organisation: Organisation | None) -> str:
    """Return an organisation's name with its id, or `nobody`."""
    if organisation is None:
        return "nobody"
    name = f"{quoted(organisation.name, 40)} " if clean(organisation.name) else ""
    return f"{name}(id {organisation.id})"


def reseller_refusal(sim: Sim, own: int | None, verb: str) -> str | None:
    """Return why a workspace that only sold a SIM cannot do something with it, or None where it can."""
    if own is not None and _holds(sim.reseller_org, own) and not _holds(sim.issuer_org, own):
        return f"a reseller cannot {verb} SIMs it sold; the customer or the issuer can"
    return None


def customer_refusal(sim: Sim, own: int | None) -> str | None:
    """Return why a workspace that only uses a SIM cannot reassign it, or None where it can."""
    is_customer = own is not None and _holds(sim.customer_org, own)
    sells = own is not None and (_holds(sim.reseller_org, own) or _holds(sim.issuer_org, own))
    if is_customer and not sells:
        return "a customer organisation may only change a SIM's status; its reseller or issuer can reassign it"
    return None


def _holds(organisation: Organisation | None, own: int) -> bool:
    return organisation is not None and organisation.id == own
