"""Costs as fields of an answer's row: one currency beside them, or each currency in a name. Pure."""

from collections.abc import Mapping

from pydantic import ConfigDict

from sim_mcp.emnify import AuthenticationError, EmnifyClient, EmnifyError
from sim_mcp.emnify.money import Money
from sim_mcp.formatting import format_money, round_cost
from sim_mcp.tools.result import Answer

_UNKNOWN = "unknown_currency"
_CONTRACT_WITHIN_S = 8.0
NO_COSTS = "What it costs cannot be known: the workspace has inclusive volume."
"""emnify's OpenAPI description: the cost of a SIM is meaningful only without inclusive volumes."""
PERHAPS_NO_COSTS = "Whether the workspace has inclusive volume could not be read; if so, these costs say nothing."


class CostRow(Answer):
    """A row that may hold costs in several currencies, each in a field of its own such as `cost_EUR`."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float]


async def read_cost_note(client: EmnifyClient) -> str | None:
    """Return `NO_COSTS` where costs say nothing, `PERHAPS_NO_COSTS` where that cannot be read, None where they hold.

    Raises:
        AuthenticationError: emnify does not accept the token.
    """
    try:
        return NO_COSTS if await client.organisation.has_inclusive_volume(deadline_s=_CONTRACT_WITHIN_S) else None
    except AuthenticationError:
        raise
    except EmnifyError:
        return PERHAPS_NO_COSTS


def cost_fields(costs: Mapping[str, Money]) -> dict[str, float]:
    """Return the fields for costs given by name: the bare names, or `<name>_<currency>` where currencies differ."""
    currencies = {currency for money in costs.values() for currency in money}
    if len(currencies) > 1:
        return {field: cost for name, money in costs.items() for field, cost in currency_fields(name, money).items()}
    return {name: round_cost(cost) for name, money in costs.items() for cost in money.values()}


def currency_fields(name: str, money: Money) -> dict[str, float]:
    """Return a field `<name>_<currency>` for each currency."""
    return {f"{name}_{currency or _UNKNOWN}": round_cost(cost) for currency, cost in money.items()}


def single_currency(money: Money) -> str | None:
    """Return the code of the only currency, or None where there are several, or it is unknown."""
    return next(iter(money)) or None if len(money) == 1 else None


def format_row_costs(row: CostRow, name: str, cost: float | None = None, currency: str | None = None) -> list[str]:
    """Return a row's costs of that name with their currencies; `cost` is the one under the bare name."""
    bare = [] if cost is None else [format_money(cost, currency)]
    apart = [
        format_money(value, field.removeprefix(f"{name}_").replace("_", " "))
        for field, value in (row.model_extra or {}).items()
        if field.startswith(f"{name}_")
    ]
    return bare + apart
