"""Find the organisation that a person means by an id or a name."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from sim_mcp.emnify import MAX_SIMS_PER_PAGE, EmnifyClient, Organisation, Page, Sim
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

    Raises:
        OrganisationNotFoundError: No organisation seen has that name, or several have.
        NotAllSeenError: `among_all`, and one page does not hold all SIMs.
    """
    return (await find_organisations(client, (name,), among_all=among_all, partly=partly))[0]


async def find_organisations(
    client: EmnifyClient, names: Sequence[str], *, among_all: bool = False, partly: bool = False
) -> tuple[Organisation, ...]:
    """Find organisations as `find_organisation` does, reading once for all of them.

    emnify offers no search for organisations: their names are read from one page of SIMs (GET /api/v1/sim).

    Raises:
        OrganisationNotFoundError: No organisation seen has one of the names, or several have.
        NotAllSeenError: `among_all`, and one page does not hold all SIMs.
    """
    page: Page[Sim] | None = None
    found = []
    for name in names:
        text = name.strip()
        if text.isdecimal() and len(text) <= _MAX_ID_DIGITS:
            found.append(Organisation(id=int(text)))
            continue
        page = page or await client.list_sims(per_page=MAX_SIMS_PER_PAGE)
        found.append(_pick(page, name, among_all=among_all, partly=partly))
    return tuple(found)


async def find_roles(client: EmnifyClient, *roles: Sequence[str], partly: bool = False) -> tuple[tuple[int, ...], ...]:
    """Return the ids of the organisations that are named for each of some roles, among all that hold SIMs.

    Raises:
        OrganisationNotFoundError: No organisation seen has one of the names, or several have.
        NotAllSeenError: Others that were not seen may be called so.
    """
    names = [name for named in roles for name in named]
    ids = iter([each.id for each in await find_organisations(client, names, among_all=True, partly=partly)])
    return tuple(tuple(islice(ids, len(named))) for named in roles)


def _pick(page: Page[Sim], name: str, *, among_all: bool, partly: bool) -> Organisation:
    """Return the organisation of that name on a page of SIMs."""
    seen: dict[int, Organisation] = {}
    for sim in page.items:
        for organisation in (sim.customer_org, sim.reseller_org, sim.issuer_org):
            if organisation is not None:
                seen.setdefault(organisation.id, organisation)
    names = {each.id: each.name or "" for each in seen.values()}
    hits = [seen[number] for number in match_organisations(name.strip(), names, partly=partly)]
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
