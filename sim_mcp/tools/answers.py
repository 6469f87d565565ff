"""What the tools answer, as structured content: each model is one tool's output schema."""

from pydantic import Field

from sim_mcp.tools.result import Answer


class SimRow(Answer):
    """One SIM of a list; the second half only with detail=full."""

    iccid: str
    status: str
    device: str | None = None
    customer: str | None = None
    id: int | None = None
    imsi: str | None = None
    msisdn: str | None = None
    eid: str | None = None
    model: str | None = None
    ip: str | None = None
    produced: str | None = None
    activated: str | None = None


class SimList(Answer):
    """A page of SIMs."""

    total: int | None = Field(default=None, description="all that match")
    page: int
    pages: int | None = None
    customer: str | None = Field(default=None, description="of all rows")
    as_of: str | None = Field(default=None, description="if from the inventory")
    sims: list[SimRow]
    next: str | None = None
    hint: str | None = None


class SimDetail(Answer):
    """One SIM in full."""

    iccid: str = Field(description="with check digit")
    iccid_19: str | None = None
    id: int
    imsi: str | None = None
    msisdn: str | None = None
    eid: str | None = None
    status: str
    status_means: str
    may_become: list[str]
    device: str | None = None
    device_id: int | None = None
    ip: str | None = None
    imei: str | None = None
    tags: str | None = None
    customer: str | None = None
    reseller: str | None = None
    issuer: str | None = None
    model: str | None = None
    produced: str | None = None
    first_activated: str | None = None


class StatusRow(Answer):
    """One status a SIM can have."""

    id: int | None = None
    status: str
    service: str | None = None
    bill: str | None = None
    may_become: list[str] = Field(default_factory=list)


class StatusList(Answer):
    """Every status a SIM can have."""

    statuses: list[StatusRow]


class Amounts(Answer):
    """Data in MB and SMS as a count; rx is what the device received."""

    data_mb: float | None = None
    data_rx_mb: float | None = None
    data_tx_mb: float | None = None
    data_cost: float | None = None
    sms: float | None = None
    sms_rx: float | None = None
    sms_tx: float | None = None
    sms_cost: float | None = None
    currency: str | None = None


class Usage(Answer):
    """One SIM's usage this month and last."""

    iccid: str
    current_month: Amounts | None = None
    last_month: Amounts | None = None
    last_hour_mb: float | None = None
    hint: str | None = None


class Dated(Answer):
    """Something of one day; a base of its own so that the day comes first."""

    date: str


class Day(Amounts, Dated):
    """One day's usage."""


class DailyUsage(Answer):
    """One SIM's usage day by day."""

    iccid: str
    start: str
    end: str
    days: list[Day]
    total: Amounts
    hint: str | None = None


class EventRow(Answer):
    """One event."""

    time: str
    severity: str | None = None
    type: str
    source: str | None = None
    text: str | None = None
    network: str | None = None
    country: str | None = None
    radio: str | None = None
    apn: str | None = None
    data_mb: float | None = None


class EventList(Answer):
    """A page of one SIM's events."""

    iccid: str
    total: int | None = Field(default=None, description="all that match")
    page: int
    pages: int | None = None
    events: list[EventRow]
    next: str | None = None
    hint: str | None = None
