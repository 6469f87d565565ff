"""In which order SIMs are listed: the parameter `sort` of the tools that list them."""

import difflib
from collections.abc import Sequence
from typing import Annotated, get_args

from pydantic import Field

from sim_mcp.emnify import InvalidValueError, SimSort, SimSortField
from sim_mcp.fleet.inventory.filters import Order, OrderBy

FIELDS: tuple[OrderBy, ...] = get_args(OrderBy)
EMNIFY_FIELDS: dict[OrderBy, SimSortField] = {
    "id": "id",
    "iccid": "iccid",
    "eid": "eid",
    "status": "status",
    "production_date": "production_date",
    "device": "endpoint",
    "model": "model",
    "customer": "customer_org",
    "reseller": "reseller_org",
    "issuer": "issuer_org",
}
"""What emnify sorts by (emnify docs: collections); the inventory sorts by all of `OrderBy`."""

SortKeys = Annotated[
    list[str],
    Field(max_length=4, description=f'"-" first: descending; {", ".join(name for name in FIELDS if name != "id")}'),
]


def parse_order(sort: Sequence[str] | None) -> tuple[Order, ...]:
    """Return the keys to sort by; by id where there are none.

    Raises:
        InvalidValueError: There is no such key.
    """
    return tuple(_parse_key(text) for each in sort or () for text in each.split(",")) or (Order("id"),)


def emnify_order(order: Sequence[Order]) -> tuple[SimSort, ...]:
    """Return the order as emnify's, with the id last, so that each SIM is on one page.

    Raises:
        InvalidValueError: emnify cannot sort by a key.
    """
    for key in order:
        if key.by not in EMNIFY_FIELDS:
            raise InvalidValueError(f"sort={key.by!r}: emnify cannot sort by it; by {', '.join(EMNIFY_FIELDS)}")
    keys = [SimSort(EMNIFY_FIELDS[key.by], key.descending) for key in order]
    is_total = any(key.field in ("id", "iccid") for key in keys)
    return tuple(keys if is_total else [*keys, SimSort("id", keys[-1].descending)])


def _parse_key(text: str) -> Order:
    word = text.strip()
    descending = word.startswith("-") or word.lower().endswith(" desc")
    name = word.lstrip("+-").lower().removesuffix(" desc").removesuffix(" asc").strip().replace(" ", "_")
    for field in FIELDS:
        if field == name:
            return Order(field, descending)
    near = difflib.get_close_matches(name, FIELDS, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise InvalidValueError(f'sort={text!r}: {hint}sort by {", ".join(FIELDS)}; "-" first for descending')
