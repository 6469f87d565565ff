"""What the tools answer, as structured content: each model is one tool's output schema."""

from pydantic import Field

from sim_mcp.tools.result import Answer


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
