"""Data and SMS of one SIM with their costs, in a month, a day or several days. Pure."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from sim_mcp.emnify import Traffic
from sim_mcp.emnify.endpoints.usage import PeriodUsage
from sim_mcp.emnify.money import Money
from sim_mcp.formatting import format_count, format_megabytes, format_number, join_pairs, round_volume
from sim_mcp.tools.usage.costs import CostRow, cost_fields, format_row_costs, single_currency


class Amounts(CostRow):
    """Data in MB and SMS as a count; rx is what the device received.

    Costs are in `currency`; where there are several, each is in a field such as `data_cost_EUR` instead.
    """

    data_mb: float | None = None
    data_rx_mb: float | None = None
    data_tx_mb: float | None = None
    data_cost: float | None = None
    sms: float | None = None
    sms_rx: float | None = None
    sms_tx: float | None = None
    sms_cost: float | None = None
    cost: float | None = None
    """Of data and SMS together, where both cost something."""
    currency: str | None = None


def build_amounts(*periods: PeriodUsage, costs: bool = True) -> Amounts:
    """Return what was used in those periods together, with `costs` or without; what none of them has is None."""
    data = [period.data for period in periods if period.data]
    sms = [period.sms for period in periods if period.sms]
    priced = periods if costs else ()
    data_cost = Money.total(period.data_cost for period in priced)
    sms_cost = Money.total(period.sms_cost for period in priced)
    whole = Money.total((data_cost, sms_cost))
    named = {"data_cost": data_cost, "sms_cost": sms_cost}
    if any(data_cost.values()) and any(sms_cost.values()):
        named["cost"] = whole
    return Amounts(
        data_mb=_sum(data, lambda traffic: traffic.volume),
        data_rx_mb=_sum(data, lambda traffic: traffic.rx),
        data_tx_mb=_sum(data, lambda traffic: traffic.tx),
        sms=_sum(sms, lambda traffic: traffic.volume),
        sms_rx=_sum(sms, lambda traffic: traffic.rx),
        sms_tx=_sum(sms, lambda traffic: traffic.tx),
        currency=single_currency(whole) if whole else next(filter(None, (each.currency for each in priced)), None),
        **cost_fields(named),
    )


def render_amounts(row: Amounts) -> str:
    """Return data, SMS and costs with their units on one line."""
    kinds = []
    if row.data_mb is not None:
        detail = _detail(("rx", row.data_rx_mb), ("tx", row.data_tx_mb), format_number)
        costs = format_row_costs(row, "data_cost", row.data_cost, row.currency)
        kinds.append(", ".join([format_megabytes(row.data_mb) + detail, *costs]))
    if row.sms is not None:
        detail = _detail(("rx", row.sms_rx), ("tx", row.sms_tx), format_count)
        costs = format_row_costs(row, "sms_cost", row.sms_cost, row.currency)
        kinds.append(", ".join([f"{format_count(row.sms)} SMS{detail}", *costs]))
    if together := format_row_costs(row, "cost", row.cost, row.currency):
        kinds.append(f"together {', '.join(together)}")
    return "; ".join(kinds) or "no traffic"


def _sum(traffic: Sequence[Traffic], value_of: Callable[[Traffic], Decimal | None]) -> float | None:
    known = [value for each in traffic if (value := value_of(each)) is not None]
    return round_volume(float(sum(known))) if known else None


def _detail(first: tuple[str, float | None], second: tuple[str, float | None], form: Callable[[float], str]) -> str:
    pairs = join_pairs(*((name, None if value is None else form(value)) for name, value in (first, second)))
    return f" ({pairs})" if pairs else ""
