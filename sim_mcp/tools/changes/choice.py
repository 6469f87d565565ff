"""Which SIMs a change is about: named one by one, or all that fit a filter."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from mcp.server.mcpserver import Resolve
from pydantic import Field

from sim_mcp.emnify import EmnifyClient, InvalidValueError, Sim, SimStatus
from sim_mcp.fleet.lookup.listing import all_matching
from sim_mcp.fleet.lookup.organisations import find_organisations
from sim_mcp.fleet.lookup.selection import SimSelection
from sim_mcp.fleet.lookup.sims import find_sims
from sim_mcp.fleet.lookup.whole_fleet import WholeFleet
from sim_mcp.sanitize import clean, quoted
from sim_mcp.tools.parameters import Names, to_statuses

MOST = 3000
"""SIMs one plan can hold, and a person can still search on the approval page."""

Customers = Annotated[Names | None, Field(description="all of these customers, by name or id")]
Models = Annotated[Names | None, Field(description="all of these SIM models")]


@dataclass(frozen=True)
class Choice:
    """The SIMs that are meant: by name, or by a filter."""

    names: tuple[str, ...] = ()
    statuses: tuple[SimStatus, ...] = ()
    customers: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    has_device: bool | None = None

    async def find(self, client: EmnifyClient, fleet: WholeFleet | None = None) -> tuple[list[Sim], str]:
        """Return the SIMs as they are now, and the filter that chose them in words, empty if they were named.

        In the fleet a name is looked for that emnify's own search does not find.

        Raises:
            InvalidValueError: SIMs are named and a filter is given too, or neither, or too many or none fit.
            LookupFailedError: A name leads to no SIM or to several.
            OrganisationNotFoundError: The customer is not known, or several are called so.
            NotAllSeenError: Several customers may be called so.
            EmnifyError: emnify could not be asked.
        """
        filtered = any((self.statuses, self.customers, self.models)) or self.has_device is not None
        if self.names and filtered:
            raise InvalidValueError("name the SIMs in sims, or choose them by a filter, not both")
        if self.names:
            return await find_sims(client, self.names, fleet), ""
        if not filtered:
            raise InvalidValueError(
                "which SIMs? Name them in sims, or choose them by the status, customer or model they have now or by "
                "has_device"
            )
        return await self._matching(client)

    async def _matching(self, client: EmnifyClient) -> tuple[list[Sim], str]:
        customers = await find_organisations(client, self.customers, among_all=True)
        ids = tuple(customer.id for customer in customers)
        wanted = SimSelection(self.statuses, customers=ids, models=self.models, has_device=self.has_device)
        found = await all_matching(client, wanted, most=MOST)
        if not found:
            # In the caller's words: an organisation's own name belongs into a fence.
            asked = self._in_words([quoted(name) for name in self.customers])
            raise InvalidValueError(f"no SIM fits: {asked}; leave a part of it out; nothing changed")
        named = [quoted(each.name, 40) if clean(each.name) else f"id {each.id}" for each in customers]
        return found, self._in_words(named)

    def _in_words(self, customers: Sequence[str]) -> str:
        parts = [
            _either("status", [status.label for status in self.statuses]),
            _either("customer", customers),
            _either("model", [quoted(model, 40) for model in self.models]),
            {True: "a device", False: "no device", None: ""}[self.has_device],
        ]
        return ", ".join(filter(None, parts))


async def choose(
    sims: list[str] | None = None,
    status: list[str] | None = None,
    customer: list[str] | None = None,
    model: list[str] | None = None,
    has_device: bool | None = None,
) -> Choice:
    """Return what the arguments of a tool choose."""
    return Choice(tuple(sims or ()), to_statuses(status), tuple(customer or ()), tuple(model or ()), has_device)


Chosen = Annotated[Choice, Resolve(choose)]
"""The SIMs that a tool's arguments choose; a parameter of what plans its change."""


def _either(what: str, values: Sequence[str]) -> str:
    return f"{what} {' or '.join(values)}" if values else ""
