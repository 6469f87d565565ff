"""The SIMs that emnify finds for one meaning of what a person typed."""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
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
    SimStatus,
    asking_now,
)
from sim_mcp.emnify.identifiers import IMEI_BODY_LENGTH, typed_number
from sim_mcp.emnify.pasted_number import Kind
from sim_mcp.emnify.remembered_numbers import number_of
from sim_mcp.fleet.lookup.failures import MAX_CANDIDATES, MAX_SUGGESTIONS
from sim_mcp.fleet.lookup.folding import holds_words, is_called

_MIN_PART_LENGTH = 3
"""Characters that a part of a name has at least, for a search with it to be worthwhile."""

_FIRST_DEVICES = 100
_MAX_PAGES = 10


@dataclass(frozen=True)
class Hits:
    """The SIMs that match a candidate exactly, those that only emnify's partial match found, and a hint."""

    exact: Sequence[Sim] = ()
    near: Sequence[Sim] = ()
    hint: str = ""


async def search(client: EmnifyClient, candidate: Candidate) -> Hits:
    """Return the SIMs that a candidate means, as they are now.

    Raises:
        InvalidValueError: The value cannot be sent.
        EmnifyError: emnify could not be asked.
    """
    value = candidate.value
    match candidate.kind:
        case "id":
            return await _find_by_id(client, int(value))
        case "device_id":
            return await _find_by_device_id(client, int(value))
        case "imei":
            wanted = DeviceFilter(imei=value)
            return await _find_by_device(client, wanted, lambda each: (each.imei or "")[:IMEI_BODY_LENGTH] == value)
        case "ip":
            return await _find_by_device(client, DeviceFilter(ip_address=value), lambda each: each.ip_address == value)
        case "device":
            return await _find_by_device_name(client, value)
        case _:
            return await _find_by_number(client, candidate.kind, value)


async def read_remembered(client: EmnifyClient, candidates: Sequence[Candidate]) -> Sim | None:
    """Return the SIM that these digits led to before, if it still has that number (GET /api/v1/sim/{id}).

    To change or to export a SIM only its ICCID is taken at that: digits are no second ICCID, but might have become a
    number of another kind meanwhile.

    Raises:
        EmnifyError: emnify could not be asked.
    """
    known = client.numbers.find(candidates)
    if known is None or (known.number.kind != "iccid" and asking_now().purpose != "question"):
        return None
    with suppress(NotFoundError):
        sim = await client.get_sim(known.sim_id)
        if number_of(sim, known.number.kind) == known.number.value and sim.known_status is not SimStatus.DELETED:
            return sim
    client.numbers.forget(candidates)
    return None


async def search_parts(client: EmnifyClient, text: str, most: int) -> Sequence[Sim]:
    """Return the first SIMs whose ICCID holds a number that is too short to be one (GET /api/v1/sim).

    Raises:
        EmnifyError: emnify could not be asked.
    """
    digits = typed_number(text)
    if digits is None or len(digits) >= ICCID_LENGTH - 1:
        return ()
    # A part off the card may end in the check digit, which `iccid` has not.
    return (await client.list_sims(SimFilter(iccid_with_luhn=digits), per_page=most)).items


async def _find_by_id(client: EmnifyClient, sim_id: int) -> Hits:
    try:
        return Hits([await client.get_sim(sim_id)])
    except NotFoundError:
        return Hits()


async def _find_by_device_id(client: EmnifyClient, device_id: int) -> Hits:
    try:
        device = await client.get_device(device_id)
    except NotFoundError:
        return Hits()
    if device.sim is None:
        return Hits(hint=f"There is a device of that id ({device_id}), but no SIM is in it.")
    return await _find_by_id(client, device.sim.id)


async def _find_by_device(client: EmnifyClient, wanted: DeviceFilter, fits: Callable[[Device], bool]) -> Hits:
    """Find the SIMs of devices that fit, among those emnify finds: it may match parts of a value."""
    page = await client.list_devices(wanted, per_page=_FIRST_DEVICES)
    return Hits(await _sims_in(client, [device for device in page.items if fits(device)], MAX_CANDIDATES + 1))


async def _find_by_number(client: EmnifyClient, kind: Kind, number: str) -> Hits:
    """Find the SIMs with a number; emnify matches parts of it, so the right one may come late in a long list."""
    wanted = {
        "iccid": SimFilter(iccid=number),
        "imsi": SimFilter(imsi=number),
        "msisdn": SimFilter(msisdn=number),
        "eid": SimFilter(eid=number),
    }[kind]
    first = await client.list_sims(wanted, per_page=MAX_CANDIDATES + 1)
    exact = [sim for sim in first.items if number_of(sim, kind) == number]
    if exact or not first.has_next:
        return Hits(exact, [sim for sim in first.items if sim not in exact])
    pages = 0
    async for page in client.iter_sim_pages(wanted):
        pages += 1
        exact += [sim for sim in page.items if number_of(sim, kind) == number]
        if exact or pages == _MAX_PAGES:
            break
    return Hits(exact, first.items)


async def _find_by_device_name(client: EmnifyClient, name: str) -> Hits:
    """Find the SIMs of devices with that name; where there are none, those with similar names."""
    near: list[Sim] = []
    refused: InvalidValueError | None = None
    # Names are shown without what nobody sees of them, and emnify compares with the whole of them.
    parts = _plain_parts(name)
    for part, all_pages in [(name, True), *parts.items()]:
        try:
            hits = await _search_devices(client, name, part, all_pages=all_pages)
        except InvalidValueError as error:
            refused = error
            continue
        if hits.exact or hits.hint:
            return hits
        near += [sim for sim in hits.near if sim not in near]
    if refused is not None and not parts:
        raise refused
    return Hits(near=near[:MAX_SUGGESTIONS])


async def _search_devices(client: EmnifyClient, name: str, part: str, *, all_pages: bool) -> Hits:
    """Find the SIMs of devices with a name, among the devices whose name contains a part of it."""
    wanted = DeviceFilter(name=part)
    page = await client.list_devices(wanted, per_page=_FIRST_DEVICES)
    seen = list(page.items)
    if page.has_next and not all_pages:
        return Hits()
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
        return Hits(near=await _sims_in(client, seen, MAX_SUGGESTIONS), hint=hint)
    same_name = [device for device in seen if is_called(device.name or "", name)]
    exact = await _sims_in(client, same_name, MAX_CANDIDATES + 1)
    if exact:
        return Hits(exact)
    if same_name:
        return Hits(hint=f"There is a device of that name (id {same_name[0].id}), but no SIM is in it.")
    similar = [device for device in seen if holds_words(device.name or "", name)]
    return Hits(near=await _sims_in(client, similar, MAX_SUGGESTIONS))


async def _sims_in(client: EmnifyClient, devices: Sequence[Device], limit: int) -> list[Sim]:
    ids = [device.sim.id for device in devices if device.sim is not None]
    return [await client.get_sim(sim_id) for sim_id in ids[:limit]]


def _plain_parts(name: str) -> dict[str, bool]:
    """Return parts of a name that emnify can search by, and whether all that it finds is worth reading.

    The first is the longest in which nothing can be hidden. The second is its longest word, for a blank may be two; it
    may be part of most names there are. The whole name is neither, nor is what is too short for a search.
    """
    plain = max(re.split(r"[^ -~]+|[,|\"']", name), key=len).strip()
    word = max(plain.split(), key=len, default="")
    parts = {plain: True} if word == plain else {plain: True, word: False}
    return {part: worth for part, worth in parts.items() if _MIN_PART_LENGTH <= len(part) < len(name)}
