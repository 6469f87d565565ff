"""Create a world: the same seed, size and clock give the same one."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sim_mcp.sandbox.settings import SandboxSettings
from sim_mcp.sandbox.store.schema import ENDPOINT_COLUMNS, SCHEMA_VERSION, SIM_COLUMNS
from sim_mcp.sandbox.store.store import SimRow, Store, insertion
from sim_mcp.sandbox.world.batches import BATCHES, UNKNOWN_BIC
from sim_mcp.sandbox.world.catalogue import ENTERPRISE_ORG, OTHER_ORG, RESELLER_ORG, RESOLD_ORG, Status
from sim_mcp.sandbox.world.clock import DAY, SECOND, Clock
from sim_mcp.sandbox.world.devices import HOMES, KINDS, PLACES
from sim_mcp.sandbox.world.rng import mix
from sim_mcp.sandbox.world.scenarios import SCENARIOS
from sim_mcp.sandbox.world.scenarios.scenario import Scenario
from sim_mcp.sandbox.world.sim_builder import SimBuilder

_SPREAD = 13
"""How far apart scenarios stand among the SIMs, if there are enough."""
_CHUNK = 20_000
_QUIET = 31 * DAY
"""How long ordinary SIMs have had nothing but everyday traffic."""
_MIX = (
    (780, Status.ACTIVATED, True),
    (800, Status.ACTIVATED, False),
    (860, Status.SUSPENDED, True),
    (890, Status.SUSPENDED, False),
    (960, Status.ISSUED, False),
    (980, Status.FACTORY_TEST, True),
    (1000, Status.FACTORY_TEST, False),
)
"""Ordinary SIMs per mille, cumulated, with their status and whether they are in a device."""


class WorldMismatchError(ValueError):
    """The file holds another world than the settings ask for."""


def open_world(settings: SandboxSettings, clock: Clock) -> Store:
    """Create the world of these settings, or open the file that holds it.

    Raises:
        WorldMismatchError: if the file holds anything else.
    """
    if settings.db is None:
        return _made(Store(), settings, clock)
    if settings.db.exists():
        store = _reopen(settings.db, settings)
        done = store.rows("SELECT max(at) FROM event")[0][0]
        # Events stored by an earlier run must not lie in the future.
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
        ordinary = _ordinary_sims(settings, anchor)
        while chunk := [row for _, row in zip(range(_CHUNK), ordinary, strict=False)]:
            _insert(store, chunk)
        for scenario, builder in _scenario_sims(settings, anchor):
            _insert_scenario(store, scenario, builder)
        index = max(settings.sims, len(SCENARIOS))
        for number, batch in enumerate(BATCHES, 1):
            sql.execute("INSERT INTO batch VALUES (?, ?, ?)", (number, batch.bic, f"{880_000 + number}"))
            builders = [
                SimBuilder(
                    index + at,
                    anchor,
                    settings.seed,
                    Status.ISSUED,
                    batch.customer,
                    batch=number,
                    model=(44, 52)[number % 2],
                )
                for at in range(batch.size)
            ]
            index += batch.size
            _insert(store, [builder.build() for builder in builders])
            _list_scenario(store, batch.key, batch.about, builders[0].id, batch.bic)
        _list_scenario(store, "batch_unknown", "a BIC that belongs to no batch", None, UNKNOWN_BIC)
    store.index()
    store.note(_marks(settings))


def _scenario_sims(settings: SandboxSettings, anchor: int) -> Iterator[tuple[Scenario, SimBuilder]]:
    for index, number in _places(settings.sims).items():
        scenario = SCENARIOS[number]
        builder = SimBuilder(index, anchor, settings.seed)
        scenario.apply(builder)
        yield scenario, builder


def _places(sims: int) -> dict[int, int]:
    apart = max(1, min(_SPREAD, sims // len(SCENARIOS)))
    return {number * apart: number for number in range(len(SCENARIOS))}


def _ordinary_sims(settings: SandboxSettings, anchor: int) -> Iterator[SimRow]:
    taken = _places(settings.sims)
    for index in range(settings.sims):
        if index not in taken:
            yield _ordinary_sim(settings.seed, anchor, index)


def _ordinary_sim(seed: int, anchor: int, index: int) -> SimRow:
    bits = mix(seed, index)
    builder = SimBuilder(index, anchor, seed)
    builder.customer, builder.reseller = _owner(index // 10)
    thousandth = bits % 1000
    builder.status, in_device = next((status, device) for limit, status, device in _MIX if thousandth < limit)
    if builder.customer is None:
        builder.status, in_device = Status.ISSUED, False
    builder.model = (4, 44, 44, 52, 52, 53)[(bits >> 10) % 6]
    if builder.customer == RESOLD_ORG:
        builder.imsi_prefix, builder.msisdn = "724510", f"55119{index:08d}"
    elif builder.model == 52:  # noqa: PLR2004  # industrial cards carry the international IMSI range
        builder.imsi_prefix = "901430"
    if in_device:
        kind = KINDS[(bits >> 16) % len(KINDS) + 1]
        place = PLACES[(bits >> 24) % len(PLACES)]
        builder.name, builder.kind = kind.name.format(place=place, n=index + 1), kind.id
        builder.tags = None if (bits >> 32) % 5 == 0 else f"{kind.tag}, {place.lower()}"
        builder.home = 601 if builder.customer == RESOLD_ORG else HOMES[(bits >> 40) % len(HOMES)]
    if builder.status == Status.SUSPENDED:
        builder.since = anchor - _QUIET - (bits >> 20) % (90 * DAY) // SECOND * SECOND
    return builder.build()


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


def _insert_scenario(store: Store, scenario: Scenario, builder: SimBuilder) -> None:
    _insert(store, [builder.build()])
    store.add_events(builder.events)
    with store.changing() as sql:
        habits = (builder.endpoint_id, builder.kind, builder.home)
        spans = [(builder.id, start, stop, *habits) for start, stop in builder.spans]
        sql.executemany("INSERT INTO span VALUES (?, ?, ?, ?, ?, ?)", spans)
        trips = [(builder.id, *trip) for trip in builder.trips]
        sql.executemany("INSERT INTO excursion VALUES (?, ?, ?, ?, ?)", trips)
        sql.executemany(
            "INSERT INTO blacklist VALUES (?, ?)", [(builder.endpoint_id, each) for each in builder.blocked]
        )
        if builder.quota is not None:
            _insert_quota(sql, "quota", builder.endpoint_id, builder.quota)
        if builder.sms_quota is not None:
            _insert_quota(sql, "sms_quota", builder.endpoint_id, builder.sms_quota)
        if builder.limit_extension is not None:
            values = (builder.endpoint_id, *builder.limit_extension)
            sql.execute("INSERT INTO limit_extension (endpoint, volume, created, expires) VALUES (?, ?, ?, ?)", values)
        if builder.state is not None:
            sql.execute("INSERT INTO state VALUES (?, ?, ?)", (builder.endpoint_id, *builder.state))
    _list_scenario(store, scenario.key, scenario.about, builder.id, None)


def _insert_quota(
    sql: sqlite3.Connection, table: str, endpoint: int, quota: tuple[int, float, float, int, int]
) -> None:
    columns = "endpoint, status, volume, assigned, expiry, changed"
    sql.execute(f"INSERT INTO {table} ({columns}) VALUES (?, ?, ?, ?, ?, ?)", (endpoint, *quota))  # noqa: S608  # names of ours


def _list_scenario(store: Store, key: str, about: str, sim: int | None, bic: str | None) -> None:
    with store.changing() as sql:
        place = sql.execute("SELECT count(*) FROM story").fetchone()[0]
        sql.execute("INSERT INTO story VALUES (?, ?, ?, ?, ?)", (key, place, about, sim, bic))
