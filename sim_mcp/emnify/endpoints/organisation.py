"""The workspace as a whole: its traffic, its fees, its tariff plan."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from pydantic import Field, field_validator

from sim_mcp.emnify.endpoints.usage import Currency, MonthUsage
from sim_mcp.emnify.http.calls import A_WHILE_S, Answer, Call
from sim_mcp.emnify.parsing import parse_array, parse_record
from sim_mcp.emnify.values import Number, Record, Text, Whole

Send = Callable[[Call, float | None], Awaitable[Answer]]


class Fees(Record):
    """A sum of money; a bare number is one too."""

    cost: Number | None = None
    currency: Currency | None = None


class OrganisationStats(Record):
    """Traffic of the workspace and all below it, this month and last; fees of the workspace alone."""

    current_month: MonthUsage | None = None
    last_month: MonthUsage | None = None
    active_chargeable_sims: Whole | None = None
    hosting_fees: Fees | None = None

    @field_validator("hosting_fees", mode="before")
    @classmethod
    def _documented_as_number(cls, value: Any) -> Any:
        return {"cost": value} if isinstance(value, int | float | str) else value


class Scale(Record):
    """One line of a price: so much for each of so many SIMs."""

    scale_start: Number | None = None
    rate: Number | None = None
    volume: Number | None = None


class AppliedPrice(Record):
    """What the activated SIMs of this month cost, line by line."""

    sim_activated_rate: tuple[Scale, ...] = ()


class PlanTerms(Record):
    """The plan behind an assignment."""

    name: Text | None = None
    currency: Currency | None = None


class TariffPlan(Record):
    """The tariff plan of the workspace; rates are for one SIM and one month."""

    sim_activated_rate: Number | None = None
    sim_suspended_rate: Number | None = None
    applied_price: AppliedPrice | None = None
    terms: PlanTerms | None = Field(default=None, alias="tariff_plan")

    @property
    def hosting_rate(self) -> Decimal | None:
        """Return what one activated SIM costs a month, or None where that is not one price for all."""
        rates = {line.rate for line in (self.applied_price.sim_activated_rate if self.applied_price else ())}
        if len(rates) > 1:
            return None
        return rates.pop() if rates else self.sim_activated_rate


class OwnOrganisation:
    """Read about the workspace as a whole. Every method takes `deadline_s`, its time in seconds."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def get_stats(self, *, deadline_s: float | None = None) -> OrganisationStats:
        """Get the traffic and the fees of the workspace (GET /api/v1/organisation/my/stats)."""
        call = Call("GET", "/api/v1/organisation/my/stats", "the organisation's statistics")
        return parse_record(OrganisationStats, await self._send(call, deadline_s))

    async def get_tariff_plan(self, *, deadline_s: float | None = None) -> TariffPlan:
        """Get the tariff plan in force (GET /api/v1/tariff_plan/active). Kept for an hour.

        Raises:
            NotFoundError: There is none.
        """
        call = Call("GET", "/api/v1/tariff_plan/active", "the plan", lasts_s=A_WHILE_S)
        return parse_record(TariffPlan, await self._send(call, deadline_s))

    async def has_inclusive_volume(self, *, deadline_s: float | None = None) -> bool:
        """Tell whether the workspace has inclusive volume (GET /api/v1/organisation/my/inclusive_volume/active).

        Then the cost of a SIM says nothing (emnify's OpenAPI description). Kept for an hour.
        """
        path, about = "/api/v1/organisation/my/inclusive_volume/active", "the inclusive volume"
        return bool(parse_array(await self._send(Call("GET", path, about, lasts_s=A_WHILE_S), deadline_s)))
