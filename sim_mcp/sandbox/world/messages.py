"""SMS between applications and devices, and how far each has come."""

from enum import IntEnum
from typing import NamedTuple

from sim_mcp.sandbox.store.store import EndpointRow, SimRow, Store
from sim_mcp.sandbox.world.catalogue import Status
from sim_mcp.sandbox.world.clock import DAY, Clock
from sim_mcp.sandbox.world.entitlements import Entitlements
from sim_mcp.sandbox.world.reachability import connectivity_state
from sim_mcp.sandbox.world.traffic_model import TrafficModel

_FIRST_ID = 19_649_276
_LASTS = DAY
"""How long an SMS is tried, as recorded."""


class MessageStatus(IntEnum):
    """Ids of the statuses of an SMS (`GET /api/v1/endpoint/{id}/sms`)."""

    PENDING = 1
    IN_PROGRESS = 2
    BUFFERED = 3
    DELIVERED = 4
    FAILED = 5
    EXPIRED = 6
    CANCELED = 7


UNDER_WAY = (MessageStatus.PENDING, MessageStatus.IN_PROGRESS, MessageStatus.BUFFERED)


class MessageKind(IntEnum):
    """Ids of the directions of an SMS: to the device, or from it."""

    MT = 1
    MO = 2


class Draft(NamedTuple):
    """An SMS as an application wants it sent."""

    payload: str
    source: str
    source_type: int
    udh: str
    dcs: int
    expiry: int | None


class Message(NamedTuple):
    """An SMS; times are milliseconds since 1970."""

    id: int
    org: int
    endpoint: int
    sim: int
    at: int
    expiry: int
    status: int
    final: int | None
    kind: int
    source: str
    source_type: int
    payload: str
    udh: str
    dcs: int


class Messages:
    """Send SMS, and settle what has become of them."""

    def __init__(
        self, store: Store, traffic: TrafficModel, entitlements: Entitlements, clock: Clock, delivery_ms: int
    ) -> None:
        self._store = store
        self._traffic = traffic
        self._entitlements = entitlements
        self._clock = clock
        self._delivery_ms = delivery_ms

    def send(self, endpoint: EndpointRow, sim: SimRow, draft: Draft) -> int:
        """Take an SMS to a device; return its id (`POST /api/v1/endpoint/{id}/sms`)."""
        now = self._clock.now()
        return self._add(
            Message(
                0,
                endpoint.org,
                endpoint.id,
                sim.id,
                now,
                draft.expiry or now + _LASTS,
                MessageStatus.PENDING,
                None,
                MessageKind.MT,
                draft.source,
                draft.source_type,
                draft.payload,
                draft.udh,
                draft.dcs,
            )
        )

    def receive(self, endpoint: EndpointRow, sim: SimRow, payload: str) -> int:
        """Take an SMS that a device sends; return its id."""
        now = self._clock.now()
        status = MessageStatus.DELIVERED
        return self._add(
            Message(
                0, endpoint.org, endpoint.id, sim.id, now, now + _LASTS, status, now, MessageKind.MO, sim.msisdn, 145,
                payload, "", 0,
            )
        )  # fmt: skip

    def of(self, endpoint: EndpointRow) -> list[Message]:
        """Return the SMS to and from a device, the newest first."""
        self._settle(endpoint)
        return self._select("endpoint = ? ORDER BY id DESC", endpoint.id)

    def one(self, endpoint: EndpointRow, number: int) -> Message | None:
        """Return one SMS of a device; None if there is none of that id."""
        self._settle(endpoint)
        return next(iter(self._select("endpoint = ? AND id = ?", endpoint.id, number)), None)

    def cancel(self, message: Message) -> None:
        """Give up an SMS that was not delivered yet (`DELETE /api/v1/endpoint/{id}/sms/{sms}`)."""
        self._finish(message, MessageStatus.CANCELED, self._clock.now())

    def _settle(self, endpoint: EndpointRow) -> None:
        now = self._clock.now()
        for message in self._select("endpoint = ? AND final IS NULL ORDER BY id", endpoint.id):
            tried = message.at + self._delivery_ms
            if tried < message.expiry and tried <= now and self._reachable(message):
                paid = self._entitlements.spend_sms(endpoint)
                self._finish(message, MessageStatus.DELIVERED if paid else MessageStatus.FAILED, max(tried, message.at))
            elif message.expiry <= now:
                self._finish(message, MessageStatus.EXPIRED, message.expiry)
            elif tried <= now:
                with self._store.changing() as sql:
                    sql.execute("UPDATE sms SET status = ? WHERE id = ?", (MessageStatus.BUFFERED, message.id))

    def _reachable(self, message: Message) -> bool:
        """Tell whether a network has seen the device lately, in this SIM."""
        sim = self._store.sim(message.sim)
        if sim is None or sim.endpoint_id != message.endpoint or sim.status != Status.ACTIVATED:
            return False
        state, _ = connectivity_state(self._store, self._traffic, self._clock, message.endpoint, sim)
        return state != "OFFLINE"

    def _finish(self, message: Message, status: MessageStatus, at: int) -> None:
        with self._store.changing() as sql:
            sql.execute("UPDATE sms SET status = ?, final = ? WHERE id = ?", (status, at, message.id))

    def _add(self, message: Message) -> int:
        with self._store.changing() as sql:
            newest = int(sql.execute("SELECT coalesce(max(id), ?) FROM sms", (_FIRST_ID - 1,)).fetchone()[0])
            marks = ", ".join("?" * len(message))
            sql.execute(f"INSERT INTO sms VALUES ({marks})", message._replace(id=newest + 1))  # noqa: S608  # only question marks are inserted
        return newest + 1

    def _select(self, where: str, *values: int) -> list[Message]:
        columns = ", ".join(Message._fields)
        sql = f"SELECT {columns} FROM sms WHERE {where}"  # noqa: S608  # conditions of ours, values are bound
        return [Message._make(row) for row in self._store.rows(sql, *values)]
