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


class OutcomeRow(Answer):
    """What became of one SIM or batch: changed, already, refused, moved, failed or unknown."""

    iccid: str
    device: str | None = None
    outcome: str
    before: str
    after: str
    note: str


class ChangeReport(Answer):
    """How a change stands and what it did, SIM by SIM."""

    plan: str
    summary: str
    state: str = Field(description="done, not finished, or waiting for approval")
    agreed: str | None = None
    approve_at: str | None = Field(default=None, description="page for a person")
    counts: dict[str, int]
    sims: list[OutcomeRow]
    not_shown: int | None = None
    planned: list[str] | None = None
    note: str | None = None
    next: str | None = None


class ChangeRow(Answer):
    """One change on record: waiting, open, done, rejected or expired."""

    plan: str
    at: str
    state: str
    summary: str
    agreed: str | None = None
    client: str
    counts: dict[str, int] | None = None
    left: int | None = None
    in_doubt: int | None = None
    sims: list[str] | None = None
    not_shown: int | None = None
    next: str | None = None


class ChangeList(Answer):
    """A page of the changes on record."""

    total: int
    page: int
    changes: list[ChangeRow]
    next: str | None = None
    hint: str | None = None


class BatchState(Answer):
    """A batch that can be registered."""

    bic: str
    sims: int | None = None
    model: str | None = None
    status: str | None = None
    next: str
