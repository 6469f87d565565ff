"""Many SIMs named by numbers, found in list pages as far as these cost less than a search for each."""

from collections.abc import Iterator, Sequence

from sim_mcp.emnify import ICCID_LENGTH, EmnifyClient, InvalidValueError, Sim, SimSort, parse_candidates
from sim_mcp.emnify.identifiers import IMEI_BODY_LENGTH
from sim_mcp.emnify.pasted_number import Kind
from sim_mcp.fleet.lookup.folding import fold

Key = tuple[Kind, str]


async def read_together(client: EmnifyClient, names: Sequence[str]) -> dict[str, Sim]:
    """Return the SIMs of those names that are numbers and lead to one SIM; the others have to be searched for.

    Reads GET /api/v1/sim.

    Raises:
        EmnifyError: emnify could not be asked.
    """
    meant = {name: keys for name in names if (keys := _keys(name))}
    if not meant:
        return {}
    # A card's number is no other SIM's id or device's name: when all are found, no further page matters.
    cards_only = all(kind == "iccid" for keys in meant.values() for kind, _ in keys[:1])
    wanted = {key for keys in meant.values() for key in keys}
    holders: dict[Key, dict[int, Sim]] = {}
    complete = False
    async for page in client.iter_sim_pages(sort=[SimSort("id")]):
        for sim in page.items:
            for key in wanted.intersection(_keys_of(sim)):
                holders.setdefault(key, {})[sim.id] = sim
        complete = not page.has_next
        if (page.pages or 1) > len(meant) or (cards_only and all(keys[0] in holders for keys in meant.values())):
            break
    found = {name: _only(keys, holders) for name, keys in meant.items() if complete or keys[0][0] == "iccid"}
    return {name: sim for name, sim in found.items() if sim is not None}


def _keys(name: str) -> list[Key]:
    """Return what a number can mean; nothing for what is no number."""
    try:
        candidates = parse_candidates(name)
    except InvalidValueError:
        return []
    if candidates[0].kind in ("device", "ip"):
        return []
    if candidates[0].kind == "iccid":
        return [("iccid", candidates[0].value)]
    return [(each.kind, fold(each.value) if each.kind == "device" else each.value) for each in candidates]


def _keys_of(sim: Sim) -> Iterator[Key]:
    device = sim.device
    yield "id", str(sim.id)
    yield "iccid", (sim.iccid or sim.iccid_with_luhn or "")[:ICCID_LENGTH]
    yield "imsi", sim.imsi or ""
    yield "msisdn", sim.msisdn or ""
    yield "eid", sim.eid or ""
    if device is not None:
        yield "device_id", str(device.id)
        yield "imei", (device.imei or "")[:IMEI_BODY_LENGTH]
        yield "device", fold(device.name or "")


def _only(keys: Sequence[Key], holders: dict[Key, dict[int, Sim]]) -> Sim | None:
    sims = {sim_id: sim for key in keys for sim_id, sim in holders.get(key, {}).items()}
    return next(iter(sims.values())) if len(sims) == 1 else None
