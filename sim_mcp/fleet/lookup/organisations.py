"""Find the organisation that a person means by an id or a name."""

from collections.abc import Iterable, Mapping

from sim_mcp.emnify import MAX_SIMS_PER_PAGE, EmnifyClient, Organisation
from sim_mcp.fleet.lookup.folding import fold, fold_accents, holds_words
from sim_mcp.sanitize import fence, quoted

_MAX_LISTED = 20
_MAX_ID_DIGITS = 12


class OrganisationNotFoundError(Exception):
    """No organisation, or more than one, has that name among the SIMs that were read."""


class NotAllSeenError(Exception):
    """Not all SIMs were read, and another organisation with that name may hold one of the others."""


async def find_organisation(
    client: EmnifyClient, name: str, *, among_all: bool = False, partly: bool = False
) -> Organisation:
    """Find an organisation by id, or by name among those that hold SIMs; for a question by part of its name too.

    emnify offers no search for organisations: their names are read from one page of SIMs (GET /api/v1/sim).

    Raises:
        OrganisationNotFoundError: No organisation seen has that name, or several have.
        NotAllSeenError: `among_all`, and one page does not hold all SIMs.
    """
    text = name.strip()
    if text.isdecimal() and len(text) <= _MAX_ID_DIGITS:
        return Organisation(id=int(text))
    page = await client.list_sims(per_page=MAX_SIMS_PER_PAGE)
    seen: dict[int, Organisation] = {}
    for sim in page.items:
        for organisation in (sim.customer_org, sim.reseller_org, sim.issuer_org):
            if organisation is not None:
                seen.setdefault(organisation.id, organisation)
    fitting = match_organisations(text, {each.id: each.name or "" for each in seen.values()}, partly=partly)
    hits = [seen[number] for number in fitting]
    if among_all and page.has_next:
        known = format_organisations((each.name, each.id) for each in hits) or "get_sim of a SIM of theirs tells it."
        raise NotAllSeenError(
            f"Not every SIM was looked at, so more than one organisation may be called {quoted(name)}. Nothing "
            f"changed. Use the id:\n{known}"
        )
    if len(hits) == 1:
        return hits[0]
    known = format_organisations((each.name, each.id) for each in (hits or seen.values())) or "none."
    problem = "Several organisations fit" if hits else "No organisation seen is called"
    raise OrganisationNotFoundError(
        f"{problem} {quoted(name)}. Use the id. Nothing changed. Seen on {len(page.items):,} SIMs:\n{known}"
    )


def match_organisations(text: str, names: Mapping[int, str], *, partly: bool) -> list[int]:
    """Return the organisations of that name; with `partly`, if there are none, those whose name holds all its words."""
    wanted = fold(text)
    same = [number for number, name in names.items() if wanted and fold(name) == wanted]
    if same or not partly:
        return same
    bare = fold_accents(text)
    alike = [number for number, name in names.items() if bare and fold_accents(name) == bare]
    return alike or [number for number, name in names.items() if holds_words(name, text)]


def format_organisations(organisations: Iterable[tuple[str | None, int]]) -> str:
    """Return organisations with their ids in a fence, the first 20; "" where there are none."""
    rows = [f"{quoted(name)} (id {number})" for name, number in organisations]
    more = f" and {len(rows) - _MAX_LISTED:,} more" if len(rows) > _MAX_LISTED else ""
    return fence(", ".join(rows[:_MAX_LISTED]) + more) if rows else ""
