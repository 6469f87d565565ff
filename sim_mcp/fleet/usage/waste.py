"""SIMs that cost money and are not used, by reason, and what a SIM costs a month."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from sim_mcp.emnify import (
    AuthenticationError,
    DeviceFilter,
    EmnifyClient,
    EmnifyError,
    OrganisationStats,
    SimStatus,
)
from sim_mcp.emnify.money import Money
from sim_mcp.fleet.usage.cache import Amount
from sim_mcp.fleet.usage.ranking import Brief

TEST_MB, TEST_SMS = 0.1, 10.0
"""Traffic that ends a factory test by default (emnify docs: factory test mode); a workspace may have other limits."""

_NEAR = 0.25
"""The share of that traffic from which the end of the test is near."""

NEW = timedelta(days=30)
"""A SIM first activated more recently may still be on its way into its device."""

_DISABLED = 1


class Why(StrEnum):
    """Why a SIM is waste, or soon may be."""

    NO_DEVICE = "no_device"
    DISABLED_DEVICE = "disabled_device"
    NO_TRAFFIC = "no_traffic"
    FACTORY_TEST_ENDING = "factory_test_ending"


@dataclass
class Waste:
    """SIMs by the reason they are waste; each SIM has one reason at most."""

    found: dict[Why, list[Brief]] = field(default_factory=lambda: {why: [] for why in Why})
    new: int = 0
    """SIMs without traffic that were first activated less than 30 days ago: not counted as waste."""
    in_factory_test: int = 0
    past_default_test: int = 0
    """SIMs in factory test that used more than ends a test by default: their workspace has other limits."""


@dataclass(frozen=True)
class Price:
    """What suspending one SIM saves a month, and where that is known from."""

    per_sim: Money
    source: str


def statuses_of(whys: Iterable[Why]) -> tuple[SimStatus, ...]:
    """Return the statuses that SIMs which are waste for one of those reasons have."""
    wanted = {SimStatus.FACTORY_TEST if why is Why.FACTORY_TEST_ENDING else SimStatus.ACTIVATED for why in whys}
    return tuple(sorted(wanted))


def needs_usage(sim: Brief, disabled: set[int], whys: Container[Why] = tuple(Why)) -> bool:
    """Tell whether it takes a SIM's usage to know if it is waste for one of those reasons."""
    if sim.status is SimStatus.FACTORY_TEST:
        return Why.FACTORY_TEST_ENDING in whys
    if sim.status is not SimStatus.ACTIVATED or Why.NO_TRAFFIC not in whys:
        return False
    return sim.device_id is not None and sim.device_id not in disabled


def sort_out(
    sims: Iterable[Brief],
    disabled: set[int],
    this_month: Mapping[int, Amount],
    last_month: Mapping[int, Amount],
    today: date,
) -> Waste:
    """Group Activated and Factory Test SIMs by why they are waste; without the usage it takes, they are left out."""
    waste = Waste()
    for sim in sims:
        both = (this_month.get(sim.id), last_month.get(sim.id))
        used = [amount for amount in both if amount is not None]
        if sim.status is SimStatus.FACTORY_TEST:
            _test(sim, used, waste)
        elif sim.status is not SimStatus.ACTIVATED:
            continue
        elif sim.device_id is None:
            waste.found[Why.NO_DEVICE].append(sim)
        elif sim.device_id in disabled:
            waste.found[Why.DISABLED_DEVICE].append(sim)
        elif len(used) == len(both) and all(amount.idle for amount in used):
            if sim.activated is not None and today - sim.activated < NEW:
                waste.new += 1
            else:
                waste.found[Why.NO_TRAFFIC].append(sim)
    return waste


def _test(sim: Brief, used: list[Amount], waste: Waste) -> None:
    """Judge a factory test by its traffic this month and last; the API does not show a date that may end it."""
    waste.in_factory_test += 1
    share = max(
        sum(amount.data_mb for amount in used) / TEST_MB,
        sum(amount.sms for amount in used) / TEST_SMS,
    )
    if share >= 1:
        waste.past_default_test += 1
    elif share >= _NEAR:
        waste.found[Why.FACTORY_TEST_ENDING].append(sim)


async def disabled_devices(client: EmnifyClient) -> set[int]:
    """Return the ids of all disabled devices (GET /api/v1/endpoint).

    Raises:
        EmnifyError: emnify could not be asked.
    """
    found: set[int] = set()
    async for page in client.iter_device_pages(DeviceFilter(status=_DISABLED)):
        found |= {device.id for device in page.items if device.status is not None and device.status.id == _DISABLED}
    return found


async def hosting_price(client: EmnifyClient) -> Price | None:
    """Return what an Activated SIM costs a month more than a Suspended one, or None where that is not known.

    Taken from the tariff plan (GET /api/v1/tariff_plan/active), else this month's hosting fees divided by the SIMs
    they are charged for (GET /api/v1/organisation/my/stats).

    Raises:
        AuthenticationError: emnify does not accept the token.
    """
    try:
        plan = await client.organisation.get_tariff_plan()
    except AuthenticationError:
        raise
    except EmnifyError:
        plan = None
    if plan is not None and plan.hosting_rate is not None:
        currency = plan.terms.currency if plan.terms else None
        saved = plan.hosting_rate - (plan.sim_suspended_rate or 0)
        return Price(Money.of(saved, currency.label if currency else None), "tariff plan")
    try:
        return _average(await client.organisation.get_stats())
    except AuthenticationError:
        raise
    except EmnifyError:
        return None


def _average(stats: OrganisationStats) -> Price | None:
    fees, sims = stats.hosting_fees, stats.active_chargeable_sims
    if fees is None or fees.cost is None or not sims:
        return None
    average = Money.of(fees.cost / sims, fees.currency.label if fees.currency else None)
    return Price(average, "this month's hosting fees, averaged")
