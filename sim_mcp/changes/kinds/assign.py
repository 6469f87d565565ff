"""Give SIMs another organisation, or none, in one or more roles: PATCH /api/v1/sim/{id}."""

from typing import ClassVar, Literal

from sim_mcp.changes.item import PlannedItem
from sim_mcp.changes.kinds.kind import Consequences, SimKind
from sim_mcp.changes.kinds.roles import (
    Role,
    customer_refusal,
    is_same_organisation,
    label_organisation,
    organisation_in,
)
from sim_mcp.changes.outcome import Sent
from sim_mcp.emnify import CLEAR, EmnifyClient, Organisation, Sim, SimChange, Target


class Assign(SimKind):
    """Reassign SIMs; each role that is named gets the organisation beside it."""

    tool: ClassVar = "assign_sims"
    operation: ClassVar = "PATCH /api/v1/sim/{id}"

    kind: Literal["assign"] = "assign"
    organisations: tuple[tuple[Role, Organisation | None], ...]

    @property
    def target_state(self) -> str:
        """Return the roles with the organisations they get."""
        return ", ".join(f"{role} {label_organisation(target)}" for role, target in self.organisations)

    def summarize(self, sims: str) -> str:
        """Return what is asked for in a few words."""
        steps = ", ".join(f"{role} to {label_organisation(target)}" for role, target in self.organisations)
        return f"Reassign {sims}: {steps}"

    def act(self, sims: str) -> str:
        """Return that they are reassigned; to whom, the summary says."""
        return f"Reassign {sims}"

    def consequences(self) -> Consequences:
        """Return what the organisations' contracts mean."""
        return Consequences("stays as it is", "follows the contracts of the organisations named")

    def state(self, sim: Sim) -> str:
        """Return the same roles with the organisations that hold a SIM in them."""
        return ", ".join(f"{role} {label_organisation(organisation_in(sim, role))}" for role, _ in self.organisations)

    def is_done(self, sim: Sim | None) -> bool:
        """Tell whether a SIM has all the organisations."""
        return sim is not None and all(
            is_same_organisation(organisation_in(sim, role), target) for role, target in self.organisations
        )

    def refusal(self, sim: Sim, own_organisation: int | None) -> str | None:
        """Return why the workspace may not reassign a SIM."""
        return customer_refusal(sim, own_organisation)

    def effect(self, sim: Sim) -> str:  # noqa: ARG002  # the same for every SIM.
        """Return who gets a SIM and who loses it."""
        return "the organisation named gets it, and those it replaces lose it; billing follows their contracts"

    async def write(self, client: EmnifyClient, item: PlannedItem) -> Sent:
        """Set the organisations."""
        held: dict[Role, Target] = {
            role: CLEAR if organisation is None else organisation.id for role, organisation in self.organisations
        }
        change = SimChange(
            issuer_org=held.get("issuer"), reseller_org=held.get("reseller"), customer_org=held.get("customer")
        )
        return Sent(request=await client.update_sim(item.sim_id, change))
