"""Make a world: the same seed, size and beginning make the same one."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sim_mcp.sandbox.settings import SandboxSettings
from sim_mcp.sandbox.store.schema import ENDPOINT_COLUMNS, SCHEMA_VERSION, SIM_COLUMNS
from sim_mcp.sandbox.store.store import SimRow, Store, insertion
from sim_mcp.sandbox.world.batches import DELIVERIES, UNKNOWN_BIC
from sim_mcp.sandbox.world.catalogue import ENTERPRISE_ORG, OTHER_ORG, RESELLER_ORG, RESOLD_ORG, Status
from sim_mcp.sandbox.world.clock import DAY, SECOND, Clock
from sim_mcp.sandbox.world.devices import HOMES, KINDS, PLACES
from sim_mcp.sandbox.world.rng import mix
from sim_mcp.sandbox.world.sim_builder import Draft
from sim_mcp.sandbox.world.stories import STORIES

_SPREAD = 13
"""Stories stand this far apart among the SIMs, if there are enough."""
_CHUNK = 20_000
_QUIET = 31 * DAY
"""Nothing but everyday life happened to the crowd for so long."""
_MIX = (
    (780, Status.ACTIVATED, True),
    (800, Status.ACTIVATED, False),
    (860, Status.SUSPENDED, True),
    (890, Status.SUSPENDED, False),
    (960, Status.ISSUED, False),
    (980, Status.FACTORY_TEST, True),
    (1000, Status.FACTORY_TEST, False),
)
"""Up to which of a thousand, in which status, in a device or not."""


class WorldMismatchError(ValueError):
    """Say that a file holds another world than the one asked for."""


def open_world(settings: SandboxSettings, clock: Clock) -> Store:
    """Make the world of these settings, or open the file that holds it.

    Raises:
        WorldMismatchError: if the file holds anything else.
    """
    if settings.db is None:
        return _made(Store(), settings, clock)
    if settings.db.exists():
        store = _reopen(settings.db, settings)
        done = store.rows("SELECT max(at) FROM event")[0][0]
        # What was done to the world earlier shall not lie in its future.
        clock.advance(max(0, int(str(done or 0)) - clock.now()))
        return store
    unfinished = settings.db.with_name(settings.db.name + ".part")
    unfinished.unlink(missing_ok=True)
    _made(Store(str(unfinished)), settings, clock).close()
    unfinished.rename(settings.db)
    return Store(str(settings.db))


def _marks(settings: SandboxSettings) -> dict[str, str]:
    beginning = settings.clock.isoformat() if settings.clock else "real time"
    return {
        "version": str(SCHEMA_VERSION),
        "seed": str(settings.seed),
        "sims": str(settings.sims),
        "clock": beginning,
    }


def _reopen(path: Path, settings: SandboxSettings) -> Store:
    try:
        store = Store(str(path))
    except sqlite3.DatabaseError as problem:
        raise WorldMismatchError(f"{path} cannot be used as a world: {problem}") from problem
    try:
        found = {key: store.meta(key) for key in _marks(settings)}
    except sqlite3.DatabaseError as problem:
        store.close()
        raise WorldMismatchError(f"{path} was not made by the sandbox") from problem
    unlike = [
        f"{key} {found[key]!r}, not {wanted!r}" for key, wanted in _marks(settings).items() if found[key] != wanted
    ]
    if unlike:
        store.close()
        raise WorldMismatchError(f"{path} holds a world with {', '.join(unlike)}; use another file or delete it")
    return store


def _made(store: Store, settings: SandboxSettings, clock: Clock) -> Store:
    try:
        _make(store, settings, clock)
    except BaseException:
        store.close()
        raise
    return store


def _make(store: Store, settings: SandboxSettings, clock: Clock) -> None:
    anchor = clock.now() // SECOND * SECOND
    store.create()
    with store.changing() as sql:
        crowd = _crowd(settings, anchor)
        while chunk := [row for _, row in zip(range(_CHUNK), crowd, strict=False)]:
            _insert(store, chunk)
        for draft, key, about in _told(settings, anchor):
            _tell(store, draft, key, about)
        index = max(settings.sims, len(STORIES))
        for number, delivery in enumerate(DELIVERIES, 1):
            sql.execute("INSERT INTO batch VALUES (?, ?, ?)", (number, delivery.bic, f"{880_000 + number}"))
            drafts = [
                Draft(
                    index + at,
                    anchor,
                    settings.seed,
                    Status.ISSUED,
                    delivery.customer,
                    batch=number,
                    model=(44, 52)[number % 2],
                )
                for at in range(delivery.size)
            ]
            index += delivery.size
            _insert(store, [draft.sim() for draft in drafts])
            _list(store, delivery.key, delivery.about, drafts[0].id, delivery.bic)
        _list(store, "batch_unknown", "a BIC that belongs to no batch", None, UNKNOWN_BIC)
    store.index()
    store.note(_marks(settings))


def _told(settings: SandboxSettings, anchor: int) -> Iterator[tuple[Draft, str, str]]:
    for index, number in _places(settings.sims).items():
        story = STORIES[number]
        draft = Draft(index, anchor, settings.seed)
        story.tell(draft)
        yield draft, story.key, story.about


def _places(sims: int) -> dict[int, int]:
    apart = max(1, min(_SPREAD, sims // len(STORIES)))
    return {number * apart: number for number in range(len(STORIES))}


def _crowd(settings: SandboxSettings, anchor: int) -> Iterator[SimRow]:
    told = _places(settings.sims)
    for index in range(settings.sims):
        if index not in told:
            yield _ordinary(settings.seed, anchor, index)


def _ordinary(seed: int, anchor: int, index: int) -> SimRow:
    bits = mix(seed, index)
    draft = Draft(index, anchor, seed)
    draft.customer, draft.reseller = _owner(index // 10)
    thousandth = bits % 1000
    draft.status, in_device = next((status, device) for limit, status, device in _MIX if thousandth < limit)
    if draft.customer is None:
        draft.status, in_device = Status.ISSUED, False
    draft.model = (4, 44, 44, 52, 52, 53)[(bits >> 10) % 6]
    if draft.customer == RESOLD_ORG:
        draft.imsi_prefix, draft.msisdn = "724510", f"55119{index:08d}"
    elif draft.model == 52:  # noqa: PLR2004  # industrial cards carry the international IMSI range
        draft.imsi_prefix = "901430"
    if in_device:
        kind = KINDS[(bits >> 16) % len(KINDS) + 1]
        place = PLACES[(bits >> 24) % len(PLACES)]
        draft.name, draft.kind = kind.name.format(place=place, n=index + 1), kind.id
        draft.tags = None if (bits >> 32) % 5 == 0 else f"{kind.tag}, {place.lower()}"
        draft.home = 601 if draft.customer == RESOLD_ORG else HOMES[(bits >> 40) % len(HOMES)]
    if draft.status == Status.SUSPENDED:
        draft.since = anchor - _QUIET - (bits >> 20) % (90 * DAY) // SECOND * SECOND
    return draft.sim()


def _owner(group: int) -> tuple[int | None, int | None]:
    place = group % 50
    if place in {3, 27}:
        return RESOLD_ORG, RESELLER_ORG
    if place in {6, 33}:
        return OTHER_ORG, None
    if place == 9:  # noqa: PLR2004  # one group of ten in fifty is unsold
        return None, RESELLER_ORG
    return ENTERPRISE_ORG, None


def _insert(store: Store, sims: list[SimRow]) -> None:
    with store.changing() as sql:
        sql.executemany(insertion("sim", SIM_COLUMNS), [sim[:-1] for sim in sims])
        sql.executemany(
            insertion("endpoint", ENDPOINT_COLUMNS),
            [sim.endpoint for sim in sims if sim.endpoint is not None],
        )


def _tell(store: Store, draft: Draft, key: str, about: str) -> None:
    _insert(store, [draft.sim()])
    store.add_events(draft.events)
    with store.changing() as sql:
        spans = [(draft.id, start, stop, draft.kind, draft.home) for start, stop in draft.spans]
        sql.executemany("INSERT INTO span VALUES (?, ?, ?, ?, ?)", spans)
        sql.executemany("INSERT INTO excursion VALUES (?, ?, ?, ?, ?)", [(draft.id, *trip) for trip in draft.trips])
        sql.executemany("INSERT INTO blacklist VALUES (?, ?)", [(draft.endpoint_id, each) for each in draft.blocked])
        if draft.quota is not None:
            sql.execute("INSERT INTO quota VALUES (?, ?, ?, ?, ?, ?)", (draft.endpoint_id, *draft.quota))
        if draft.sms_quota is not None:
            sql.execute("INSERT INTO sms_quota VALUES (?, ?, ?, ?, ?, ?)", (draft.endpoint_id, *draft.sms_quota))
        if draft.limit_extension is not None:
            values = (draft.endpoint_id, *draft.limit_extension)
            sql.execute("INSERT INTO limit_extension (endpoint, volume, created, expires) VALUES (?, ?, ?, ?)", values)
        if draft.state is not None:
            sql.execute("INSERT INTO state VALUES (?, ?, ?)", (draft.endpoint_id, *draft.state))
    _list(store, key, about, draft.id, None)


def _list(store: Store, key: str, about: str, sim: int | None, bic: str | None) -> None:
    with store.changing() as sql:
        place = sql.execute("SELECT count(*) FROM story").fetchone()[0]
        sql.execute("INSERT INTO story VALUES (?, ?, ?, ?, ?)", (key, place, about, sim, bic))
