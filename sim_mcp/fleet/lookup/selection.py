"""Which SIMs of emnify are meant: by several values of a property each, of which emnify's own filters take one."""

from dataclasses import dataclass
from typing import TypeVar

from sim_mcp.emnify import FlatSim, SimFilter, SimStatus
from sim_mcp.fleet.lookup.folding import fold

_T = TypeVar("_T")


@dataclass(frozen=True)
class SimSelection:
    """Select the SIMs that have one of the values of every property that is given; models match in part."""

    statuses: tuple[SimStatus, ...] = ()
    customers: tuple[int, ...] = ()
    resellers: tuple[int, ...] = ()
    issuers: tuple[int, ...] = ()
    models: tuple[str, ...] = ()
    has_device: bool | None = None

    @property
    def filter(self) -> SimFilter:
        """Return the part of it that emnify can filter by: single values, and SIMs without a device."""
        return SimFilter(
            status=_single(self.statuses),
            customer_org=_single(self.customers),
            reseller_org=_single(self.resellers),
            issuer_org=_single(self.issuers),
            model=_single(self.models),
            without_device=self.has_device is False,
        )

    @property
    def is_filter(self) -> bool:
        """Tell whether emnify can filter by all of it, so that what it counts is what fits."""
        several = (self.statuses, self.customers, self.resellers, self.issuers, self.models)
        return not self.has_device and all(len(values) < 2 for values in several)  # noqa: PLR2004  # one at most.

    def fits(self, sim: FlatSim) -> bool:
        """Tell whether a SIM is meant; a single model is emnify's to compare."""
        return (
            (self.has_device is None or (sim.device_id is not None) is self.has_device)
            and (not self.statuses or sim.status_id in self.statuses)
            and (not self.customers or sim.customer_id in self.customers)
            and (not self.resellers or sim.reseller_id in self.resellers)
            and (not self.issuers or sim.issuer_id in self.issuers)
            and (len(self.models) < 2 or _has_model(sim, self.models))  # noqa: PLR2004  # as above.
        )


def _single(values: tuple[_T, ...]) -> _T | None:
    return values[0] if len(values) == 1 else None


def _has_model(sim: FlatSim, models: tuple[str, ...]) -> bool:
    description = fold(sim.model or "")
    return any(fold(model) in description for model in models)
