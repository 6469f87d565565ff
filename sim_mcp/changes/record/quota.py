"""How many SIMs may be sent within a time, of the changes that count towards it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sim_mcp.changes.plan import Plan
from sim_mcp.changes.record.entries import Caller


@dataclass(frozen=True)
class Quota:
    """So many SIMs within so many hours."""

    sims: int
    set_by: str = "SIM_MCP_MAX_SIMS_PER_HOUR"
    """Where the operator decided it, in words."""
    hours: int = 1
    counts: Callable[[Plan, Caller], bool] | None = None
    """Tells from a plan, without its items, and its caller whether it counts; without it each of the workspace does."""
    told: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)
    """What was told of each plan, which never changes: a day may hold thousands."""

    @property
    def words(self) -> str:
        """Return it as people read it."""
        return f"{self.sims:,} SIMs {'an hour' if self.hours == 1 else f'in {self.hours} hours'} ({self.set_by})"

    @property
    def past(self) -> str:
        """Return the time it looks back on."""
        return "within the last hour" if self.hours == 1 else f"within the last {self.hours} hours"
