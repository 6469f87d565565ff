"""What falls due at once by a change: the hosting fee of this month, and how much that is where emnify tells."""

from typing import NamedTuple

from sim_mcp.emnify import EmnifyClient, EmnifyError
from sim_mcp.emnify.money import Money
from sim_mcp.formatting import format_costs, format_quantity

_UNLESS = "except where already active this month"
_READ_WITHIN_S = 4.0
"""A person waits to be asked: a price that takes longer is left out."""


class FeesDue(NamedTuple):
    """For how many SIMs this month's hosting fee falls due, and for how many only if they were not active before."""

    certain: int
    possible: int = 0


async def word_due(client: EmnifyClient, due: FeesDue | None) -> str:
    """Return what falls due now in words, empty where the kind of change does not say; asks emnify for the price."""
    if due is None:
        return ""
    return word_fees(due, await read_hosting_fee(client) if any(due) else Money())


async def read_hosting_fee(client: EmnifyClient) -> Money:
    """Return what one activated SIM costs a month by the tariff plan (GET /api/v1/tariff_plan/active), if it tells."""
    try:
        plan = await client.organisation.get_tariff_plan(deadline_s=_READ_WITHIN_S)
    except EmnifyError:
        return Money()
    currency = plan.terms.currency if plan.terms else None
    return Money.of(plan.hosting_rate, currency.label if currency else None)


def word_fees(due: FeesDue, fee: Money) -> str:
    """Return what falls due now in words, with the amount where the fee is known."""
    certain, possible = due
    if not certain and not possible:
        return "nothing"
    sims = format_quantity(certain + possible, "SIM")
    if not fee:
        unless = f", {_UNLESS}" if possible else ""
        return f"this month's hosting fee for {sims}{unless}; emnify does not tell the amount"
    each = f"this month's hosting fee of {format_costs(fee)} for {sims}"
    if not possible:
        return f"{format_costs(fee * certain)}: {each}"
    least = f"{format_costs(fee * certain)} to " if certain else "at most "
    return f"{least}{format_costs(fee * (certain + possible))}: {each}, {_UNLESS}"
