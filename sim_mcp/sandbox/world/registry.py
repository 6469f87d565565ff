"""Changes to SIMs and devices, with the events and dates that follow from each."""

from sim_mcp.sandbox.store.schema import ENDPOINT_COLUMNS
from sim_mcp.sandbox.store.store import EndpointRow, SimRow, Store, insertion
from sim_mcp.sandbox.world.catalogue import STATUS_EVENTS, STATUS_NAMES, DeviceStatus, EventType, Source, Status
from sim_mcp.sandbox.world.clock import Clock
from sim_mcp.sandbox.world.devices import HOMES
from sim_mcp.sandbox.world.events import EventLog
from sim_mcp.sandbox.world.traffic_model import TrafficModel

User = dict[str, object] | None
_PLAIN_KIND = 3
"""The kind of device, of those in `devices.py`, that a new one behaves like."""


class Registry:
    """Apply changes that the routes have already checked."""

    def __init__(self, store: Store, traffic: TrafficModel, event_log: EventLog, clock: Clock) -> None:
        self._store = store
        self._traffic = traffic
        self._event_log = event_log
        self._clock = clock

    def set_status(self, sim: SimRow, status: Status, user: User = None) -> None:
        """Change the status on request (`PATCH /api/v1/sim/{id}`, `DELETE /api/v1/sim/{id}`)."""
        text = f"Status of SIM changed from '{STATUS_NAMES[Status(sim.status)]}' to '{STATUS_NAMES[status]}'"
        self._change(sim, status)
        self._event_log.record(STATUS_EVENTS[status], text, sim.customer or sim.issuer, sim, user=user)

    def end_factory_test(self, sim: SimRow, reason: str) -> None:
        """Activate a SIM whose factory test is over (emnify docs: factory test mode)."""
        self._change(sim, Status.ACTIVATED)
        before, after = {"id": 4, "description": "FACTORY TEST"}, {"id": 1, "description": "ACTIVATED"}
        self._event_log.record(
            EventType.SIM_ACTIVATION,
            "SIM activated after factory test volume reached.",
            sim.customer or sim.issuer,
            sim,
            source=Source.POLICY_CONTROL,
            detail={"transition": {"sim": {"status": {"from": before, "to": after}}, "reason": reason}},
        )

    def assign_organisation(self, sim: SimRow, column: str, org: int | None) -> None:
        """Set the `customer`, `reseller` or `issuer` of a SIM."""
        with self._store.changing() as sql:
            sql.execute(f"UPDATE sim SET {column} = ? WHERE id = ?", (org, sim.id))  # noqa: S608  # one of three names of ours

    def register(self, sims: list[SimRow], org: int, status: Status, lag_ms: int, user: User = None) -> None:
        """Hand a batch over to a customer (`PATCH /api/v1/sim_batch/bic/{bic}`)."""
        now = self._clock.now()
        with self._store.changing() as sql:
            for sim in sims:
                sql.execute("UPDATE sim SET customer = ? WHERE id = ?", (org, sim.id))
        first, last = sims[0], sims[-1]
        batch: dict[str, object] = {
            "id": first.batch,
            "sim_model": first.model,
            "batch_size": len(sims),
            "first_iccid": first.iccid,
            "last_iccid": last.iccid,
        }
        text = f"Batch of {len(sims)} SIM(s) registered."
        self._event_log.record(EventType.SIM_REGISTRATION, text, org, detail={"sim_batch": batch}, user=user)
        if status != Status.ISSUED:
            with self._store.changing() as sql:
                sql.executemany(
                    "INSERT OR REPLACE INTO pending VALUES (?, ?, ?)", [(sim.id, now + lag_ms, status) for sim in sims]
                )
        self.settle()

    def settle(self) -> None:
        """Apply the pending changes that are due."""
        due = self._store.rows("SELECT sim, status FROM pending WHERE at <= ?", self._clock.now())
        for sim_id, status in due:
            sim = self._store.sim(int(str(sim_id)))
            if sim is not None and sim.status == Status.ISSUED:
                self.set_status(sim, Status(int(str(status))))
        if due:
            with self._store.changing() as sql:
                sql.executemany("DELETE FROM pending WHERE sim = ?", [(row[0],) for row in due])

    def release(self, sim: SimRow, user: User = None) -> None:
        """Take a SIM out of its device (`PATCH /api/v1/endpoint/{id}`)."""
        self._traffic.record_span(sim, serving=False)
        with self._store.changing() as sql:
            sql.execute("UPDATE sim SET endpoint = NULL WHERE id = ?", (sim.id,))
        text = f"SIM {sim.id} released from endpoint {sim.endpoint_id}"
        self._event_log.record(EventType.SIM_RELEASED, text, sim.customer or sim.issuer, sim, detail={}, user=user)

    def create_device(
        self, org: int, *, name: str, tags: str | None, imei: str | None, imei_lock: bool, status: DeviceStatus
    ) -> EndpointRow:
        """Make a device with the next id and address (`POST /api/v1/endpoint`)."""
        now = self._clock.now()
        with self._store.changing() as sql:
            number, ip = sql.execute(
                "SELECT coalesce(max(id), 0) + 1, coalesce(max(ip), 0) + 1 FROM endpoint"
            ).fetchone()
            made = EndpointRow(
                number, org, name, tags, imei, int(imei_lock), status, now, now, ip, _PLAIN_KIND, HOMES[0]
            )
            sql.execute(insertion("endpoint", ENDPOINT_COLUMNS), made)
        return made

    def delete_device(self, endpoint: EndpointRow) -> None:
        """Remove a device with all that belongs to it; what its SIMs did in it stays theirs."""
        with self._store.changing() as sql:
            for table in ("quota", "sms_quota", "limit_extension", "blacklist", "state", "sms"):
                sql.execute(f"DELETE FROM {table} WHERE endpoint = ?", (endpoint.id,))  # noqa: S608  # names of ours
            sql.execute("DELETE FROM endpoint WHERE id = ?", (endpoint.id,))

    def assign(
        self, sim: SimRow, endpoint: EndpointRow, user: User = None, *, becomes: Status | None = Status.ACTIVATED
    ) -> None:
        """Put a SIM into a device; an issued one becomes something else by it (`PATCH /api/v1/endpoint/{id}`)."""
        with self._store.changing() as sql:
            sql.execute("UPDATE sim SET endpoint = ? WHERE id = ?", (endpoint.id, sim.id))
        joined = self._fresh(sim)
        if sim.status == Status.ISSUED and becomes is not None:
            self.set_status(joined, becomes, user)
        self._traffic.record_span(self._fresh(sim), serving=_serves(self._fresh(sim)))
        text = f"SIM {sim.id} assigned to endpoint {endpoint.id}"
        self._event_log.record(EventType.SIM_ASSIGNED, text, endpoint.org, self._fresh(sim), detail={}, user=user)

    def set_device_status(self, endpoint: EndpointRow, status: DeviceStatus, user: User = None) -> None:
        """Enable or disable a device; the SIM keeps its status, but a factory test ends."""
        sim = self._store.sim_of_endpoint(endpoint.id)
        now = self._clock.now()
        if sim is not None:
            self._traffic.record_span(sim, serving=status == DeviceStatus.ENABLED and sim.status == Status.ACTIVATED)
        with self._store.changing() as sql:
            sql.execute("UPDATE endpoint SET status = ?, updated = ? WHERE id = ?", (status, now, endpoint.id))
            sql.execute("DELETE FROM state WHERE endpoint = ?", (endpoint.id,))
        kind, word = (
            (EventType.ENDPOINT_ENABLED, "Enabled")
            if status == DeviceStatus.ENABLED
            else (EventType.ENDPOINT_DISABLED, "Disabled")
        )
        text = f"Status of Endpoint {endpoint.id} changed to {word}"
        self._event_log.record(kind, text, endpoint.org, sim, endpoint.id, user=user)
        if sim is not None and sim.status == Status.FACTORY_TEST:
            self.end_factory_test(self._fresh(sim), "Endpoint status changed")

    def _change(self, sim: SimRow, status: Status) -> None:
        now = self._clock.now()
        device_works = sim.endpoint is not None and sim.endpoint.status == DeviceStatus.ENABLED
        if sim.endpoint is not None:
            self._traffic.record_span(sim, serving=status == Status.ACTIVATED and device_works)
        activated = now if status == Status.ACTIVATED and sim.activated is None else sim.activated
        with self._store.changing() as sql:
            sql.execute(
                "UPDATE sim SET status = ?, since = ?, activated = ? WHERE id = ?", (status, now, activated, sim.id)
            )

    def _fresh(self, sim: SimRow) -> SimRow:
        return self._store.sim(sim.id) or sim


def _serves(sim: SimRow) -> bool:
    return sim.status == Status.ACTIVATED and sim.endpoint is not None and sim.endpoint.status == DeviceStatus.ENABLED
