"""Answers as the compact lines a language model reads. Pure: every fact of the structured content, no I/O."""

from sim_mcp.sanitize import quoted
from sim_mcp.tools import answers

_CENT = 0.01


def usage(answer: answers.Usage) -> str:
    """Write a SIM's usage this month and last."""
    months = [("This month", answer.current_month), ("Last month", answer.last_month)]
    lines = [f"{name}: {amounts(month)}" for name, month in months if month is not None]
    last_hour = None if answer.last_hour_mb is None else f"Last hour: {megabytes(answer.last_hour_mb)}"
    return _lines(f"Usage of SIM {answer.iccid}", *lines, last_hour, answer.hint)


def daily_usage(answer: answers.DailyUsage) -> str:
    """Write a SIM's usage day by day and its total."""
    rows = [f"{day.date}: {amounts(day)}" for day in answer.days]
    total = f"Total: {amounts(answer.total)}"
    head = f"Daily usage of SIM {answer.iccid} from {answer.start} to {answer.end}"
    return _lines(head, *rows, total, answer.hint)


def all_of(customer: str | None) -> str | None:
    """Say whose all rows are: the first line inside a fence, for a customer's name is no heading."""
    return f"all of customer {quoted(customer)}:" if customer else None


def amounts(row: answers.Amounts) -> str:
    """Write data, SMS and cost with their units."""
    parts = []
    if row.data_mb is not None:
        detail = _pairs(("rx", _plain(row.data_rx_mb)), ("tx", _plain(row.data_tx_mb)))
        parts.append(megabytes(row.data_mb) + (f" ({detail})" if detail else "") + _money(row.data_cost, row.currency))
    if row.sms is not None:
        detail = _pairs(("rx", _count(row.sms_rx)), ("tx", _count(row.sms_tx)))
        parts.append(f"{_count(row.sms)} SMS" + (f" ({detail})" if detail else "") + _money(row.sms_cost, row.currency))
    return "; ".join(parts) or "nothing"


def megabytes(volume: float) -> str:
    """Write a volume in MB with every digit it has."""
    return f"{_plain(volume)} MB"


def _plain(number: float | None) -> str | None:
    return None if number is None else f"{number:,.6f}".rstrip("0").rstrip(".")


def _counted(shown: int, total: int | None, noun: str) -> str:
    plural = noun if (total if total is not None else shown) == 1 else f"{noun}s"
    return f"{shown:,} {plural}" if total is None or total == shown else f"{shown:,} of {total:,} {plural}"


def _next(call: str | None) -> str | None:
    return f"Next: {call}" if call else None


def _money(cost: float | None, currency: str | None) -> str:
    if cost is None:
        return ""
    precise = f"{cost:,.2f}" if abs(cost) >= _CENT or cost == 0 else f"{cost:f}"
    return f", {precise} {currency or '(currency unknown)'}"


def _count(number: float | None) -> str | None:
    return None if number is None else f"{number:,.0f}"


def _pairs(*pairs: tuple[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in pairs if value not in (None, ""))


def _lines(*lines: str | None) -> str:
    return "\n".join(line for line in lines if line)
