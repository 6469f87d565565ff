"""A delivery of SIMs."""

from sim_mcp.emnify.models.label import Label
from sim_mcp.emnify.models.sim import SimModel
from sim_mcp.emnify.values import Record, Text, Whole


class Batch(Record):
    """A delivery of SIMs (GET /api/v1/sim_batch/bic/{bic})."""

    id: Whole | None = None
    bic: Text | None = None
    quantity: Whole | None = None
    status: Label | None = None
    model: SimModel | None = None
    sim_model_id: Whole | None = None
    customer_org_id: Whole | None = None
    issuer_org_id: Whole | None = None

    @property
    def model_name(self) -> str | None:
        """Return the name of the kind of card, or its number where only that is known."""
        if self.model and self.model.description:
            return self.model.description
        return None if self.sim_model_id is None else f"model {self.sim_model_id}"
