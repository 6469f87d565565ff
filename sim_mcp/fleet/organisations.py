"""Whatever a person calls an organisation -> one organisation."""

from sim_mcp.emnify import EmnifyClient, Organisation
from sim_mcp.fleet.rows import fold
from sim_mcp.untrusted import quoted

SEEN_ON = 2500
"""SIMs looked at: the largest page, so that finding a name costs one call."""

_LISTED = 20
_LONGEST_ID = 12


class OrganisationNotFoundError(Exception):
    """No organisation, or more than one, goes by that name among the SIMs looked at."""


class NotAllSeenError(Exception):
    """There are more SIMs than were looked at: another organisation of that name may hold one; the message says so."""


async def find_organisation(client: EmnifyClient, said: str, *, among_all: bool = False) -> Organisation:
    """Find an organisation by id, or by name among those that hold SIMs.

    emnify has no search for organisations here (GET /api/v1/sim is what names them), so only one page is read.

    Raises:
        OrganisationNotFoundError: No organisation seen has that name, or several have.
        NotAllSeenError: `among_all`, and one page does not show all that hold SIMs.
    """
    name = said.strip()
    if name.isdecimal() and len(name) <= _LONGEST_ID:
        return Organisation(id=int(name))
    page = await client.list_sims(per_page=SEEN_ON)
    seen: dict[int, Organisation] = {}
    for sim in page.items:
        for organisation in (sim.customer_org, sim.reseller_org, sim.issuer_org):
            if organisation is not None:
                seen.setdefault(organisation.id, organisation)
    hits = [found for found in seen.values() if found.name and fold(found.name.strip()) == fold(name)]
    if among_all and page.has_next:
        known = ", ".join(f"{quoted(found.name)} (id {found.id})" for found in hits)
        raise NotAllSeenError(
            f"Not every SIM was looked at, so more than one organisation may be called {quoted(said)}. Use the id: "
            f"{known or 'get_sim tells it of a SIM of theirs'}. Nothing changed."
        )
    if len(hits) == 1:
        return hits[0]
    named = [f"{quoted(found.name)} (id {found.id})" for found in (hits or seen.values())]
    more = f" and {len(named) - _LISTED:,} more" if len(named) > _LISTED else ""
    listed = ", ".join(named[:_LISTED]) + more or "none"
    problem = "Several organisations are" if hits else "No organisation seen is"
    raise OrganisationNotFoundError(
        f"{problem} called {quoted(said)}. Seen on {len(page.items):,} SIMs: {listed}. Use the id. Nothing changed."
    )
