"""Builds a SIM with its device and history while a world is created."""

from dataclasses import dataclass, field

from sim_mcp.sandbox.store.store import STORED, EndpointRow, EventRow, SimRow, as_json, event_id
from sim_mcp.sandbox.world.catalogue import (
    ENTERPRISE_ORG,
    EUICC,
    ISSUER_ORG,
    MODELS,
    DeviceStatus,
    EventType,
    Operator,
    Severity,
    Source,
    Status,
)
from sim_mcp.sandbox.world.clock import DAY, HOUR, SECOND
from sim_mcp.sandbox.world.events import (
    gprs_location_text,
    location_text,
    operator_detail,
    pdp_detail,
    session_text,
)
from sim_mcp.sandbox.world.identifiers import eid, iccid, imeisv, luhn_digit
from sim_mcp.sandbox.world.rng import mix

FIRST_SIM = 2_500_000
FIRST_ENDPOINT = 11_380_000
FIRST_ICCID = 6_000_000
FIRST_SUBSCRIBER = 100_000_000
PREPARED = "Status of SIM changed from '{}' to '{}'"


@dataclass
class SimBuilder:
    """A SIM under construction; times are milliseconds since 1970."""

    index: int
    anchor: int
    """The time at which the world begins."""
    seed: int = 1
    status: Status = Status.ACTIVATED
    customer: int | None = ENTERPRISE_ORG
    reseller: int | None = None
    model: int = 44
    number: int | None = None
    """The digits of the ICCID after its prefix; None derives them from the index."""
    activated: int | None = None
    since: int | None = None
    batch: int | None = None
    name: str | None = None
    """Name of the device; None for a SIM without one."""
    tags: str | None = None
    kind: int = 1
    home: int = 4
    imei_lock: bool = False
    device_status: DeviceStatus = DeviceStatus.ENABLED
    imsi_prefix: str = "295050"
    msisdn: str | None = None
    events: list[EventRow] = field(default_factory=list)
    spans: list[tuple[int, int | None]] = field(default_factory=list)
    trips: list[tuple[int, int, int, float]] = field(default_factory=list)
    blocked: list[int] = field(default_factory=list)
    """Networks on the blocklist of the device."""
    quota: tuple[int, float, float, int, int] | None = None
    """Data quota: status, MB left, MB assigned, expiry, last change."""
    sms_quota: tuple[int, float, float, int, int] | None = None
    """SMS quota: the same, counted in SMS."""
    limit_extension: tuple[float, int, int] | None = None
    """Traffic limit extension: MB, start, end."""
    state: tuple[str | None, str | None] | None = None
    """Connectivity status that overrides what the sessions imply, and the error of a network query."""

    @property
    def id(self) -> int:
        """The id of the SIM."""
        return FIRST_SIM + self.index

    @property
    def endpoint_id(self) -> int:
        """The id of the device, if there is one."""
        return FIRST_ENDPOINT + self.index

    @property
    def imsi(self) -> str:
        """The 15 digits of the subscriber."""
        return f"{self.imsi_prefix}{FIRST_SUBSCRIBER + self.index}"

    def build(self) -> SimRow:
        """Return the SIM as a row of the store."""
        digits = iccid(FIRST_ICCID + self.index if self.number is None else self.number)
        produced = (self.anchor // DAY - 200 - self.index // 10 % 900) * DAY + 8 * HOUR + 47 * 60 * SECOND
        activated = self.activated
        if activated is None and self.status in {Status.ACTIVATED, Status.SUSPENDED}:
            activated = produced + 40 * DAY + mix(self.seed, self.index) % DAY // SECOND * SECOND
        subscriber = FIRST_SUBSCRIBER + self.index
        euicc = MODELS[self.model].profile_type[0] == EUICC
        return SimRow(
            self.id, digits, luhn_digit(digits), eid(self.index) if euicc else None, self.imsi,
            self.msisdn or f"423663{subscriber}", self.model, self.status, produced, activated,
            self.since or activated or produced, self.customer, self.reseller, ISSUER_ORG,
            None if self.name is None else self.endpoint_id, self.batch, self.build_device(),
        )  # fmt: skip

    def build_device(self) -> EndpointRow | None:
        """Return the device as a row of the store, or None without one."""
        if self.name is None or self.customer is None:
            return None
        created = self.activated or self.anchor - 150 * DAY
        imei = imeisv(mix(self.seed, self.index))
        return EndpointRow(
            self.endpoint_id, self.customer, self.name, self.tags, imei, int(self.imei_lock), self.device_status,
            created, created, self.index, self.kind, self.home,
        )  # fmt: skip

    def add_event(
        self,
        ago: int,
        kind: EventType,
        text: str,
        *,
        source: Source = Source.NETWORK,
        severity: Severity = Severity.INFO,
        alert: bool = False,
        detail: dict[str, object] | None = None,
        to_workspace: bool = False,
        user: dict[str, object] | None = None,
    ) -> None:
        """Add an event `ago` milliseconds before the world begins, of the SIM or of its whole workspace."""
        at = self.anchor - ago
        sim = None if to_workspace else self.id
        endpoint = None if to_workspace or self.name is None else self.endpoint_id
        number = event_id(at, STORED + len(self.events) % 90)
        org = self.customer or ISSUER_ORG
        extra = [None if each is None else as_json(each) for each in (detail, user)]
        self.events.append(EventRow(number, at, kind, source, severity, int(alert), org, sim, endpoint, text, *extra))

    def add_warning(self, ago: int, kind: EventType, text: str, detail: dict[str, object] | None = None) -> None:
        """Add a refusal or warning by emnify's policy control."""
        self.add_event(ago, kind, text, source=Source.POLICY_CONTROL, severity=Severity.WARN, alert=True, detail=detail)

    def add_session_rejection(self, ago: int, reason: str) -> None:
        """Add a rejected data session (emnify docs: event types)."""
        self.add_warning(ago, EventType.CREATE_PDP, f"PDP Context Request rejected, because {reason}")

    def add_location_updates(self, ago: int, operator: Operator) -> None:
        """Add accepted location updates."""
        detail = operator_detail(operator)
        text = gprs_location_text(self.imsi, operator)
        self.add_event(ago, EventType.UPDATE_GPRS_LOCATION, text, detail=detail)
        self.add_event(ago - SECOND, EventType.UPDATE_LOCATION, location_text(self.imsi, operator), detail=detail)

    def add_session(self, ago: int, length: int, operator: Operator, apn: str, volume: tuple[float, float]) -> None:
        """Add a data session; volume is (received, sent) in MB."""
        bits = mix(self.seed, self.id, ago)
        sim, start = self.build(), self.anchor - ago
        self.add_event(
            ago,
            EventType.CREATE_PDP,
            session_text(operator),
            detail=pdp_detail(sim, operator, start, bits=bits, apn=apn, rat=6),
        )
        detail = pdp_detail(sim, operator, start, bits=bits, apn=apn, rat=6, volume=volume)
        self.add_event(ago - length, EventType.DELETE_PDP, "PDP Context deleted.", detail=detail)

    def add_status_change(
        self, ago: int, before: str, after: str, kind: EventType, user: dict[str, object] | None = None
    ) -> None:
        """Add a change of status, by an application or by a user."""
        self.add_event(ago, kind, PREPARED.format(before, after), source=Source.API, user=user)

    def add_device_assignment(self, ago: int) -> None:
        """Add the event of the assignment to the device."""
        text = f"SIM {self.id} assigned to endpoint {self.endpoint_id}"
        self.add_event(ago, EventType.SIM_ASSIGNED, text, source=Source.API, detail={})
