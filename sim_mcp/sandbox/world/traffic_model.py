"""The everyday traffic of SIMs, computed on demand: sessions and SMS as pure functions of seed, SIM and day."""

from collections.abc import Iterator
from dataclasses import dataclass

from sim_mcp.sandbox.store.store import SimRow, Store
from sim_mcp.sandbox.world.catalogue import OPERATORS, DeviceStatus, Operator, Status
from sim_mcp.sandbox.world.clock import DAY, MINUTE, SECOND, Clock
from sim_mcp.sandbox.world.devices import HOMES, KINDS, Kind
from sim_mcp.sandbox.world.rng import mix, share

EUR_PER_SMS = 0.06
_LOCATION_EVERY = 3
"""Days between location updates of a stationary device."""
_SMS_SLOT = 97


@dataclass(frozen=True, slots=True)
class Session:
    """One data session; times in milliseconds, volumes in MB over the whole session."""

    start: int
    stop: int
    rx: float
    tx: float
    operator: Operator
    bits: int
    located: bool
    """Whether a location update precedes it."""

    def share_by(self, now: int) -> float:
        """Return the share of the session that has passed, 0 to 1, by whole minutes."""
        if now >= self.stop:
            return 1.0
        return max(0, (now - self.start) // MINUTE * MINUTE) / (self.stop - self.start)


@dataclass(slots=True)
class Use:
    """The traffic of a period; volumes in MB, money in EUR."""

    rx: float = 0.0
    tx: float = 0.0
    cost: float = 0.0
    sms_rx: int = 0
    sms_tx: int = 0
    last: int = 0
    """Time of the last traffic, in milliseconds since 1970."""

    def add(self, other: "Use") -> None:
        """Add another period."""
        self.rx += other.rx
        self.tx += other.tx
        self.cost += other.cost
        self.sms_rx += other.sms_rx
        self.sms_tx += other.sms_tx
        self.last = max(self.last, other.last)


class TrafficModel:
    """Compute the traffic of SIMs."""

    def __init__(self, store: Store, seed: int, clock: Clock) -> None:
        self._store = store
        self._seed = seed
        self._clock = clock

    def spans(self, sim: SimRow) -> list[tuple[int, int | None]]:
        """Return the periods of network access as (start, stop) in milliseconds; None as stop means until now."""
        stored = self._store.rows("SELECT start, stop FROM span WHERE sim = ? ORDER BY start", sim.id)
        if stored:
            return [(int(str(start)), None if stop is None else int(str(stop))) for start, stop in stored]
        if sim.endpoint is None or sim.activated is None or sim.endpoint.status != DeviceStatus.ENABLED:
            return []
        return [(sim.activated, None if sim.status == Status.ACTIVATED else sim.since)]

    def record_span(self, sim: SimRow, *, serving: bool) -> None:
        """Record that the SIM has network access from now on, or no longer has."""
        now = self._clock.now()
        spans = self.spans(sim)
        spans = [(start, min(stop, now) if stop else None if serving else now) for start, stop in spans]
        if serving and not any(stop is None for _, stop in spans):
            spans.append((now, None))
        kind, home = self._habits(sim)
        rows = [(sim.id, start, stop, kind.id, home) for start, stop in spans or [(0, 0)]]
        with self._store.changing() as sql:
            sql.execute("DELETE FROM span WHERE sim = ?", (sim.id,))
            sql.executemany("INSERT INTO span VALUES (?, ?, ?, ?, ?)", rows)

    def sessions(self, sim: SimRow, first: int, last: int) -> Iterator[Session]:
        """Return the data sessions that began between two times, oldest first."""
        if sim.endpoint is None and not self._store.rows("SELECT 1 FROM span WHERE sim = ? LIMIT 1", sim.id):
            return
        spans = self.spans(sim)
        trips = self._store.rows("SELECT start, stop, operator, factor FROM excursion WHERE sim = ?", sim.id)
        last = min(last, self._clock.now())
        for start, stop in spans:
            begin, end = max(start, first), min(last, stop if stop is not None else last)
            for session in self._planned(sim, begin, end, trips):
                yield session if stop is None or session.stop <= stop else _cut(session, stop)

    def days(self, sim: SimRow, first_day: int, last_day: int) -> dict[int, Use]:
        """Return the traffic by day, in days since 1970; days without traffic are absent."""
        now = self._clock.now()
        found: dict[int, Use] = {}
        for session in self.sessions(sim, first_day * DAY, (last_day + 1) * DAY - 1):
            part = session.share_by(now)
            rx, tx = round(session.rx * part, 6), round(session.tx * part, 6)
            if rx + tx > 0:
                use = Use(rx, tx, (rx + tx) * session.operator.eur_per_mb, last=min(now, session.stop))
                found.setdefault(session.start // DAY, Use()).add(use)
        for day, sms in self._sms(sim, first_day, last_day):
            found.setdefault(day, Use()).add(sms)
        return dict(sorted(found.items()))

    def _planned(
        self, sim: SimRow, first: int, last: int, trips: list[tuple[str | int | float | None, ...]]
    ) -> Iterator[Session]:
        kind, home = self._habits(sim)
        habits = kind.habits
        slot_length = DAY // habits.sessions
        for day in range(first // DAY, last // DAY + 1):
            for slot in range(habits.sessions):
                bits = mix(self._seed, sim.id, day, slot)
                start = day * DAY + slot * slot_length + (bits & 0xFFFF) * slot_length // 655360 // SECOND * SECOND
                if not first <= start <= last:
                    continue
                long = max(MINUTE, int(slot_length * min(habits.online, 0.88)) // SECOND * SECOND)
                trip = next((t for t in trips if int(str(t[0])) <= start < int(str(t[1]))), None)
                factor = (0.5 + share(bits)) * (float(str(trip[3])) if trip else 1.0) / habits.sessions
                located = slot == 0 and ((day + sim.id) % _LOCATION_EVERY == 0 or trip is not None)
                operator = OPERATORS[int(str(trip[2])) if trip else home]
                rx, tx = round(habits.rx_mb * factor, 6), round(habits.tx_mb * factor, 6)
                yield Session(start, start + long, rx, tx, operator, bits, located)

    def _sms(self, sim: SimRow, first_day: int, last_day: int) -> Iterator[tuple[int, Use]]:
        habits = self._habits(sim)[0].habits
        if not habits.sms_mt + habits.sms_mo:
            return
        now = self._clock.now()
        spans = [(start, now if stop is None else stop) for start, stop in self.spans(sim)]
        for day in range(max(first_day, min((s[0] for s in spans), default=0) // DAY), last_day + 1):
            bits = mix(self._seed, sim.id, day, _SMS_SLOT)
            noon = day * DAY + DAY // 2
            received, sent = int(habits.sms_mt + share(bits)), int(habits.sms_mo + share(mix(bits, 1)))
            if received + sent and noon <= now and any(start <= noon < stop for start, stop in spans):
                yield day, Use(sms_rx=received, sms_tx=sent, last=noon)

    def _habits(self, sim: SimRow) -> tuple[Kind, int]:
        if sim.endpoint is not None:
            return KINDS[sim.endpoint.kind], sim.endpoint.home
        earlier = self._store.rows("SELECT kind, home FROM span WHERE sim = ? AND kind IS NOT NULL LIMIT 1", sim.id)
        return (KINDS[int(str(earlier[0][0]))], int(str(earlier[0][1]))) if earlier else (KINDS[1], HOMES[0])


def _cut(session: Session, stop: int) -> Session:
    part = (stop - session.start) / (session.stop - session.start)
    rx, tx = round(session.rx * part, 6), round(session.tx * part, 6)
    return Session(session.start, stop, rx, tx, session.operator, session.bits, session.located)
