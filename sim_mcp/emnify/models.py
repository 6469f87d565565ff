"""What emnify sends about SIMs, devices, events and batches. Only the id is certain."""

from typing import Any, Generic, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator

from sim_mcp.emnify.identifiers import luhn_digit
from sim_mcp.emnify.values import AnyObject, Anything, Moment, Number, Record, SimStatus, Text, Whole

_API_ICCID_LENGTH = 19
_IMEISV_LENGTH, _IMEI_BODY = 16, 14
T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """Hold one page of a collection, and where it stands, as far as the headers told."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    items: list[T]
    page: int
    per_page: int
    total: int | None = None
    pages: int | None = None
    unreadable: int = 0

    @property
    def has_next(self) -> bool:
        """Tell whether another page follows; asked past the end, emnify repeats the last page."""
        if self.pages is not None:
            return self.page < self.pages
        if self.total is not None:
            return self.page * self.per_page < self.total
        return len(self.items) + self.unreadable >= self.per_page


class Label(Record):
    """An id with its description; some services call the description a name."""

    id: Whole | None = None
    description: Text | None = Field(default=None, validation_alias=AliasChoices("description", "name"))

    @field_validator("description", mode="before")
    @classmethod
    def _no_blanks(cls, value: Any) -> Any:
        return value.strip() if isinstance(value, str) else value


class Country(Record):
    """A country, as emnify numbers it."""

    id: Whole | None = None
    name: Text | None = None
    iso_code: Text | None = None
    mcc: Text | None = None


class Organisation(Record):
    """A workspace: the issuer, reseller or customer of a SIM."""

    id: Whole
    name: Text | None = None
    country: Country | None = None


class SimRef(Record):
    """A SIM as other records mention it."""

    id: Whole
    iccid: Text | None = None
    iccid_with_luhn: Text | None = None
    status: Label | None = None
    imsi: Text | None = None
    msisdn: Text | None = None
    eid: Text | None = None


class Device(Record):
    """A device, which emnify calls an endpoint (GET /api/v1/endpoint)."""

    id: Whole
    name: Text | None = None
    status: Label | None = None
    tags: Text | None = None
    imei: Text | None = None
    imei_lock: bool | None = None
    ip_address: Text | None = None
    created: Moment | None = None
    last_updated: Moment | None = None
    service_profile: Label | None = None
    tariff_profile: Label | None = None
    sim: SimRef | None = None

    @property
    def printed_imei(self) -> str | None:
        """Return the IMEI as printed on the device: emnify sends an IMEISV, which ends in a version instead."""
        if self.imei and len(self.imei) == _IMEISV_LENGTH and self.imei.isdecimal():
            return self.imei[:_IMEI_BODY] + luhn_digit(self.imei[:_IMEI_BODY])
        return self.imei


class SimModel(Record):
    """A kind of SIM card or chip."""

    id: Whole | None = None
    description: Text | None = None
    memory_size: Whole | None = None
    formfactor: Label | None = None


class Sim(Record):
    """A SIM (GET /api/v1/sim)."""

    id: Whole
    iccid: Text | None = None
    iccid_with_luhn: Text | None = None
    eid: Text | None = None
    imsi: Text | None = None
    msisdn: Text | None = None
    status: Label | None = None
    device: Device | None = Field(default=None, alias="endpoint")
    customer_org: Organisation | None = None
    reseller_org: Organisation | None = None
    issuer_org: Organisation | None = None
    production_date: Moment | None = None
    activation_date: Moment | None = None
    model: SimModel | None = None
    profile_type: Label | None = None

    @property
    def status_id(self) -> int | None:
        """Return the number of the status, known or not."""
        return self.status.id if self.status else None

    @property
    def known_status(self) -> SimStatus | None:
        """Return the status, or None where emnify sends none or a new one."""
        return SimStatus.known(self.status_id)

    @property
    def printed_iccid(self) -> str | None:
        """Return the ICCID as printed on the card: with its check digit, which older answers leave out."""
        if self.iccid_with_luhn:
            return self.iccid_with_luhn
        if self.iccid and len(self.iccid) == _API_ICCID_LENGTH and self.iccid.isdecimal():
            return self.iccid + luhn_digit(self.iccid)
        return self.iccid


class Event(Record):
    """Something that happened to a SIM (GET /api/v1/sim/{id}/event)."""

    id: Whole
    timestamp: Moment | None = None
    type: Label | None = Field(default=None, alias="event_type")
    source: Label | None = Field(default=None, alias="event_source")
    severity: Label | None = Field(default=None, alias="event_severity")
    alert: bool | None = None
    description: Text | None = None
    detail: AnyObject | None = None
    sim: SimRef | None = None
    device: Device | None = Field(default=None, alias="endpoint")
    imsi: Text | None = None
    user: Label | None = None

    @field_validator("imsi", mode="before")
    @classmethod
    def _imsi_alone(cls, value: Any) -> Any:
        return value.get("imsi") if isinstance(value, dict) else value


class Batch(Record):
    """A delivery of SIMs (GET /api/v1/sim_batch/bic/{bic})."""

    id: Whole | None = None
    bic: Text | None = None
    quantity: Whole | None = None
    status: Label | None = None
    model: SimModel | None = None
    sim_model_id: Whole | None = None
    customer_org_id: Whole | None = None
    reseller_org_id: Whole | None = None
    issuer_org_id: Whole | None = None

    @property
    def model_name(self) -> str | None:
        """Return the name of the kind of card, or its number where only that is known."""
        if self.model and self.model.description:
            return self.model.description
        return None if self.sim_model_id is None else f"model {self.sim_model_id}"


class Network(Record):
    """A mobile network, as block lists and locations name it."""

    id: Whole | None = None
    name: Text | None = None
    country: Country | None = None


class RadioType(Record):
    """How a device speaks to its network; emnify's own numbers, which event details need not share."""

    id: Whole | None = Field(default=None, alias="rat_type_id")
    description: Text | None = None


class Location(Record):
    """Where a device is attached, in GET /api/v1/endpoint/{id}/connectivity."""

    last_updated: Moment | None = None
    last_updated_gprs: Moment | None = None
    operator: Network | None = None
    country: Country | None = None


class OpenSession(Record):
    """The data session that is open, in GET /api/v1/endpoint/{id}/connectivity."""

    created: Moment | None = None
    duration: Text | None = None
    radio: RadioType | None = Field(default=None, alias="rat_type")
    imeisv: Text | None = None


class Connectivity(Record):
    """Whether a device is online (GET /api/v1/endpoint/{id}/connectivity)."""

    status: Label | None = None
    location: Location | None = None
    pdp_context: OpenSession | None = None
    services: tuple[Anything, ...] = ()


class Quota(Record):
    """What is left of a device's allowance (GET /api/v1/endpoint/{id}/quota/data); `volume` in MB."""

    status: Label | None = None
    volume: Number | None = None
    expiry_date: Moment | None = None
    action_on_exhaustion: Label | None = None
    threshold_percentage: Number | None = None
    last_volume_added: Number | None = None


class Operation(Record):
    """A job over several SIMs (GET /api/v1/sim/operation)."""

    id: Text
    action: Label | None = None
    status: Label | None = None
    total_count: Whole | None = None
    failed_count: Whole | None = None
    success_count: Whole | None = None
    creation_date: Moment | None = None
    finalization_date: Moment | None = None


class Migration(Record):
    """What moving SIMs to another workspace did, or would do (POST /api/v1/sim/migration/workspace)."""

    sim_count: Whole | None = None
    dry_run: bool | None = None
    target_workspace: Label | None = None


class Product(Record):
    """An eSIM product."""

    id: Whole | None = None
    name: Text | None = None


class ProductCount(Record):
    """How many of a product are without a SIM (GET /api/v1/sim/unlinked_product_stats)."""

    product: Product | None = None
    quantity: Whole | None = None


class InstallationCode(Record):
    """What an eSIM is installed with (GET /api/v1/sim/{id}/installation_code)."""

    iccid: Text | None = None
    payload: Text | None = None
