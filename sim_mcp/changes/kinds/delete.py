"""Delete SIMs for good: DELETE /api/v1/sim/{id}, or DELETE /api/v1/sim/multi for many."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from sim_mcp.changes.item import PlannedItem
from sim_mcp.changes.kinds.fees import FeesDue
from sim_mcp.changes.kinds.kind import Confirmation, Consequences, SimKind
from sim_mcp.changes.kinds.roles import reseller_refusal
from sim_mcp.changes.outcome import Sent
from sim_mcp.emnify import EmnifyClient, Sim, SimStatus, lifecycle
from sim_mcp.sanitize import called, quoted


class Delete(SimKind):
    """Delete SIMs; it cannot be undone."""

    tool: ClassVar = "delete_sims"
    operation: ClassVar = "DELETE /api/v1/sim/{id}"
    irreversible: ClassVar = True
    together: ClassVar = True

    kind: Literal["delete"] = "delete"

    @property
    def target_state(self) -> str:
        """Return the label of the status that no SIM leaves."""
        return SimStatus.DELETED.label

    def summarize(self, sims: str) -> str:
        """Return what is asked for in a few words."""
        return f"Delete {sims} for good"

    def act(self, sims: str) -> str:
        """Return that they are deleted."""
        return f"Delete {sims}"

    def fees_due(self, items: Sequence[PlannedItem]) -> FeesDue:  # noqa: ARG002  # the same for all.
        """Return that nothing falls due."""
        return FeesDue(0)

    def consequences(self) -> Consequences:
        """Return what being deleted means."""
        return Consequences("ends for good", lifecycle.BILL[SimStatus.DELETED])

    def confirmation(self, items: Sequence[PlannedItem]) -> Confirmation:
        """Return the end of the ICCID, or the number of SIMs if they are several."""
        if len(items) != 1:
            text, what = str(len(items)), "number of SIMs to delete"
        elif items[0].iccid:
            text, what = items[0].iccid[-4:], "last four digits of the ICCID"
        else:
            text, what = str(items[0].sim_id), "id of the SIM"
        return Confirmation(text, f"This cannot be undone. To confirm, type the {what}.")

    def state(self, sim: Sim) -> str:
        """Return the label of a SIM's status."""
        return lifecycle.status_label(sim)

    def is_done(self, sim: Sim | None) -> bool:
        """Tell whether a SIM is gone, or reads as deleted."""
        return sim is None or sim.known_status is SimStatus.DELETED

    def refusal(self, sim: Sim, own_organisation: int | None) -> str | None:
        """Return why the workspace may not delete a SIM, or which device it is still in."""
        return reseller_refusal(sim, own_organisation, "delete") or _device_refusal(sim)

    def effect(self, sim: Sim) -> str:  # noqa: ARG002  # the same for every SIM.
        """Return what deleting does."""
        return lifecycle.DELETION_EFFECT

    async def write(self, client: EmnifyClient, item: PlannedItem) -> Sent:
        """Delete one SIM."""
        return Sent(request=await client.delete_sim(item.sim_id))

    async def write_together(self, client: EmnifyClient, items: Sequence[PlannedItem]) -> Sent:
        """Delete several SIMs in one request."""
        return Sent(request=await client.delete_sims([item.sim_id for item in items]))


def _device_refusal(sim: Sim) -> str | None:
    if sim.device is None:
        return None
    name = quoted(called(sim.device.name, sim.device.id), 40)
    return f"it is still in device {name}; release it from the device first (emnify portal)"
