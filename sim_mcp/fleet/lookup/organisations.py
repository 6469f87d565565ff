"""Whatever a person calls an organisation -> one organisation."""

from collections.abc import Iterable

from sim_mcp.emnify import EmnifyClient, Organisation
from sim_mcp.fleet.inventory.rows import fold
from sim_mcp.sanitize import fence, quoted

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
    wanted = fold(name)
    hits = [found for found in seen.values() if wanted and fold(found.name or "") == wanted]
    if among_all and page.has_next:
        told = format_organisations((each.name, each.id) for each in hits) or "get_sim of a SIM of theirs tells it."
        raise NotAllSeenError(
            f"Not every SIM was looked at, so more than one organisation may be called {quoted(said)}. Nothing "
            f"changed. Use the id:\n{told}"
        )
    if len(hits) == 1:
        return hits[0]
    known = format_organisations((each.name, each.id) for each in (hits or seen.values())) or "none."
    problem = "Several organisations are" if hits else "No organisation seen is"
    raise OrganisationNotFoundError(
        f"{problem} called {quoted(said)}. Use the id. Nothing changed. Seen on {len(page.items):,} SIMs:\n{known}"
    )


def format_organisations(organisations: Iterable[tuple[str | None, int]]) -> str:
    """Write organisations with their ids in a fence, as many as an answer holds."""
    named = [f"{quoted(name)} (id {number})" for name, number in organisations]
    more = f" and {len(named) - _LISTED:,} more" if len(named) > _LISTED else ""
    return fence(", ".join(named[:_LISTED]) + more) if named else ""
