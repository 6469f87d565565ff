"""What was read of usage across SIMs, as the facts an answer holds. Pure: text of customers is cleaned here."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sim_mcp.fleet.inventory.filters import FleetSim
from sim_mcp.fleet.usage.cache import Amount
from sim_mcp.fleet.usage.ranking import Total
from sim_mcp.fleet.usage.scan import UsageResult
from sim_mcp.fleet.usage.waste import NEW, TEST_MB, TEST_SMS, Price, Waste, Why
from sim_mcp.sanitize import called
from sim_mcp.tools.errors import explain

NAME_LIMIT = 60
_TINY = 0.01
_MINUTE, _HOUR = 60, 3600

MEANS = {
    Why.NO_DEVICE: "Activated without a device: charged every month, and without a device it cannot be used.",
    Why.DISABLED_DEVICE: "Activated in a disabled device: charged every month, while the device may not connect.",
    Why.NO_TRAFFIC: "Activated in an enabled device without any data or SMS this month and last: charged all the same.",
    Why.FACTORY_TEST_ENDING: (
        f"In factory test with at least a quarter of the default test volume used ({TEST_MB * 1000:.0f} KB or "
        f"{TEST_SMS:.0f} SMS): free still, charged once it is used up and the SIM becomes Activated by itself."
    ),
}


def usage_row(sim: FleetSim, amount: Amount) -> dict[str, Any]:
    """Return a SIM and what it used."""
    return named(sim) | _present(
        data_mb=rounded(amount.data_mb),
        sms=rounded(amount.sms),
        cost=None if amount.cost is None else cents(amount.cost),
        currency=amount.currency,
    )


def named(sim: FleetSim, *, status: bool = True) -> dict[str, Any]:
    """Return what names a SIM, and its status unless all have the same."""
    return _present(
        iccid=sim.iccid or f"id {sim.id}",
        status=sim.status_label if status else None,
        device=called(sim.device, sim.device_id, NAME_LIMIT) if sim.device_id is not None else None,
        customer=called(sim.customer, sim.customer_id, NAME_LIMIT) if sim.customer_id is not None else None,
    )


def shared_customer(rows: list[dict[str, Any]]) -> str | None:
    """Take the customer out of the rows where it is the same in all, and return it."""
    customers = {row.get("customer") for row in rows}
    shared = customers.pop() if len(customers) == 1 else None
    if shared is not None:
        for row in rows:
            del row["customer"]
    return shared


def total(found: Total) -> dict[str, Any]:
    """Return a total; costs carry their currency in the name."""
    costs = {f"cost_{currency or 'unknown_currency'}": cents(cost) for currency, cost in found.costs.items()}
    return {"data_mb": rounded(found.data_mb), "sms": rounded(found.sms), **costs}


def as_of(reading: UsageResult) -> str | None:
    """Return when usage was read, by emnify's clock."""
    if reading.between is None:
        return None
    first, last = (zulu(moment) for moment in reading.between)
    return first if first == last else f"{first} to {last}"


def state(reading: UsageResult) -> str:
    """Say whether all was read, and if not how far it is and when it will be done."""
    if reading.trouble is not None:
        return f"stopped: {reading.left:,} SIMs not read. {explain(reading.trouble) or 'See the log.'}"
    if reading.left:
        when = f", done in about {duration(reading.eta_s)}" if reading.eta_s is not None else ""
        return f"so far; {reading.left:,} SIMs are still being read in the background{when}; the same call picks it up"
    if reading.failed:
        return f"all but {reading.failed:,} SIMs, which could not be read; the same call tries them again"
    return "complete"


def notes(reading: UsageResult, *more: str | None) -> list[str]:
    """Say what a person should know of an answer."""
    told = [
        "emnify asks to slow down (429): reading goes on slower." if reading.slowed_down and reading.left else None,
        f"{reading.gone:,} SIMs are no longer known to emnify." if reading.gone else None,
        f"{reading.note[0].upper()}{reading.note[1:]}." if reading.note else None,
        *more,
    ]
    return [note for note in told if note]


def waste_notes(waste: Waste) -> list[str | None]:
    """Say what was not counted as waste, and what cannot be known."""
    others = waste.in_factory_test - waste.past_default_test - len(waste.found[Why.FACTORY_TEST_ENDING])
    return [
        f"Not counted: {waste.new:,} SIMs without traffic first activated within {NEW.days} days."
        if waste.new
        else None,
        f"{others:,} more in factory test: far from the default volume." if others else None,
        f"{waste.past_default_test:,} in factory test: past the default volume, so this workspace has its own limits."
        if waste.past_default_test
        else None,
        "A factory test can also end by a date, which emnify's API does not tell." if waste.in_factory_test else None,
    ]


def price(found: Price | None) -> str:
    """Say what suspending one SIM saves, and where that is known from."""
    if found is None:
        return "not known: emnify told neither a tariff plan with one price per SIM nor hosting fees in time"
    return f"{money(found.per_sim, found.currency)} per SIM and month ({found.source})"


def saving(found: Price | None, sims: int) -> str:
    """Say what suspending so many SIMs saves."""
    return "price not known" if found is None else f"{money(found.per_sim * sims, found.currency)} a month"


def money(cost: float, currency: str | None) -> str:
    """Write a sum of money."""
    return f"{cost:,.2f} {currency or '(currency unknown)'}"


def duration(seconds: float) -> str:
    """Write about how long something takes."""
    if seconds < 2 * _MINUTE:
        return f"{math.ceil(seconds)} s"
    if seconds < 2 * _HOUR:
        return f"{math.ceil(seconds / _MINUTE)} min"
    return f"{seconds / _HOUR:.1f} h"


def zulu(moment: datetime) -> str:
    """Write a moment."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def rounded(value: float) -> float:
    """Return a volume as fine as any bill; only what would vanish keeps more digits."""
    return round(value, 3) if abs(value) >= _TINY else round(value, 6)


def cents(cost: float) -> float:
    """Return a cost in cents; only what would vanish keeps more digits."""
    return round(cost, 2) if abs(cost) >= _TINY else round(cost, 6)


def _present(**values: Any) -> dict[str, Any]:
    found: Mapping[str, Any] = values
    return {name: value for name, value in found.items() if value is not None}
