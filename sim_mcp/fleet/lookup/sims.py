"""Whatever a person typed -> one SIM, or the candidates."""

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
from sim_mcp.fleet.inventory.rows import fold
from sim_mcp.sanitize import fence, quoted

_FEW = 5
_TELLING = 3
"""Characters that a part of a name has at least, for a search with it to be worth its while."""

_CANDIDATES = 10
_SUGGESTIONS = 5
_FIRST_LOOK = 100
_DEVICE_PAGE, _SIM_PAGE = 1000, 2500
_MOST_PAGES = 10
_WORDS = {
    "id": "SIM id",
    "iccid": "ICCID",
    "imsi": "IMSI",
    "msisdn": "MSISDN",
    "eid": "EID",
    "device": "device name",
}


class LookupFailedError(Exception):
    """What was said does not lead to exactly one SIM; the message says what was tried and what to do."""


class SimNotFoundError(LookupFailedError):
    """No SIM goes by that; near ones are named where there are any."""

    def __init__(self, said: str, tried: Sequence[str], near: Sequence[Sim] = (), hint: str = "") -> None:
        message = f"No SIM found for {quoted(said)}. Searched as {', '.join(tried)}."
        if hint or not near:
            message += f" {hint or 'Compare the digits, or find it with list_sims by a part of them.'}"
        if near:
            message += f" Did you mean one of these?\n{_listed(near)}"
        super().__init__(message)


class AmbiguousSimError(LookupFailedError):
    """Several SIMs go by that, and none is guessed."""

    def __init__(self, said: str, candidates: Sequence[Sim]) -> None:
        many = f"More than {_CANDIDATES}" if len(candidates) > _CANDIDATES else len(candidates)
        super().__init__(
            f"{many} SIMs go by {quoted(said)}. Ask which is meant and name it by its ICCID:\n"
            f"{_listed(candidates[:_CANDIDATES])}"
        )


async def find_sim(client: EmnifyClient, said: str) -> Sim:
    """Find the one SIM that a person named.

    Raises:
        InvalidValueError: What was said cannot be searched for, such as an ICCID with a wrong check digit.
        LookupFailedError: No SIM goes by it, or several do.
        EmnifyError: emnify could not be asked.
    """
    tried: list[str] = []
    near: dict[int, Sim] = {}
    found: dict[int, Sim] = {}
    hint = ""
    for reading in parse_candidates(said):
        if found and reading.kind == "device":
            break
        tried.append(_WORDS[reading.kind])
        try:
            hits = await _search(client, reading)
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
        raise AmbiguousSimError(said, list(found.values()))
    raise SimNotFoundError(said, tried, list(near.values())[:_SUGGESTIONS], hint)


async def find_sims(client: EmnifyClient, names: Sequence[str]) -> list[Sim]:
    """Find each SIM named, in order; one named twice is returned once.

    Raises:
        LookupFailedError: At least one name leads to no SIM or to several; the message tells all that failed.
        EmnifyError: emnify could not be asked.
    """
    found: dict[int, Sim] = {}
    failed: list[str] = []
    read_together = await _by_iccid(client, names) if len(names) > _FEW else {}
    for name in names:
        try:
            sim = read_together.get(name) or await find_sim(client, name)
        except (LookupFailedError, InvalidValueError) as error:
            failed.append(str(error))
        else:
            found[sim.id] = sim
    if failed:
        raise LookupFailedError("\n".join([*failed, "Nothing changed."]))
    return list(found.values())


async def _by_iccid(client: EmnifyClient, names: Sequence[str]) -> dict[str, Sim]:
    """Return the SIMs of those names that are ICCIDs, from list pages where these cost less than a search for each."""
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
    """What one reading led to: SIMs that go by exactly that, SIMs that emnify's partial match found beside, a hint."""

    exact: Sequence[Sim] = ()
    near: Sequence[Sim] = ()
    hint: str = ""


async def _search(client: EmnifyClient, reading: Candidate) -> _Hits:
    if reading.kind == "id":
        try:
            return _Hits([await client.get_sim(int(reading.value))])
        except NotFoundError:
            return _Hits()
    if reading.kind == "device":
        return await _by_device(client, reading.value)
    return await _by_number(client, reading.kind, reading.value)


async def _by_number(client: EmnifyClient, kind: str, number: str) -> _Hits:
    """Find the SIMs with that number; emnify matches parts, so the one that is meant may come late in a long list."""
    wanted = {
        "iccid": SimFilter(iccid=number),
        "imsi": SimFilter(imsi=number),
        "msisdn": SimFilter(msisdn=number),
        "eid": SimFilter(eid=number),
    }[kind]
    first = await client.list_sims(wanted, per_page=_CANDIDATES + 1)
    exact = [sim for sim in first.items if _number_of(sim, kind) == number]
    if exact or not first.has_next:
        return _Hits(exact, [sim for sim in first.items if sim not in exact])
    pages = 0
    async for page in client.iter_sim_pages(wanted, per_page=_SIM_PAGE):
        pages += 1
        exact += [sim for sim in page.items if _number_of(sim, kind) == number]
        if exact or pages == _MOST_PAGES:
            break
    return _Hits(exact, first.items)


async def _by_device(client: EmnifyClient, name: str) -> _Hits:
    """Find the SIMs of devices of that name; where none is called exactly so, those whose name comes near."""
    hits = await _among_devices(client, name, name)
    sought = _plainest(name)
    if hits.exact or hits.hint or not sought:
        return hits
    # Names are shown without what nobody sees of them, and emnify compares with the whole of them.
    beside = await _among_devices(client, name, sought)
    return beside if beside.exact or beside.hint else _Hits(near=[*hits.near, *beside.near][:_SUGGESTIONS])


async def _among_devices(client: EmnifyClient, name: str, part: str) -> _Hits:
    """Find the SIMs of devices of a name among those whose name holds a part of it."""
    wanted = DeviceFilter(name=part)
    page = await client.list_devices(wanted, per_page=_FIRST_LOOK)
    seen = list(page.items)
    if page.has_next:
        # "Pump 1" is also part of "Pump 10" to "Pump 1999": whether there is one, or two, only the whole list tells.
        seen, number = [], 1
        while number <= _MOST_PAGES:
            page = await client.list_devices(wanted, page=number, per_page=_DEVICE_PAGE)
            seen += page.items
            if not page.has_next:
                break
            number += 1
    if page.has_next:
        # Whether that name is the only one of its kind is not known then, and none is guessed.
        hint = f"More than {len(seen):,} device names hold that; name the SIM by its ICCID."
        return _Hits(near=await _sims_in(client, seen, _SUGGESTIONS), hint=hint)
    called = [device for device in seen if _called(device, name)]
    exact = await _sims_in(client, called, _CANDIDATES + 1)
    if exact:
        return _Hits(exact)
    if called:
        return _Hits(hint=f"There is a device of that name (id {called[0].id}), but no SIM is in it.")
    return _Hits(near=await _sims_in(client, seen, _SUGGESTIONS))


async def _sims_in(client: EmnifyClient, devices: Sequence[Device], most: int) -> list[Sim]:
    ids = [device.sim.id for device in devices if device.sim is not None]
    return [await client.get_sim(sim_id) for sim_id in ids[:most]]


def _number_of(sim: Sim, kind: str) -> str | None:
    if kind == "iccid":
        # The check digit is left out, as in what is searched for.
        return (sim.iccid or sim.iccid_with_luhn or "")[:ICCID_LENGTH]
    return {"imsi": sim.imsi, "msisdn": sim.msisdn, "eid": sim.eid}[kind]


def _called(device: Device, name: str) -> bool:
    return fold(device.name or "") == fold(name)


def _plainest(name: str) -> str:
    """Return the longest part of a name in which nothing can be hidden; nothing where that is all of it."""
    if name.isascii():
        return ""
    longest = max(re.split(r"[^ -~]+|,", name), key=len).strip()
    return longest if len(longest) >= _TELLING else ""


def _listed(sims: Sequence[Sim]) -> str:
    rows = [
        f"{sim.printed_iccid or f'id {sim.id}'} {sim.known_status.label if sim.known_status is not None else ''}"
        f"{f' {quoted(sim.device.name, 60)}' if sim.device else ' no device'}"
        for sim in sims
    ]
    return fence("\n".join(rows))
