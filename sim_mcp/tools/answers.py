"""What the tools answer, as structured content: each model is one tool's output schema."""

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
