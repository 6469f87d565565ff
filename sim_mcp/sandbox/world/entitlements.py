"""Quotas and traffic limits of devices: what is set, what is used up, and what that blocks."""

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import NamedTuple

from sim_mcp.sandbox.store.store import EndpointRow, SimRow, Store
from sim_mcp.sandbox.world.catalogue import DeviceStatus, EventType, Source, Status
from sim_mcp.sandbox.world.clock import DAY, Clock, zulu_date
from sim_mcp.sandbox.world.events import EventLog
from sim_mcp.sandbox.world.registry import User
from sim_mcp.sandbox.world.traffic_model import TrafficModel

_EXTENSION_LASTS = 30 * DAY
"""How long an extension lasts is not documented; it ends with the month, roughly."""


class QuotaStatus(IntEnum):
    """Ids of the statuses of a quota (`GET /api/v1/endpoint/{id}/quota/data`)."""

    ACTIVE = 1
    EXHAUSTED = 2
    EXPIRED = 3


@dataclass(frozen=True)
class _Kind:
    table: str
    noun: str
    unit: str
    assigned: EventType
    deleted: EventType
    used_up: tuple[EventType, str]
    expired: EventType | None


class QuotaKind(Enum):
    """What a quota counts."""

    DATA = _Kind(
        "quota",
        "Data quota",
        " MB",
        EventType.DATA_QUOTA_ASSIGNED,
        EventType.DATA_QUOTA_DELETED,
        (EventType.QUOTA_USED_UP, "Quota volume is completely used up and data access denied for endpoint."),
        EventType.DATA_QUOTA_EXPIRED,
    )
    SMS = _Kind(
        "sms_quota",
        "SMS quota",
        " SMS",
        EventType.SMS_QUOTA_ASSIGNED,
        EventType.SMS_QUOTA_DELETED,
        (EventType.SMS_QUOTA_USED_UP, "SMS quota volume is completely used up and SMS access denied for endpoint."),
        None,
    )


class Quota(NamedTuple):
    """A quota as it stands; volumes are MB or SMS, times milliseconds since 1970."""

    status: int
    volume: float
    """What is left."""
    assigned: float
    expiry: int
    changed: int
    threshold: float
    """Percentage of what was assigned at which a warning is due."""
    refill: int


class Entitlements:
    """Keep the quotas and traffic limits of devices."""

    def __init__(self, store: Store, traffic: TrafficModel, event_log: EventLog, clock: Clock) -> None:
        self._store = store
        self._traffic = traffic
        self._event_log = event_log
        self._clock = clock

    def quota(self, endpoint: EndpointRow, kind: QuotaKind) -> Quota | None:
        """Return the quota of a device; None if it has none."""
        columns = ", ".join(Quota._fields)
        sql = f"SELECT {columns} FROM {kind.value.table} WHERE endpoint = ?"  # noqa: S608  # names of ours
        rows = self._store.rows(sql, endpoint.id)
        return Quota._make(rows[0]) if rows else None

    def set_quota(self, endpoint: EndpointRow, kind: QuotaKind, quota: Quota, user: User = None) -> None:
        """Replace the quota of a device, which lets it use the service again (`POST …/quota/data`, `…/quota/sms`)."""
        self._keep(endpoint.id, kind, quota)
        refill = "with" if quota.refill else "without"
        text = (
            f"{kind.value.noun} assigned with volume of {quota.volume:.6f}{kind.value.unit} {refill} daily refill "
            f"until {zulu_date(quota.expiry)[:19]}Z and action on exhaustion set to blocking."
        )
        sim = self._store.sim_of_endpoint(endpoint.id)
        self._event_log.record(kind.value.assigned, text, endpoint.org, sim, endpoint.id, user=user)
        if kind is QuotaKind.DATA and quota.status == QuotaStatus.ACTIVE:
            self._unblock(endpoint, sim)

    def remove_quota(self, endpoint: EndpointRow, kind: QuotaKind, user: User = None) -> bool:
        """Remove the quota of a device (`DELETE …/quota/data`, `…/quota/sms`); return whether it had one."""
        if self.quota(endpoint, kind) is None:
            return False
        with self._store.changing() as sql:
            sql.execute(f"DELETE FROM {kind.value.table} WHERE endpoint = ?", (endpoint.id,))  # noqa: S608  # as above
        sim = self._store.sim_of_endpoint(endpoint.id)
        text = f"{kind.value.noun} deleted."
        self._event_log.record(kind.value.deleted, text, endpoint.org, sim, endpoint.id, user=user)
        return True

    def spend_sms(self, endpoint: EndpointRow) -> bool:
        """Take one SMS off the quota; return False where it is used up."""
        quota = self.quota(endpoint, QuotaKind.SMS)
        if quota is None:
            return True
        if quota.status != QuotaStatus.ACTIVE or quota.volume < 1:
            return False
        self._keep(endpoint.id, QuotaKind.SMS, quota._replace(volume=quota.volume - 1))
        if quota.volume - 1 < 1:
            self._end(endpoint, QuotaKind.SMS, QuotaStatus.EXHAUSTED)
        return True

    def extend_limit(self, endpoint: EndpointRow, volume: float) -> int:
        """Add to the traffic limit of a device, which unblocks it; return the id (`POST …/traffic_limit_extension`)."""
        now = self._clock.now()
        with self._store.changing() as sql:
            cursor = sql.execute(
                "INSERT INTO limit_extension (endpoint, volume, created, expires) VALUES (?, ?, ?, ?)",
                (endpoint.id, volume, now, now + _EXTENSION_LASTS),
            )
        self._unblock(endpoint, self._store.sim_of_endpoint(endpoint.id))
        return int(cursor.lastrowid or 0)

    def remove_extensions(self, endpoint: EndpointRow) -> None:
        """Take all extensions back (`DELETE …/traffic_limit_extension`)."""
        with self._store.changing() as sql:
            sql.execute("DELETE FROM limit_extension WHERE endpoint = ?", (endpoint.id,))

    def settle(self) -> None:
        """End the quotas whose volume or time is used up."""
        now = self._clock.now()
        for kind in QuotaKind:
            sql = f"SELECT endpoint FROM {kind.value.table} WHERE status = ?"  # noqa: S608  # as above
            for (endpoint_id,) in self._store.rows(sql, QuotaStatus.ACTIVE):
                endpoint = self._store.endpoint(int(str(endpoint_id)))
                quota = self.quota(endpoint, kind) if endpoint is not None else None
                if endpoint is None or quota is None:
                    continue
                if quota.expiry <= now:
                    self._end(endpoint, kind, QuotaStatus.EXPIRED)
                elif kind is QuotaKind.DATA and self.left(endpoint, quota) <= 0:
                    self._end(endpoint, kind, QuotaStatus.EXHAUSTED)

    def left(self, endpoint: EndpointRow, quota: Quota) -> float:
        """Return how many MB are left of an active data quota, after what was used since it was set."""
        now = self._clock.now()
        used = sum(
            (session.rx + session.tx) * session.share_by(now)
            for sim in self._traffic.sims_in(endpoint)
            for session in self._traffic.sessions(sim, quota.changed, now, endpoint.id)
        )
        return round(max(0.0, quota.volume - used), 6)

    def _keep(self, endpoint: int, kind: QuotaKind, quota: Quota) -> None:
        marks = ", ".join("?" * (len(quota) + 1))
        columns = ", ".join(("endpoint", *Quota._fields))
        with self._store.changing() as sql:
            sql.execute(
                f"INSERT OR REPLACE INTO {kind.value.table} ({columns}) VALUES ({marks})",  # noqa: S608  # as above
                (endpoint, *quota),
            )

    def _end(self, endpoint: EndpointRow, kind: QuotaKind, status: QuotaStatus) -> None:
        quota = self.quota(endpoint, kind)
        assert quota is not None  # noqa: S101  # callers have read it.
        left = 0.0 if status == QuotaStatus.EXHAUSTED else self.left(endpoint, quota)
        self._keep(endpoint.id, kind, quota._replace(status=status, volume=left, changed=self._clock.now()))
        sim = self._store.sim_of_endpoint(endpoint.id)
        if kind is QuotaKind.DATA:
            self._block(endpoint, sim)
        event, text = kind.value.used_up
        if status == QuotaStatus.EXPIRED:
            if kind.value.expired is None:
                return
            event, text = kind.value.expired, f"{kind.value.noun} of endpoint has expired."
        self._event_log.record(event, text, endpoint.org, sim, endpoint.id, source=Source.POLICY_CONTROL)

    def _block(self, endpoint: EndpointRow, sim: SimRow | None) -> None:
        if sim is not None:
            self._traffic.record_span(sim, serving=False)
        with self._store.changing() as sql:
            sql.execute("INSERT OR REPLACE INTO state VALUES (?, 'BLOCKED', NULL)", (endpoint.id,))

    def _unblock(self, endpoint: EndpointRow, sim: SimRow | None) -> None:
        with self._store.changing() as sql:
            sql.execute("DELETE FROM state WHERE endpoint = ? AND connectivity = 'BLOCKED'", (endpoint.id,))
        if sim is not None and sim.status == Status.ACTIVATED and endpoint.status == DeviceStatus.ENABLED:
            self._traffic.record_span(sim, serving=True)
