"""Ask emnify what one SIM used."""

import math
from collections.abc import Iterable

from sim_mcp.emnify import EmnifyClient, MonthUsage, UnreadableAnswerError
from sim_mcp.emnify.endpoints.usage import PeriodUsage
from sim_mcp.emnify.money import Money
from sim_mcp.fleet.usage.cache import Amount
from sim_mcp.fleet.usage.periods import Period, month_before, month_of

READ_WITHIN_S = 900.0
"""A reading may have to wait for two five-minute windows of the rate limits; a slow answer times out much earlier."""


async def read_usage(client: EmnifyClient, sim: int, period: Period) -> dict[str, tuple[Amount, bool]]:
    """Read what a SIM used; return it by period key, each with whether it is final.

    GET /api/v1/sim/{id}/stats answers for this month and the last at once, so either month returns both; days come
    from GET /api/v1/sim/{id}/stats/daily.

    Raises:
        UnreadableAnswerError: There was traffic, but its volume cannot be read.
        EmnifyError: emnify could not be asked.
    """
    if not period.is_month:
        daily = await client.get_sim_daily_usage(sim, period.first, period.last, deadline_s=READ_WITHIN_S)
        if daily.unreadable:
            raise UnreadableAnswerError("emnify's daily usage holds days that cannot be read")
        inside = [day for day in daily.days if period.first <= day.date <= period.last]
        now = client.now()
        return {period.key: (_amount(inside, now.timestamp()), period.is_final(now))}
    usage = await client.get_sim_usage(sim, deadline_s=READ_WITHIN_S)
    now = client.now()
    this = month_of(now.date())
    # A month without traffic is absent.
    months = {this: None, month_before(this): None} | {
        _stated_month(used) or supposed: used
        for supposed, used in ((this, usage.current_month), (month_before(this), usage.last_month))
        if used is not None
    }
    return {
        month.key: (_amount([used] if used else [], now.timestamp()), month.is_final(now))
        for month, used in months.items()
    }


def _stated_month(used: MonthUsage) -> Period | None:
    """Return the month an answer states for its traffic: around midnight emnify's clock may be a month ahead of it."""
    return next(
        (month_of(part.month) for part in (used.data, used.sms) if part and part.month and part.month.day == 1), None
    )


def _amount(parts: Iterable[PeriodUsage], read_at: float) -> Amount:
    used = list(parts)
    data = [part.data for part in used if part.data is not None]
    sms = [part.sms for part in used if part.sms is not None]
    if any(traffic.volume is None for traffic in [*data, *sms]):
        raise UnreadableAnswerError("emnify's usage holds a volume that is no number")
    return Amount(
        data_mb=math.fsum(float(traffic.volume or 0) for traffic in data),
        sms=math.fsum(float(traffic.volume or 0) for traffic in sms),
        costs=Money.total(part.costs for part in used),
        read_at=read_at,
    )
