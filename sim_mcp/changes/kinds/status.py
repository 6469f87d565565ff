"""Give SIMs another status: PATCH /api/v1/sim/{id}."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from sim_mcp.changes.item import PlannedItem
from sim_mcp.changes.kinds.fees import FeesDue
from sim_mcp.changes.kinds.kind import Consequences, SimKind
from sim_mcp.changes.kinds.roles import reseller_refusal
from sim_mcp.changes.outcome import Sent
from sim_mcp.emnify import EmnifyClient, Sim, SimChange, SimStatus, lifecycle

_VERBS = {
    SimStatus.ACTIVATED: "Activate",
    SimStatus.SUSPENDED: "Suspend",
    SimStatus.FACTORY_TEST: "Start the factory test of",
}


class SetStatus(SimKind):
    """Activate, suspend or factory-test SIMs."""

    tool: ClassVar = "set_sim_status"
    operation: ClassVar = "PATCH /api/v1/sim/{id}"
    statuses: ClassVar = (SimStatus.ACTIVATED, SimStatus.SUSPENDED, SimStatus.FACTORY_TEST)

    kind: Literal["status"] = "status"
    target: SimStatus

    @property
    def status(self) -> SimStatus:
        """Return the status it sets."""
        return self.target

    @property
    def target_state(self) -> str:
        """Return the label of the status it sets."""
        return self.target.label

    def summarize(self, sims: str) -> str:
        """Return what is asked for in a few words."""
        return f"Set {sims} to {self.target.label}"

    def act(self, sims: str) -> str:
        """Return the verb of the status with the SIMs."""
        return f"{_VERBS[self.target]} {sims}"

    def fees_due(self, items: Sequence[PlannedItem]) -> FeesDue:
        """Return that activating costs this month's fee, once a month."""
        if self.target is not SimStatus.ACTIVATED:
            return FeesDue(0)
        possible = sum(item.before == SimStatus.SUSPENDED.label for item in items)
        return FeesDue(len(items) - possible, possible)

    def consequences(self) -> Consequences:
        """Return what the status means."""
        return Consequences(lifecycle.SERVICE[self.target], lifecycle.BILL[self.target])

    def state(self, sim: Sim) -> str:
        """Return the label of a SIM's status."""
        return lifecycle.status_label(sim)

    def is_done(self, sim: Sim | None) -> bool:
        """Tell whether a SIM has the status."""
        return sim is not None and sim.known_status is self.target

    def refusal(self, sim: Sim, own_organisation: int | None) -> str | None:
        """Return why the workspace may not set it, or why the SIM may not become so."""
        refused = reseller_refusal(sim, own_organisation, "change the status of")
        return refused or lifecycle.refusal(sim.known_status, self.target)

    def effect(self, sim: Sim) -> str:
        """Return what the step from its present status does."""
        return lifecycle.effect(sim.known_status, self.target)

    async def write(self, client: EmnifyClient, item: PlannedItem) -> Sent:
        """Set the status."""
        return Sent(request=await client.update_sim(item.sim_id, SimChange(status=self.target)))
