"""Who used most, least or nothing, and what all used together. Pure."""

import heapq
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

from sim_mcp.emnify import MonthUsage, SimStatus
from sim_mcp.fleet.inventory.filters import FleetSim
from sim_mcp.fleet.usage.cache import Amount

By = Literal["data", "sms", "cost"]
Order = Literal["most", "least", "none"]


class Brief(NamedTuple):
    """What ranking and sorting need of a SIM: of a million of them, the rest would fill the memory."""

    id: int
    iccid: str | None
    status: SimStatus | None
    device_id: int | None
    activated: date | None


class Ranked(NamedTuple):
    """A SIM and what it used."""

    sim: Brief
    amount: Amount


class Ranking(NamedTuple):
    """The first of those that fit, and how many do."""

    first: list[Ranked]
    fitting: int


@dataclass(frozen=True)
class Total:
    """What many SIMs used together; data in MB, SMS as a count, costs by currency."""

    data_mb: float
    sms: float
    costs: Mapping[str, float]


def brief(sim: FleetSim) -> Brief:
    """Return what ranking and sorting need of a SIM."""
    return Brief(sim.id, sim.iccid, sim.status, sim.device_id, sim.activated)


def may_have_used(sim: Brief) -> bool:
    """Tell whether a SIM can have had traffic: one that is Issued never had service (emnify docs: SIM lifecycle)."""
    return sim.status is not SimStatus.ISSUED


def likeliest_first(sims: Iterable[Brief]) -> list[int]:
    """Return the ids in the order to read them: in service and in a device first, for they will have used most."""
    return [
        sim.id
        for sim in sorted(sims, key=lambda sim: (sim.device_id is None, sim.status is not SimStatus.ACTIVATED, sim.id))
    ]


def rank(sims: Iterable[Brief], amounts: Mapping[int, Amount], by: By, order: Order, top: int) -> Ranking:
    """Return the SIMs that used most, or least but something, or nothing at all; equals by ICCID.

    Only SIMs whose amount is known are ranked.
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
    """Return the ids of the SIMs that are known to have used nothing, those that never had service among them."""
    idle = {sim_id for sim_id, amount in amounts.items() if amount.idle}
    return tuple(sim.id for sim in sims if sim.id in idle or not may_have_used(sim))


def total(amounts: Iterable[Amount]) -> Total:
    """Return the sum, each currency apart."""
    found = list(amounts)
    currencies = sorted({one.currency or "" for one in found if one.cost is not None})
    return Total(
        math.fsum(one.data_mb for one in found),
        math.fsum(one.sms for one in found),
        {
            currency: math.fsum(one.cost for one in found if one.cost is not None and (one.currency or "") == currency)
            for currency in currencies
        },
    )


def total_told(month: MonthUsage | None) -> Total:
    """Return emnify's own total of a month; a month without traffic is absent."""
    data, sms = (month.data, month.sms) if month else (None, None)
    costs: dict[str, float] = {}
    for traffic in (data, sms):
        if traffic is not None and traffic.cost is not None:
            costs[traffic.currency or ""] = costs.get(traffic.currency or "", 0.0) + float(traffic.cost)
    return Total(
        float(data.volume or 0) if data else 0.0,
        float(sms.volume or 0) if sms else 0.0,
        costs,
    )


def _value(amount: Amount, by: By) -> float:
    return {"data": amount.data_mb, "sms": amount.sms, "cost": amount.cost or 0.0}[by]


def _name(sim: Brief) -> tuple[str, int]:
    return sim.iccid or "", sim.id
