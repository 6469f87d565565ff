"""The everyday traffic of SIMs, computed on demand: sessions and SMS as pure functions of seed, SIM and day."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from sim_mcp.sandbox.store.schema import SPAN_COLUMNS
from sim_mcp.sandbox.store.store import EndpointRow, SimRow, Store
from sim_mcp.sandbox.world.catalogue import OPERATORS, DeviceStatus, Operator, Status
from sim_mcp.sandbox.world.clock import DAY, MINUTE, SECOND, Clock
from sim_mcp.sandbox.world.devices import KINDS, Kind
from sim_mcp.sandbox.world.rng import mix, share

EUR_PER_SMS = 0.06
_LOCATION_EVERY = 3
"""Days between location updates of a stationary device."""
_SMS_SLOT = 97


class Span(NamedTuple):
    """A period of network access in one device; times in milliseconds, `stop` is None while it lasts."""

    start: int
    stop: int | None
    device: int
    kind: int
    home: int


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
    device: int
    """The device in which it happened."""
    kind: Kind

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

    def spans(self, sim: SimRow) -> list[Span]:
        """Return the periods in which the SIM had network access, each with the device it was in, oldest first."""
        stored = self._store.rows(f"SELECT {SPAN_COLUMNS} FROM span WHERE sim = ? ORDER BY start", sim.id)  # noqa: S608  # names of ours
        if stored:
            return [Span._make(row) for row in stored]
        device = sim.endpoint
        if device is None or sim.activated is None or device.status != DeviceStatus.ENABLED:
            return []
        stop = None if sim.status == Status.ACTIVATED else sim.since
        return [Span(sim.activated, stop, device.id, device.kind, device.home)]

    def record_span(self, sim: SimRow, *, serving: bool) -> None:
        """Record that the SIM has network access from now on, or no longer has."""
        device = sim.endpoint
        if device is None:
            return
        now = self._clock.now()
        spans = [
            span._replace(stop=min(span.stop, now) if span.stop else None if serving else now)
            for span in self.spans(sim)
        ]
        if serving and not any(span.stop is None for span in spans):
            spans.append(Span(now, None, device.id, device.kind, device.home))
        rows = [(sim.id, *span) for span in spans or [Span(0, 0, device.id, device.kind, device.home)]]
        with self._store.changing() as sql:
            sql.execute("DELETE FROM span WHERE sim = ?", (sim.id,))
            sql.executemany("INSERT INTO span VALUES (?, ?, ?, ?, ?, ?)", rows)

    def sims_in(self, device: EndpointRow) -> list[SimRow]:
        """Return the SIMs that are in a device or had network access in it, in the order of their ids."""
        rows = self._store.rows("SELECT id FROM sim WHERE endpoint = ?", device.id)
        rows += self._store.rows("SELECT DISTINCT sim FROM span WHERE device = ?", device.id)
        return self._store.sims(sorted({int(str(row[0])) for row in rows}))

    def sessions(self, sim: SimRow, first: int, last: int, device: int | None = None) -> Iterator[Session]:
        """Return the data sessions that began between two times, in one device or in any, oldest first."""
        spans = [span for span in self.spans(sim) if device in {None, span.device}]
        if not spans:
            return
        trips = self._store.rows("SELECT start, stop, operator, factor FROM excursion WHERE sim = ?", sim.id)
        last = min(last, self._clock.now())
        for span in spans:
            begin, end = max(span.start, first), min(last, span.stop if span.stop is not None else last)
            for session in self._planned(sim, span, begin, end, trips):
                yield session if span.stop is None or session.stop <= span.stop else _cut(session, span.stop)

    def days(self, sim: SimRow, first_day: int, last_day: int, device: int | None = None) -> dict[int, Use]:
        """Return the traffic by day, in one device or in any, in days since 1970; days without traffic are absent."""
        now = self._clock.now()
        found: dict[int, Use] = {}
        for session in self.sessions(sim, first_day * DAY, (last_day + 1) * DAY - 1, device):
            part = session.share_by(now)
            rx, tx = round(session.rx * part, 6), round(session.tx * part, 6)
            if rx + tx > 0:
                use = Use(rx, tx, (rx + tx) * session.operator.eur_per_mb, last=min(now, session.stop))
                found.setdefault(session.start // DAY, Use()).add(use)
        for day, sms in self._sms(sim, first_day, last_day, device):
            found.setdefault(day, Use()).add(sms)
        return dict(sorted(found.items()))

    def _planned(
        self, sim: SimRow, span: Span, first: int, last: int, trips: list[tuple[str | int | float | None, ...]]
    ) -> Iterator[Session]:
        kind = KINDS[span.kind]
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
                operator = OPERATORS[int(str(trip[2])) if trip else span.home]
                rx, tx = round(habits.rx_mb * factor, 6), round(habits.tx_mb * factor, 6)
                yield Session(start, start + long, rx, tx, operator, bits, located, span.device, kind)

    def _sms(self, sim: SimRow, first_day: int, last_day: int, device: int | None) -> Iterator[tuple[int, Use]]:
        now = self._clock.now()
        for span in self.spans(sim):
            habits = KINDS[span.kind].habits
            if device not in {None, span.device} or not habits.sms_mt + habits.sms_mo:
                continue
            stop = now if span.stop is None else span.stop
            for day in range(max(first_day, span.start // DAY), min(last_day, stop // DAY) + 1):
                bits = mix(self._seed, sim.id, day, _SMS_SLOT)
                noon = day * DAY + DAY // 2
                received, sent = int(habits.sms_mt + share(bits)), int(habits.sms_mo + share(mix(bits, 1)))
                if received + sent and noon <= now and span.start <= noon < stop:
                    yield day, Use(sms_rx=received, sms_tx=sent, last=noon)


def _cut(session: Session, stop: int) -> Session:
    part = (stop - session.start) / (session.stop - session.start)
    rx, tx = round(session.rx * part, 6), round(session.tx * part, 6)
    return replace(session, stop=stop, rx=rx, tx=tx)
