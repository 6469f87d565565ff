"""Find the SIM that a person means by whatever they typed, or list the candidates."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sim_mcp.emnify import (
    ICCID_LENGTH,
    Candidate,
    Device,
    DeviceFilter,
    EmnifyClient,
    InvalidValueError,
    NotFoundError,
    Sim,
    SimFilter,
    SimSort,
    parse_candidates,
)
from sim_mcp.fleet.lookup.folding import fold
from sim_mcp.sanitize import fence, quoted

_FEW = 5
"""Up to so many ICCIDs are searched one by one; more may be read from list pages."""

_MIN_PART_LENGTH = 3
"""Characters that a part of a name has at least, for a search with it to be worthwhile."""

_MAX_CANDIDATES = 10
_MAX_SUGGESTIONS = 5
_FIRST_DEVICES = 100
_MAX_PAGES = 10
_KIND_LABELS = {
    "id": "SIM id",
    "iccid": "ICCID",
    "imsi": "IMSI",
    "msisdn": "MSISDN",
    "eid": "EID",
    "device": "device name",
}


class LookupFailedError(Exception):
    """A name does not lead to exactly one SIM; the message says what was tried and what to do."""


class SimNotFoundError(LookupFailedError):
    """No SIM has that name; the message lists similar ones."""

    def __init__(self, name: str, tried: Sequence[str], near: Sequence[Sim] = (), hint: str = "") -> None:
        message = f"No SIM found for {quoted(name)}. Searched as {', '.join(tried)}."
        if hint or not near:
            message += f" {hint or 'Compare the digits, or find it with list_sims by a part of them.'}"
        if near:
            message += f" Did you mean one of these?\n{_format_sims(near)}"
        super().__init__(message)


class AmbiguousSimError(LookupFailedError):
    """Several SIMs have that name, and none is guessed."""

    def __init__(self, name: str, candidates: Sequence[Sim]) -> None:
        many = f"More than {_MAX_CANDIDATES}" if len(candidates) > _MAX_CANDIDATES else len(candidates)
        super().__init__(
            f"{many} SIMs go by {quoted(name)}. Ask which is meant and name it by its ICCID:\n"
            f"{_format_sims(candidates[:_MAX_CANDIDATES])}"
        )


async def find_sim(client: EmnifyClient, name: str) -> Sim:
    """Find one SIM by its ICCID, IMSI, MSISDN, EID, id, or the name of its device.

    Raises:
        InvalidValueError: The name cannot be searched for, such as an ICCID with a wrong check digit.
        LookupFailedError: No SIM has that name, or several do.
        EmnifyError: emnify could not be asked.
    """
    tried: list[str] = []
    near: dict[int, Sim] = {}
    found: dict[int, Sim] = {}
    hint = ""
    for candidate in parse_candidates(name):
        if found and candidate.kind == "device":
            break
        tried.append(_KIND_LABELS[candidate.kind])
        try:
            hits = await _search(client, candidate)
        except InvalidValueError as error:
            # A name with a comma cannot be searched for; that matters only if nothing else was found.
            hint = f"As a device name: {error}."
            continue
        hint = hits.hint or hint
        found |= {sim.id: sim for sim in hits.exact}
        near |= {sim.id: sim for sim in hits.near}
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        raise AmbiguousSimError(name, list(found.values()))
    raise SimNotFoundError(name, tried, list(near.values())[:_MAX_SUGGESTIONS], hint)


async def find_sims(client: EmnifyClient, names: Sequence[str]) -> list[Sim]:
    """Find several SIMs, in the order of their names, each once.

    Raises:
        LookupFailedError: At least one name leads to no SIM or to several; the message lists all that failed.
        EmnifyError: emnify could not be asked.
    """
    found: dict[int, Sim] = {}
    failed: list[str] = []
    by_name = await _find_by_iccid(client, names) if len(names) > _FEW else {}
    for name in names:
        try:
            sim = by_name.get(name) or await find_sim(client, name)
        except (LookupFailedError, InvalidValueError) as error:
            failed.append(str(error))
        else:
            found[sim.id] = sim
    if failed:
        raise LookupFailedError("\n".join([*failed, "Nothing changed."]))
    return list(found.values())


async def _find_by_iccid(client: EmnifyClient, names: Sequence[str]) -> dict[str, Sim]:
    """Find the SIMs of those names that are ICCIDs, in list pages as far as these cost less than a search for each."""
    wanted: dict[str, list[str]] = {}
    for name in names:
        try:
            likeliest = parse_candidates(name)[0]
        except InvalidValueError:
            continue
        if likeliest.kind == "iccid":
            wanted.setdefault(likeliest.value, []).append(name)
    found: dict[str, Sim] = {}
    if not wanted:
        return found
    async for page in client.iter_sim_pages(sort=[SimSort("id")]):
        for sim in page.items:
            for name in wanted.pop(sim.iccid or "", ()):
                found[name] = sim
        if not wanted or (page.pages or 1) > len(wanted):
            break
    return found


@dataclass(frozen=True)
class _Hits:
    """The SIMs that match a candidate exactly, those that only emnify's partial match found, and a hint."""

    exact: Sequence[Sim] = ()
    near: Sequence[Sim] = ()
    hint: str = ""


async def _search(client: EmnifyClient, candidate: Candidate) -> _Hits:
    if candidate.kind == "id":
        try:
            return _Hits([await client.get_sim(int(candidate.value))])
        except NotFoundError:
            return _Hits()
    if candidate.kind == "device":
        return await _find_by_device_name(client, candidate.value)
    return await _find_by_number(client, candidate.kind, candidate.value)


async def _find_by_number(client: EmnifyClient, kind: str, number: str) -> _Hits:
    """Find the SIMs with a number; emnify matches parts of it, so the right one may come late in a long list."""
    wanted = {
        "iccid": SimFilter(iccid=number),
        "imsi": SimFilter(imsi=number),
        "msisdn": SimFilter(msisdn=number),
        "eid": SimFilter(eid=number),
    }[kind]
    first = await client.list_sims(wanted, per_page=_MAX_CANDIDATES + 1)
    exact = [sim for sim in first.items if _number_of(sim, kind) == number]
    if exact or not first.has_next:
        return _Hits(exact, [sim for sim in first.items if sim not in exact])
    pages = 0
    async for page in client.iter_sim_pages(wanted):
        pages += 1
        exact += [sim for sim in page.items if _number_of(sim, kind) == number]
        if exact or pages == _MAX_PAGES:
            break
    return _Hits(exact, first.items)


async def _find_by_device_name(client: EmnifyClient, name: str) -> _Hits:
    """Find the SIMs of devices with that name; where there are none, those with similar names."""
    hits = await _search_devices(client, name, name)
    part = _longest_plain_part(name)
    if hits.exact or hits.hint or not part:
        return hits
    # Names are shown without their invisible characters, and emnify compares with the whole of them.
    others = await _search_devices(client, name, part)
    return others if others.exact or others.hint else _Hits(near=[*hits.near, *others.near][:_MAX_SUGGESTIONS])


async def _search_devices(client: EmnifyClient, name: str, part: str) -> _Hits:
    """Find the SIMs of devices with a name, among the devices whose name contains a part of it."""
    wanted = DeviceFilter(name=part)
    page = await client.list_devices(wanted, per_page=_FIRST_DEVICES)
    seen = list(page.items)
    if page.has_next:
        # "Pump 1" is also part of "Pump 10" to "Pump 1999": only the whole list shows whether there is one, or two.
        seen = []
        async for page in client.iter_device_pages(wanted):
            seen += page.items
            if page.page == _MAX_PAGES:
                break
    if page.has_next:
        # Whether there is another device with that name is not known then, and none is guessed.
        hint = f"More than {len(seen):,} device names hold that; name the SIM by its ICCID."
        return _Hits(near=await _sims_in(client, seen, _MAX_SUGGESTIONS), hint=hint)
    same_name = [device for device in seen if fold(device.name or "") == fold(name)]
    exact = await _sims_in(client, same_name, _MAX_CANDIDATES + 1)
    if exact:
        return _Hits(exact)
    if same_name:
        return _Hits(hint=f"There is a device of that name (id {same_name[0].id}), but no SIM is in it.")
    return _Hits(near=await _sims_in(client, seen, _MAX_SUGGESTIONS))


async def _sims_in(client: EmnifyClient, devices: Sequence[Device], limit: int) -> list[Sim]:
    ids = [device.sim.id for device in devices if device.sim is not None]
    return [await client.get_sim(sim_id) for sim_id in ids[:limit]]


def _number_of(sim: Sim, kind: str) -> str | None:
    if kind == "iccid":
        # The check digit is left out, as in what is searched for.
        return (sim.iccid or sim.iccid_with_luhn or "")[:ICCID_LENGTH]
    return {"imsi": sim.imsi, "msisdn": sim.msisdn, "eid": sim.eid}[kind]


def _longest_plain_part(name: str) -> str:
    """Return the longest ASCII part of a name, in which nothing can be hidden; "" where that is the whole name."""
    if name.isascii():
        return ""
    longest = max(re.split(r"[^ -~]+|,", name), key=len).strip()
    return longest if len(longest) >= _MIN_PART_LENGTH else ""


def _format_sims(sims: Sequence[Sim]) -> str:
    rows = [
        f"{sim.printed_iccid or f'id {sim.id}'} {sim.known_status.label if sim.known_status is not None else ''}"
        f"{f' {quoted(sim.device.name, 60)}' if sim.device else ' no device'}"
        for sim in sims
    ]
    return fence("\n".join(rows))
