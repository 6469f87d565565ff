"""Pages, orders and the terms of filters, of the lists of SIMs and devices (emnify docs: collections)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sim_mcp.sandbox.api.answers import Headers, Refusal, error
from sim_mcp.sandbox.world.catalogue import ORGANISATIONS


@dataclass(frozen=True)
class Page:
    """The requested page of a list."""

    number: int
    size: int
    total: int
    overflow: str

    @property
    def pages(self) -> int:
        """Number of pages, at least one."""
        return max(1, -(-self.total // self.size))

    @property
    def current(self) -> int:
        """Number of the page returned; beyond the end it is the last one, or empty, by the settings."""
        return min(self.number, self.pages) if self.overflow == "last" else self.number

    @property
    def offset(self) -> int:
        """Number of rows before the page."""
        return (self.current - 1) * self.size

    def headers(self, sort: str) -> Headers:
        """Return the headers that describe the page."""
        return [
            ("X-Count-Per-Page", str(self.size)),
            ("X-Current-Page", str(self.current)),
            ("X-Sort", sort),
            ("X-Total-Count", str(self.total)),
            ("X-Total-Pages", str(self.pages)),
        ]


def read_number(text: str | None) -> int | None:
    """Parse a page number or size; None if it is not a number."""
    return int(text) if text is not None and re.fullmatch(r"-?[0-9]{1,9}", text) else None


def main_page(query: Mapping[str, str], default: int, largest: int) -> tuple[int, int]:
    """Return page number and size; a size below 1 means the default; larger ones are cut (emnify docs: collections)."""
    size = read_number(query.get("per_page"))
    return max(1, read_number(query.get("page")) or 1), default if size is None or size < 1 else min(size, largest)


def terms(text: str | None) -> list[tuple[str, str]]:
    """Split `field:value,field:value` at the first colon of each.

    Raises:
        Refusal: 422 1301, if a part has no field.
    """
    if text is None or not text.strip():
        return []
    found = []
    for part in text.split(","):
        name, colon, value = part.partition(":")
        if not colon or not name.strip() or not value.strip():
            raise bad_filter(part)
        found.append((name.strip(), value.strip()))
    return found


def bad_filter(part: str) -> Refusal:
    """Refuse a filter (emnify docs: errors)."""
    return Refusal(error(422, 1301, "InvalidQueryCriteria", f"Search criteria {part} is invalid"))


def order(text: str | None, columns: Mapping[str, str]) -> tuple[str, str]:
    """Return the SQL ORDER BY and the value of `X-Sort`; ties are ordered by id.

    Raises:
        Refusal: 422 1302, if a field cannot be sorted by.
    """
    found: list[str] = []
    names: list[str] = []
    for part in (text or "").split(","):
        name = part.strip().removeprefix("+").removeprefix("-")
        if not part.strip() and not (text or "").strip(","):
            continue
        if name not in columns:
            raise Refusal(error(422, 1302, "InvalidSortCriteria", f"Sort criteria {part} is invalid"))
        down = " DESC" if part.strip().startswith("-") else ""
        names.append(f"{'-' if down else ''}{name}")
        found += [f"{column}{down}" for column in columns[name].split(", ")]
    if not any(part.split()[0] == "id" for part in found):
        found.append("id")
    return ", ".join(found), ",".join(names) or "id"


_BY_NAME = {org.id: rank for rank, org in enumerate(sorted(ORGANISATIONS.values(), key=lambda each: each.name))}
SIM_ORDER = {
    "id": "id",
    "issuer_org": "issuer",
    "reseller_org": "reseller",
    "customer_org": "customer",
    "iccid": "iccid",
    "eid": "eid",
    "status": "status",
    "production_date": "produced",
    "endpoint": "endpoint",
    "model": "model",
}
SIM_ORDER_BY_NAME = SIM_ORDER | {
    f"{column}_org": f"CASE {column} {' '.join(f'WHEN {org} THEN {rank}' for org, rank in _BY_NAME.items())} END"
    for column in ("issuer", "reseller", "customer")
}
"""The same, with organisations in the order of their names."""
ENDPOINT_ORDER = {
    "id": "id",
    "name": "name",
    "status": "status",
    "last_updated": "updated",
    "created": "created",
    "tags": "tags",
    "ip_address": "ip",
    "imei": "imei",
    "eid": "(SELECT eid FROM sim WHERE sim.endpoint = endpoint.id)",
    "service_profile": "org",
    "tariff_profile": "org",
}
