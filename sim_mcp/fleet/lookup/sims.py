"""Find the SIM that a person means by whatever they typed, or list the candidates."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sim_mcp.emnify import Candidate, EmnifyClient, InvalidValueError, NotFoundError, Sim, parse_candidates
from sim_mcp.emnify.identifiers import CheckDigitError, typed_number
from sim_mcp.emnify.pasted_number import Kind
from sim_mcp.fleet.lookup.failures import (
    MAX_SUGGESTIONS,
    AmbiguousSimError,
    LookupFailedError,
    MisreadNumberError,
    SimNotFoundError,
)
from sim_mcp.fleet.lookup.folding import fold
from sim_mcp.fleet.lookup.neighbours import NEARLY_ICCID, near_typed, search_near
from sim_mcp.fleet.lookup.searching import Hits, read_remembered, search, search_parts
from sim_mcp.fleet.lookup.together import read_together
from sim_mcp.fleet.lookup.whole_fleet import Holder, WholeFleet
from sim_mcp.sanitize import quoted

_FEW = 5
"""Up to so many SIMs are searched one by one; more may be read from list pages. Of so many, near numbers are told."""

_KIND_LABELS: dict[Kind, str] = {
    "id": "SIM id",
    "iccid": "ICCID",
    "imsi": "IMSI",
    "msisdn": "MSISDN",
    "eid": "EID",
    "imei": "IMEI",
    "ip": "IP address",
    "device_id": "device id",
    "device": "device name",
}
_IDS: tuple[Kind, ...] = ("id", "device_id")
"""Kinds of numbers that another device may well have for its name."""


class FoundSim(NamedTuple):
    """A SIM, and where it was named by a part only, a sentence that says which one was taken."""

    sim: Sim
    note: str | None = None


@dataclass
class _Search:
    """What one name led to so far."""

    name: str
    tried: list[str] = field(default_factory=list)
    kinds: set[Kind] = field(default_factory=set)
    found: dict[int, Sim] = field(default_factory=dict)
    similar: dict[int, Sim] = field(default_factory=dict)
    hint: str = ""
    misread: CheckDigitError | None = None

    def add(self, candidate: Candidate, hits: Hits) -> None:
        if hits.exact:
            self.kinds.add(candidate.kind)
        self.hint = hits.hint or self.hint
        self.found |= {sim.id: sim for sim in hits.exact}
        self.similar |= {sim.id: sim for sim in hits.near}

    def needs(self, candidate: Candidate) -> bool:
        """Tell whether this candidate can still mean another SIM."""
        return candidate.kind != "device" or not self.kinds - {*_IDS, "device"}

    def only(self) -> Sim | None:
        """Return the SIM that was found, if any.

        Raises:
            AmbiguousSimError: There are several.
        """
        if len(self.found) > 1:
            raise AmbiguousSimError(self.name, list(self.found.values()))
        return next(iter(self.found.values()), None)

    def failure(self, near: Sequence[Sim]) -> LookupFailedError | InvalidValueError:
        """Return why there is none, with the SIMs whose number is nearly the same."""
        if self.misread is not None:
            return MisreadNumberError(str(self.misread), near) if near else self.misread
        return SimNotFoundError(self.name, self.tried, list(self.similar.values()), self.hint, near)


async def find_sim(client: EmnifyClient, name: str, fleet: WholeFleet | None = None) -> Sim:
    """Find one SIM by its whole ICCID, IMSI, MSISDN, EID or id, or by its device's name, id, IMEI or IP address.

    Raises:
        InvalidValueError: The name cannot be searched for, such as an ICCID with a wrong check digit.
        LookupFailedError: No SIM has that name, or several do.
        EmnifyError: emnify could not be asked.
    """
    looked = await _search_exactly(client, name, fleet)
    if (sim := looked.only()) is not None:
        return sim
    if fleet is not None and typed_number(name) is None and not looked.similar:
        holders = await fleet.holding(name, MAX_SUGGESTIONS) or ()
        looked.similar |= {sim.id: sim for sim in await _read(client, [each.sim_id for each in holders])}
    raise looked.failure(await _near(client, name, fleet))


async def find_sim_or_part(client: EmnifyClient, name: str, fleet: WholeFleet | None = None) -> FoundSim:
    """Find one SIM as `find_sim` does, or the only one that holds what was given; for questions, never for a change.

    Raises:
        InvalidValueError: The name cannot be searched for, such as an ICCID with a wrong check digit.
        LookupFailedError: No SIM has that name or holds it, or several do.
        EmnifyError: emnify could not be asked.
    """
    looked = await _search_exactly(client, name, fleet)
    if (sim := looked.only()) is not None:
        return FoundSim(sim)
    # A whole number but for a digit is mistyped, also where only one SIM holds the others.
    if len(typed_number(name) or "") in NEARLY_ICCID:
        raise looked.failure(await _near(client, name, fleet))
    holders = await fleet.holding(name, MAX_SUGGESTIONS + 1) if fleet is not None else None
    if holders is None:
        looked.similar |= {sim.id: sim for sim in await search_parts(client, name, MAX_SUGGESTIONS + 1)}
        holders = [Holder(sim_id, "") for sim_id in looked.similar]
    sims = await _read(client, [each.sim_id for each in holders])
    if len(sims) == 1 == len(holders):
        what = f" {holders[0].field}" if holders[0].field else ""
        took = sims[0].printed_iccid or f"id {sims[0].id}"
        return FoundSim(
            sims[0], f"Took SIM {took}, the only one whose{what or ' name or number'} contains {quoted(name)}."
        )
    looked.similar |= {sim.id: sim for sim in sims}
    raise looked.failure(await _near(client, name, fleet))


async def find_sims(client: EmnifyClient, names: Sequence[str], fleet: WholeFleet | None = None) -> list[Sim]:
    """Find several SIMs, in the order of their names, each once.

    Raises:
        LookupFailedError: At least one name leads to no SIM or to several; the message lists all that failed.
        EmnifyError: emnify could not be asked.
    """
    found: dict[int, Sim] = {}
    failed: list[str] = []
    by_name = await read_together(client, names) if len(names) > _FEW else {}
    for name in names:
        try:
            # Near numbers cost requests: of a column of wrong ones, the first few show what is wrong.
            sim = by_name.get(name) or await (_find_only if len(failed) >= _FEW else find_sim)(client, name, fleet)
        except (LookupFailedError, InvalidValueError) as error:
            failed.append(str(error))
        else:
            found[sim.id] = sim
    if failed:
        raise LookupFailedError("\n".join([*failed, "Nothing changed."]))
    return list(found.values())


async def _find_only(client: EmnifyClient, name: str, fleet: WholeFleet | None) -> Sim:
    looked = await _search_exactly(client, name, fleet)
    if (sim := looked.only()) is None:
        raise looked.failure(())
    return sim


async def _search_exactly(client: EmnifyClient, name: str, fleet: WholeFleet | None) -> _Search:
    """Look for what has that name exactly, as answers show it."""
    looked = _Search(name)
    try:
        candidates = parse_candidates(name)
    except CheckDigitError as error:
        looked.misread = error
        return looked
    if (sim := await read_remembered(client, candidates)) is not None:
        looked.found[sim.id] = sim
        return looked
    await _search_all(client, looked, candidates)
    if len(looked.found) == 1 == len(looked.kinds):
        (sim_id,), (kind,) = looked.found, looked.kinds
        client.numbers.remember(candidates, next(each for each in candidates if each.kind == kind), sim_id)
    if fleet is not None and not looked.found and typed_number(name) is None:
        for candidate in candidates:
            if candidate.kind == "device":
                looked.add(candidate, await _named(client, candidate.value, fleet))
    return looked


async def _search_all(client: EmnifyClient, looked: _Search, candidates: Sequence[Candidate]) -> None:
    """Search for every meaning of a name that can still lead to another SIM."""
    for candidate in candidates:
        if not looked.needs(candidate):
            break
        if (label := _KIND_LABELS[candidate.kind]) not in looked.tried:
            looked.tried.append(label)
        try:
            looked.add(candidate, await search(client, candidate))
        except InvalidValueError as error:
            # A name that emnify cannot search for matters only if nothing else was found.
            looked.hint = f"As a device name: {error}."


async def _named(client: EmnifyClient, name: str, fleet: WholeFleet) -> Hits:
    """Find SIMs by a device's name where something that nobody sees keeps emnify's search from finding it."""
    sims = await _read(client, await fleet.named(name) or ())
    return Hits([sim for sim in sims if sim.device is not None and fold(sim.device.name or "") == fold(name)])


async def _near(client: EmnifyClient, name: str, fleet: WholeFleet | None) -> Sequence[Sim]:
    """Return SIMs whose number is nearly the one given: from the fleet where that is known, else from emnify."""
    for numbers in near_typed(name):
        known = await fleet.near(numbers, MAX_SUGGESTIONS) if fleet is not None else None
        if known is None:
            return await search_near(client, name, MAX_SUGGESTIONS)
        if known:
            return await _read(client, known)
    return ()


async def _read(client: EmnifyClient, ids: Sequence[int]) -> list[Sim]:
    """Return SIMs as they are now, without those that are gone."""
    found = []
    for sim_id in ids:
        try:
            found.append(await client.get_sim(sim_id))
        except NotFoundError:
            continue
    return found
