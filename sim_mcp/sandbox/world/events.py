"""Events: those of everyday traffic, computed, and those of scenarios and requests, stored."""

import json
import uuid
from collections.abc import Iterator
from typing import NamedTuple

from sim_mcp.sandbox.store.store import STORED, EndpointRow, EventRow, SimRow, Store, as_json, event_id
from sim_mcp.sandbox.world import catalogue
from sim_mcp.sandbox.world.catalogue import EventType, Operator, Severity, Source
from sim_mcp.sandbox.world.clock import DAY, SECOND, Clock, bare_date, zulu_date
from sim_mcp.sandbox.world.identifiers import ip_address
from sim_mcp.sandbox.world.rng import mix
from sim_mcp.sandbox.world.traffic_model import Session, TrafficModel

RETENTION = 30 * DAY
"""How long events are kept (emnify docs: events reference)."""
FLEET_WINDOW = 100
"""SIMs whose everyday events `/event` includes; computing those of a whole fleet would take minutes."""
_GENERATED = STORED - 1


class Event(NamedTuple):
    """An event with its SIM and, if it was computed, the data session it belongs to."""

    row: EventRow
    sim: SimRow | None
    session: Session | None = None

    @property
    def detail(self) -> dict[str, object] | None:
        """The `detail` object of the event."""
        if self.session is not None and self.sim is not None:
            return session_detail(self.row, self.sim, self.session)
        found: dict[str, object] | None = json.loads(self.row.detail) if self.row.detail else None
        return found


class EventLog:
    """Read the events of SIMs, devices and organisations, and record new ones."""

    def __init__(self, store: Store, traffic: TrafficModel, clock: Clock) -> None:
        self._store = store
        self._traffic = traffic
        self._clock = clock

    def of_sim(self, sim: SimRow) -> list[Event]:
        """Return the events of a SIM within the retention, oldest first."""
        first, last = self._kept()
        stored = [Event(row, sim) for row in self._store.events("sim", sim.id, first, last)]
        return sorted(stored + list(self._everyday(sim, first, last)), key=_by_id)

    def of_endpoint(self, endpoint: EndpointRow) -> list[Event]:
        """Return the events of a device within the retention, oldest first."""
        first, last = self._kept()
        stored = [
            Event(row, self._store.sim(row.sim) if row.sim is not None else None)
            for row in self._store.events("endpoint", endpoint.id, first, last)
        ]
        for sim in self._traffic.sims_in(endpoint):
            stored += self._everyday(sim, first, last, endpoint.id)
        return sorted(stored, key=_by_id)

    def of_organisation(self, org: int, sims: list[SimRow]) -> list[Event]:
        """Return the stored events of an organisation and the computed ones of some of its SIMs, oldest first."""
        first, last = self._kept()
        stored = self._store.events("org", org, first, last)
        known = {sim.id: sim for sim in self._store.sims(sorted({row.sim for row in stored if row.sim is not None}))}
        found = [Event(row, known.get(row.sim or 0)) for row in stored]
        for sim in sims:
            found += self._everyday(sim, first, last)
        return sorted(found, key=_by_id)

    def record(
        self,
        kind: EventType,
        text: str,
        org: int,
        sim: SimRow | None = None,
        endpoint: int | None = None,
        *,
        source: Source = Source.API,
        detail: dict[str, object] | None = None,
        user: dict[str, object] | None = None,
    ) -> None:
        """Record an event that a request caused."""
        at = self._clock.now()
        endpoint = sim.endpoint_id if sim is not None and endpoint is None else endpoint
        row = EventRow(
            event_id(at, STORED), at, kind, source, Severity.INFO, 0, org, sim.id if sim else None, endpoint, text,
            None if detail is None else as_json(detail), None if user is None else as_json(user),
        )  # fmt: skip
        self._store.add_events([row])

    def render(self, event: Event) -> dict[str, object]:
        """Return an event as the API's JSON; absent members are left out (emnify docs: events reference)."""
        row, sim = event.row, event.sim
        organisation = catalogue.ORGANISATIONS[row.org]
        body: dict[str, object] = {
            "timestamp": zulu_date(row.at),
            "alert": bool(row.alert),
            "description": row.text,
            "id": row.id,
            "event_type": {"id": row.type, "description": catalogue.EVENT_TYPES[row.type]},
            "event_source": {"id": row.source, "description": catalogue.SOURCE_NAMES[Source(row.source)]},
            "event_severity": {"id": row.severity, "description": catalogue.SEVERITY_NAMES[Severity(row.severity)]},
            "organisation": {"id": organisation.id, "name": organisation.name},
        }
        endpoint = self._endpoint(event)
        if endpoint:
            body["endpoint"] = {
                "id": endpoint.id,
                "name": endpoint.name,
                "imei": endpoint.imei,
                "ip_address": ip_address(endpoint.ip),
                "tags": endpoint.tags,
            }
        if row.user:
            body["user"] = json.loads(row.user)
        if sim:
            body["sim"] = {"iccid": sim.iccid, "id": sim.id, "production_date": zulu_date(sim.produced)}
            imported = zulu_date(sim.produced + 129 * SECOND)
            body["imsi"] = {"id": sim.id - 3, "import_date": imported, "imsi": sim.imsi}
        detail = event.detail
        if detail is not None:
            body["detail"] = detail
        return body

    def _endpoint(self, event: Event) -> EndpointRow | None:
        wanted = event.row.endpoint
        if wanted is None:
            return None
        if event.sim and event.sim.endpoint and event.sim.endpoint.id == wanted:
            return event.sim.endpoint
        return self._store.endpoint(wanted)

    def _kept(self) -> tuple[int, int]:
        now = self._clock.now()
        return now - RETENTION, now

    def _everyday(self, sim: SimRow, first: int, last: int, device: int | None = None) -> Iterator[Event]:
        for session in self._traffic.sessions(sim, first - DAY, last, device):
            then = self._as_it_was(sim, session)
            for at, kind, text in _session_events(sim, session):
                if first <= at <= last:
                    number = event_id(at, mix(sim.id, at, kind) % _GENERATED)
                    org = sim.customer or sim.issuer
                    info, where = Severity.INFO, session.device
                    row = EventRow(number, at, kind, Source.NETWORK, info, 0, org, sim.id, where, text, None, None)
                    yield Event(row, then, session)

    def _as_it_was(self, sim: SimRow, session: Session) -> SimRow:
        if sim.endpoint_id == session.device:
            return sim
        return sim._replace(endpoint_id=session.device, endpoint=self._store.endpoint(session.device))


def _by_id(event: Event) -> int:
    return event.row.id


def _session_events(sim: SimRow, session: Session) -> Iterator[tuple[int, EventType, str]]:
    if session.located:
        yield session.start - 4 * SECOND, EventType.UPDATE_GPRS_LOCATION, gprs_location_text(sim.imsi, session.operator)
        yield session.start - 3 * SECOND, EventType.UPDATE_LOCATION, location_text(sim.imsi, session.operator)
    yield session.start, EventType.CREATE_PDP, session_text(session.operator)
    yield session.stop, EventType.DELETE_PDP, "PDP Context deleted."


def node(operator: Operator, number: int) -> str:
    """Return the global title of a network element."""
    return f"{operator.country.country_code}{operator.mnc}{operator.id * 7919 % 100000:05d}{number:02d}"


def location_text(imsi: str, operator: Operator) -> str:
    """Describe a location update that was accepted (emnify docs: event types)."""
    return f"New location received from VLR for IMSI='{imsi}', now attached to VLR='{node(operator, 1)}'."


def gprs_location_text(imsi: str, operator: Operator) -> str:
    """Describe a GPRS location update that was accepted (emnify docs: event types)."""
    return (
        f"New location received from SGSN for IMSI='{imsi}', now attached to SGSN='{node(operator, 2)}', "
        f"IP='{_node_address(operator)}'."
    )


def session_text(operator: Operator) -> str:
    """Describe a data session that was opened (emnify docs: event types)."""
    address = _node_address(operator)
    return f"New PDP Context successfully activated with SGSN CP={address}, DP={address}."


def operator_detail(operator: Operator) -> dict[str, object]:
    """Describe a network as location updates do (emnify docs: event types)."""
    return {
        "id": operator.id,
        "name": operator.name,
        "country": _country(operator),
        "tapcode": [{"id": operator.id + 1000, "tapcode": operator.tapcode}],
        "mnc": [{"id": operator.id + 2000, "mnc": operator.mnc}],
    }


def session_detail(row: EventRow, sim: SimRow, session: Session) -> dict[str, object]:
    """Return the `detail` object of a computed event."""
    if row.type in {EventType.UPDATE_LOCATION, EventType.UPDATE_GPRS_LOCATION}:
        return operator_detail(session.operator)
    habits = session.kind.habits
    volume = (session.rx, session.tx) if row.type == EventType.DELETE_PDP else None
    return pdp_detail(
        sim, session.operator, session.start, bits=session.bits, apn=habits.apn, rat=habits.rat, volume=volume
    )


def pdp_detail(
    sim: SimRow,
    operator: Operator,
    start: int,
    *,
    bits: int,
    apn: str,
    rat: int,
    volume: tuple[float, float] | None = None,
) -> dict[str, object]:
    """Describe a data session, when it opens or, with its volume in MB, when it ends (emnify docs: event types)."""
    address = _node_address(operator)
    closed = volume is not None
    context: dict[str, object] = {
        "apn": None if closed else apn,
        "rat_type": rat,
        "region": "eu-west-1",
        "breakout_ip": None if closed else "18.196.20.14",
        "mcc": operator.country.mcc,
        "mnc": operator.mnc,
        "lac": bits % 65000,
        "ci": bits // 7 % 65000,
        "sac": None,
        "rac": bits % 250,
        "ue_ip_address": ip_address(sim.endpoint.ip) if sim.endpoint else None,
        "imeisv": sim.endpoint.imei if sim.endpoint else None,
        "imsi": sim.imsi,
        "gtp_version": 1,
        "nsapi": 5,
        "pdp_context_id": bits % 10**9,
        "rx_teid": bits // 11 % 2**32,
        "tx_teid_control_plane": bits // 13 % 2**32,
        "tx_teid_data_plane": bits // 17 % 2**32,
        "sgsn_control_plane_ip_address": address,
        "sgsn_data_plane_ip_address": address,
        "ggsn_control_plane_ip_address": "185.57.216.9",
        "ggsn_data_plane_ip_address": "185.57.216.10",
        "tunnel_created": bare_date(start),
    }
    if not closed:
        context |= {
            "operator_id": str(operator.id),
            "tariff_profile_id": "424560",
            "ratezone_id": "4711",
            "tariff_id": "398",
        }
    detail: dict[str, object] = {
        "id": operator.id,
        "name": operator.name,
        "country": _country(operator),
        "session_id": str(uuid.UUID(int=mix(bits, 1) << 64 | mix(bits, 2), version=4)),
        "pdp_context": context,
    }
    if volume is not None:
        rx, tx = volume
        detail["volume"] = {"total": round(rx + tx, 6), "rx": rx, "tx": tx}
    return detail


def _country(operator: Operator) -> dict[str, object]:
    country = operator.country
    return {
        "id": country.id,
        "name": country.name,
        "country_code": country.country_code,
        "mcc": country.mcc,
        "iso_code": country.iso_code,
    }


def _node_address(operator: Operator) -> str:
    return f"193.{operator.id % 200}.{operator.id * 31 % 250}.12"
