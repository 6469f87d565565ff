"""Rank SIMs by usage, and total it. Pure."""

import heapq
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal, NamedTuple

from sim_mcp.emnify import MonthUsage, SimStatus
from sim_mcp.emnify.money import Money
from sim_mcp.fleet.inventory.filters import FleetSim
from sim_mcp.fleet.usage.cache import Amount

By = Literal["data", "sms", "cost"]
Order = Literal["most", "least", "none"]
_SAME, _SAME_ABS = 1e-4, 0.02
"""How far two totals may be apart by rounding alone."""


class Brief(NamedTuple):
    """What ranking needs of a SIM; a million SIMs in full would fill the memory."""

    id: int
    iccid: str | None
    status: SimStatus | None
    device_id: int | None
    activated: date | None


class Ranked(NamedTuple):
    """A SIM with what it used."""

    sim: Brief
    amount: Amount


class Ranking(NamedTuple):
    """The first of the SIMs that qualify, and how many do."""

    first: list[Ranked]
    fitting: int


@dataclass(frozen=True)
class Total:
    """What many SIMs used together: data in MB, SMS as a count, costs by currency."""

    data_mb: float
    sms: float
    costs: Money


def brief(sim: FleetSim) -> Brief:
    """Reduce a SIM to what ranking needs."""
    return Brief(sim.id, sim.iccid, sim.status, sim.device_id, sim.activated)


def may_have_used(sim: Brief) -> bool:
    """Tell whether a SIM can have had traffic: an Issued one never had service (emnify docs: SIM lifecycle)."""
    return sim.status is not SimStatus.ISSUED


def likeliest_first(sims: Iterable[Brief]) -> list[int]:
    """Return SIM ids in the order to read them: those in a device and Activated come first, as they used most."""
    return [
        sim.id
        for sim in sorted(sims, key=lambda sim: (sim.device_id is None, sim.status is not SimStatus.ACTIVATED, sim.id))
    ]


def rank(sims: Iterable[Brief], amounts: Mapping[int, Amount], by: By, order: Order, top: int) -> Ranking:
    """Return the SIMs that used most, least (but something) or nothing; ties go by ICCID.

    Only SIMs whose amount is known are ranked. By cost, amounts compare as bare numbers whatever their currency, and
    a SIM with costs in several currencies counts with the largest.
    """
    known = (Ranked(sim, amounts[sim.id]) for sim in sims if sim.id in amounts)
    if order == "none":
        idle = [row for row in known if row.amount.idle]
        return Ranking(heapq.nsmallest(top, idle, key=lambda row: _name(row.sim)), len(idle))
    used = [row for row in known if _value(row.amount, by) > 0]
    sign = -1 if order == "most" else 1
    return Ranking(
        heapq.nsmallest(top, used, key=lambda row: (sign * _value(row.amount, by), _name(row.sim))), len(used)
    )


def without_usage(sims: Iterable[Brief], amounts: Mapping[int, Amount]) -> tuple[int, ...]:
    """Return the ids of SIMs known to have used nothing, including those that never had service."""
    idle = {sim_id for sim_id, amount in amounts.items() if amount.idle}
    return tuple(sim.id for sim in sims if sim.id in idle or not may_have_used(sim))


def total(amounts: Iterable[Amount]) -> Total:
    """Return the sum of amounts, costs by currency."""
    found = list(amounts)
    return Total(
        math.fsum(one.data_mb for one in found),
        math.fsum(one.sms for one in found),
        Money.total(one.costs for one in found),
    )


def emnify_total(month: MonthUsage | None) -> Total:
    """Return emnify's own total of a month; None stands for a month without traffic."""
    if month is None:
        return Total(0.0, 0.0, Money())
    return Total(
        float(month.data.volume or 0) if month.data else 0.0,
        float(month.sms.volume or 0) if month.sms else 0.0,
        month.costs,
    )


def explain_difference(summed: Total, own: Total | None, *, complete: bool) -> str | None:
    """Return why emnify's own total is another than the sum, or None where it is the same, or not known."""
    if own is None:
        return None
    pairs = [(summed.data_mb, own.data_mb), (summed.sms, own.sms)]
    currencies = {*summed.costs, *own.costs}
    pairs += [(float(summed.costs.get(code, 0)), float(own.costs.get(code, 0))) for code in currencies]
    if all(math.isclose(one, other, rel_tol=_SAME, abs_tol=_SAME_ABS) for one, other in pairs):
        return None
    if not complete:
        return "The sum differs from emnify's own total because not all SIMs are read yet."
    return (
        "The sum differs from emnify's own total, which also counts SIMs that were deleted or handed on since, and "
        "those of workspaces below, and is brought up to date at other times."
    )


def _value(amount: Amount, by: By) -> float | Decimal:
    if by == "cost":
        return amount.costs.largest
    return amount.data_mb if by == "data" else amount.sms


def _name(sim: Brief) -> tuple[str, int]:
    return sim.iccid or "", sim.id
