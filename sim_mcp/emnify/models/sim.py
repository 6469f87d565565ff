"""A SIM, its card, and the device it is in. Only the ids are certain."""

from pydantic import Field

from sim_mcp.emnify.identifiers import iccid_with_check_digit, imei_with_check_digit
from sim_mcp.emnify.models.label import Label
from sim_mcp.emnify.models.organisation import Organisation
from sim_mcp.emnify.values import Moment, Record, SimStatus, Text, Whole


class SimRef(Record):
    """A SIM as other records mention it."""

    id: Whole
    iccid: Text | None = None
    iccid_with_luhn: Text | None = None
    status: Label | None = None
    imsi: Text | None = None
    msisdn: Text | None = None
    eid: Text | None = None

    @property
    def printed_iccid(self) -> str | None:
        """Return the ICCID as printed on the card: with its check digit."""
        return self.iccid_with_luhn or iccid_with_check_digit(self.iccid)


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
    service_profile: Label | None = None
    sim: SimRef | None = None

    @property
    def printed_imei(self) -> str | None:
        """Return the IMEI as printed on the device, with its check digit."""
        return imei_with_check_digit(self.imei)


class SimModel(Record):
    """A kind of SIM card or chip."""

    id: Whole | None = None
    description: Text | None = None
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
        return self.iccid_with_luhn or iccid_with_check_digit(self.iccid)
