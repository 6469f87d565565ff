"""Every tool the server offers, with what a host should know about it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import getdoc
from typing import Any

from sim_mcp.tools import batches, changing, diagnosis, exporting, fleet, history, listing, reading, usage_ranking


@dataclass(frozen=True)
class Entry:
    """Describe one tool; its description is the docstring of its function."""

    function: Callable[..., Any]
    title: str
    reads: bool = True
    destroys: bool = False
    idempotent: bool = True

    @property
    def name(self) -> str:
        """Return the name the model calls it by."""
        return self.function.__name__

    @property
    def description(self) -> str:
        """Return what the model reads about it."""
        return " ".join((getdoc(self.function) or "").split())


_READING = (
    Entry(listing.list_sims, "List and filter SIMs"),
    Entry(fleet.summarize_sims, "Count SIMs"),
    Entry(fleet.find_sims, "Find SIMs"),
    Entry(reading.get_sim, "Get one SIM"),
    Entry(reading.list_sim_statuses, "List SIM statuses"),
    Entry(reading.get_sim_usage, "Get a SIM's monthly usage"),
    Entry(reading.get_sim_daily_usage, "Get a SIM's daily usage"),
    Entry(reading.list_sim_events, "List a SIM's events"),
    Entry(diagnosis.diagnose_sim, "Diagnose a SIM"),
    Entry(diagnosis.get_sim_timeline, "Get a SIM's timeline"),
    Entry(usage_ranking.rank_sims_by_usage, "Rank SIMs by usage"),
    Entry(usage_ranking.find_waste, "Find SIMs that cost and do nothing"),
    Entry(batches.validate_sim_batch, "Validate a SIM batch"),
    Entry(history.list_changes, "List changes of SIMs"),
)
_FILING = (Entry(exporting.export_sims, "Export SIMs to a file", reads=False, idempotent=False),)
"""They change nothing at emnify, but they leave something on this machine."""

_WRITING = (
    Entry(changing.set_sim_status, "Set SIM status", reads=False, destroys=True),
    Entry(changing.assign_sims, "Assign SIMs to organisations", reads=False, destroys=True),
    Entry(changing.delete_sims, "Delete SIMs", reads=False, destroys=True),
    Entry(changing.continue_change, "Continue a change", reads=False, destroys=True),
    Entry(batches.register_sim_batch, "Register a SIM batch", reads=False, destroys=True, idempotent=False),
)


def tools(*, may_write: bool) -> Sequence[Entry]:
    """Return the tools to offer; those that write to emnify only where the operator allows writing."""
    return (*_READING, *_FILING, *_WRITING) if may_write else (*_READING, *_FILING)
