"""What one SIM used, asked of emnify and brought into the form it is kept in."""

import math
from collections.abc import Iterable

from sim_mcp.emnify import DayUsage, EmnifyClient, MonthUsage, UnreadableAnswerError
from sim_mcp.fleet.usage.cache import Amount
from sim_mcp.fleet.usage.periods import Period, month_before, month_of

READ_WITHIN_S = 900.0
"""A reading may have to wait for two windows of five minutes; a slow answer is given up by the client long before."""


async def read_usage(client: EmnifyClient, sim: int, period: Period) -> dict[str, tuple[Amount, bool]]:
    """Read what a SIM used in that period, by the period's key, and whether it will stay so.

    One answer of GET /api/v1/sim/{id}/stats tells this month and the last; days come from .../stats/daily.

    Raises:
        UnreadableAnswerError: There was traffic, but how much cannot be read: to call it nothing would be a lie.
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
    told = {this: None, month_before(this): None} | {
        _said(used) or supposed: used
        for supposed, used in ((this, usage.current_month), (month_before(this), usage.last_month))
        if used is not None
    }
    return {
        month.key: (_amount([used] if used else [], now.timestamp()), month.is_final(now))
        for month, used in told.items()
    }


def _said(used: MonthUsage) -> Period | None:
    """Return the month that traffic says it is of: around midnight the clock may be a month ahead of the accounts."""
    return next(
        (month_of(part.month) for part in (used.data, used.sms) if part and part.month and part.month.day == 1), None
    )


def _amount(parts: Iterable[MonthUsage | DayUsage], read_at: float) -> Amount:
    data = [part.data for part in parts if part.data is not None]
    sms = [part.sms for part in parts if part.sms is not None]
    both = [*data, *sms]
    if any(traffic.volume is None for traffic in both):
        raise UnreadableAnswerError("emnify's usage holds a volume that is no number")
    costs = [float(traffic.cost) for traffic in both if traffic.cost is not None]
    return Amount(
        data_mb=math.fsum(float(traffic.volume or 0) for traffic in data),
        sms=math.fsum(float(traffic.volume or 0) for traffic in sms),
        cost=math.fsum(costs) if costs else None,
        currency=next((traffic.currency for traffic in both if traffic.currency), None),
        read_at=read_at,
    )
