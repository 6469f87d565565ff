"""Which SIMs a change is about: named one by one, or all that fit a filter."""

from dataclasses import dataclass
from typing import Annotated

from mcp.server.mcpserver import Resolve
from pydantic import Field

from sim_mcp.emnify import EmnifyClient, InvalidValueError, Sim, SimFilter, SimStatus
from sim_mcp.fleet.lookup.listing import all_matching
from sim_mcp.fleet.lookup.organisations import find_organisation
from sim_mcp.fleet.lookup.sims import find_sims
from sim_mcp.fleet.lookup.whole_fleet import WholeFleet
from sim_mcp.sanitize import clean, quoted
from sim_mcp.tools.parameters import Name, Status

MOST = 3000
"""SIMs one plan can hold, and a person can still search on the approval page."""

OfCustomer = Annotated[Name | None, Field(description="all of this customer: name or id")]
WithModel = Annotated[Name | None, Field(description="all of this SIM model")]


@dataclass(frozen=True)
class Choice:
    """The SIMs that are meant: by name, or by a filter."""

    names: tuple[str, ...] = ()
    status: str | None = None
    customer: str | None = None
    model: str | None = None
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
        filtered = (self.status, self.customer, self.model, self.has_device) != (None, None, None, None)
        if self.names and filtered:
            raise InvalidValueError("name the SIMs in sims, or choose them by a filter, not both")
        if self.names:
            return await find_sims(client, self.names, fleet), ""
        if not filtered:
            raise InvalidValueError(
                "which SIMs? Name them in sims, or choose by with_status, of_customer, with_model or has_device"
            )
        return await self._matching(client)

    async def _matching(self, client: EmnifyClient) -> tuple[list[Sim], str]:
        customer = await find_organisation(client, self.customer, among_all=True) if self.customer is not None else None
        wanted = SimFilter(
            status=SimStatus.from_word(self.status) if self.status is not None else None,
            customer_org=customer.id if customer is not None else None,
            model=self.model,
        )
        parts = [
            f"status {SimStatus.from_word(self.status).label}" if self.status is not None else "",
            f"customer {quoted(customer.name, 40) if clean(customer.name) else f'id {customer.id}'}"
            if customer
            else "",
            f"model {quoted(self.model, 40)}" if self.model is not None else "",
            {True: "a device", False: "no device", None: ""}[self.has_device],
        ]
        found = await all_matching(client, wanted, has_device=self.has_device, most=MOST)
        if not found:
            # In the caller's words: an organisation's own name belongs into a fence.
            asked = [*parts[:1], f"customer {quoted(self.customer)}" if self.customer is not None else "", *parts[2:]]
            raise InvalidValueError(f"no SIM fits: {_join(asked)}; leave a part of it out; nothing changed")
        return found, _join(parts)


async def _choose(
    sims: list[str] | None = None,
    with_status: Status | None = None,
    of_customer: str | None = None,
    with_model: str | None = None,
    has_device: bool | None = None,
) -> Choice:
    return Choice(tuple(sims or ()), with_status, of_customer, with_model, has_device)


Chosen = Annotated[Choice, Resolve(_choose)]
"""What the arguments of a tool choose; a parameter of what plans its change."""


def _join(parts: list[str]) -> str:
    return ", ".join(filter(None, parts))
