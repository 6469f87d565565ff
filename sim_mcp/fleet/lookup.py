"""Whatever a person typed -> one SIM, or the candidates."""

from collections.abc import Sequence

from sim_mcp.emnify import (
    Device,
    DeviceFilter,
    EmnifyClient,
    InvalidValueError,
    NotFoundError,
    Sim,
    SimFilter,
    SimReference,
    readings,
)
from sim_mcp.untrusted import fence, quoted

_CANDIDATES = 10
_SUGGESTIONS = 5
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
        if near:
            message += f" Did you mean one of these?\n{_listed(near)}"
        else:
            message += f" {hint or 'Compare the digits, or find it with list_sims by a part of them.'}"
        super().__init__(message)


class AmbiguousSimError(LookupFailedError):
    """Several SIMs go by that, and none is guessed."""

    def __init__(self, said: str, candidates: Sequence[Sim]) -> None:
        more = f"\nand {len(candidates) - _CANDIDATES} more" if len(candidates) > _CANDIDATES else ""
        super().__init__(
            f"{len(candidates)} SIMs go by {quoted(said)}. Ask which is meant and name it by its ICCID:\n"
            f"{_listed(candidates[:_CANDIDATES])}{more}"
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
    for reading in readings(said):
        if found and reading.kind == "device":
            break
        tried.append(_WORDS[reading.kind])
        try:
            hits = await _search(client, reading)
        except InvalidValueError as error:
            # A name with a comma cannot be searched for; that matters only if nothing else was found.
            hint = f"As a device name: {error}."
            continue
        for sim in hits:
            (found if _matches(sim, reading) else near)[sim.id] = sim
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
    for name in names:
        try:
            sim = await find_sim(client, name)
        except (LookupFailedError, InvalidValueError) as error:
            failed.append(str(error))
        else:
            found[sim.id] = sim
    if failed:
        raise LookupFailedError("\n".join([*failed, "Nothing changed."]))
    return list(found.values())


async def _search(client: EmnifyClient, reading: SimReference) -> list[Sim]:
    if reading.kind == "id":
        try:
            return [await client.get_sim(int(reading.value))]
        except NotFoundError:
            return []
    if reading.kind == "device":
        return await _by_device(client, reading.value)
    number = reading.value
    by_number = {
        "iccid": SimFilter(iccid=number),
        "imsi": SimFilter(imsi=number),
        "msisdn": SimFilter(msisdn=number),
        "eid": SimFilter(eid=number),
    }
    return (await client.list_sims(by_number[reading.kind], per_page=_CANDIDATES + 1)).items


async def _by_device(client: EmnifyClient, name: str) -> list[Sim]:
    """Find the SIMs of devices of that name; where none is called exactly so, those whose name comes near."""
    page = await client.list_devices(DeviceFilter(name=name), per_page=100)
    with_sim = [device for device in page.items if device.sim is not None]
    exact = [device for device in with_sim if _called(device, name)]
    chosen = exact[: _CANDIDATES + 1] or with_sim[:_SUGGESTIONS]
    return [await client.get_sim(device.sim.id) for device in chosen if device.sim is not None]


def _matches(sim: Sim, reading: SimReference) -> bool:
    """Compare what came back with what was asked for: emnify matches parts of numbers."""
    if reading.kind == "id":
        return str(sim.id) == reading.value
    if reading.kind == "device":
        return sim.device is not None and _called(sim.device, reading.value)
    return bool(getattr(sim, reading.kind) == reading.value)


def _called(device: Device, name: str) -> bool:
    return (device.name or "").strip().casefold() == name.casefold()


def _listed(sims: Sequence[Sim]) -> str:
    rows = [
        f"{sim.printed_iccid or f'id {sim.id}'} {sim.known_status.label if sim.known_status is not None else ''}"
        f"{f' {quoted(sim.device.name, 60)}' if sim.device else ' no device'}"
        for sim in sims
    ]
    return fence("\n".join(rows))
