"""Numbers, times, money and lines as every answer writes them. Pure; each way of writing stands here once."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

_FINEST = 6
"""Decimal places emnify's volumes have at most."""
_SMALL_VOLUME = 0.01
_SMALLEST_BY_CENTS = Decimal("0.01")
"""A cost below it would vanish if it were written in cents, so it keeps all its digits."""

_MINUTE_S, _HOUR_S = 60, 3600


def join_lines(*lines: str | None) -> str:
    """Return the lines that hold anything, one below the other."""
    return "\n".join(line for line in lines if line)


def join_pairs(*pairs: tuple[str, object]) -> str:
    """Return `name value, name value`, without the pairs whose value is None or empty."""
    return ", ".join(f"{name} {value}" for name, value in pairs if value not in (None, ""))


def join_sentences(*sentences: str | None) -> str:
    """Return the sentences that hold anything as one paragraph, each ending with a mark."""
    return " ".join(
        sentence if sentence.endswith((".", "?", "!")) else f"{sentence}." for sentence in sentences if sentence
    )


def format_number(value: float | Decimal) -> str:
    """Return a number with thousands separated and no trailing zeros, such as `1,234.5`."""
    return f"{value:,.{_FINEST}f}".rstrip("0").rstrip(".")


def round_volume(megabytes: float) -> float:
    """Return a volume to a thousandth of a MB, which is finer than any bill; below a hundredth, to 6 places."""
    return round(megabytes, 3) if abs(megabytes) >= _SMALL_VOLUME else round(megabytes, _FINEST)


def format_megabytes(volume: float | Decimal) -> str:
    """Return a volume with its unit, such as `12.5 MB`."""
    return f"{format_number(volume)} MB"


def format_count(number: float | Decimal) -> str:
    """Return a whole number with thousands separated, such as `1,234`."""
    return f"{number:,.0f}"


def format_quantity(number: int, noun: str) -> str:
    """Return a count with its noun in the singular or plural, such as `1 SIM` or `2,000 SIMs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def format_money(cost: float | Decimal, currency: str | None) -> str:
    """Return a sum of money in cents with its currency, such as `1,234.50 EUR`; below a cent, with all its digits."""
    exact = Decimal(str(cost))
    amount = f"{exact:,.2f}" if exact == 0 or abs(exact) >= _SMALLEST_BY_CENTS else format_number(exact)
    return f"{amount} {currency or '(currency unknown)'}"


def format_costs(costs: Mapping[str, Decimal]) -> str:
    """Return the amount of each currency, such as `2.00 EUR, 3.00 USD`; the code "" is an unknown currency."""
    return ", ".join(format_money(cost, currency) for currency, cost in costs.items())


def round_cost(cost: Decimal) -> float:
    """Return a cost in cents, as JSON has it; below a cent, to 6 places."""
    return float(round(cost, 2) if abs(cost) >= _SMALLEST_BY_CENTS else round(cost, _FINEST))


def format_duration(seconds: float) -> str:
    """Return about how long something takes, such as `90 s`, `3 min` or `2.5 h`."""
    if seconds < 2 * _MINUTE_S:
        return f"{math.ceil(seconds)} s"
    if seconds < 2 * _HOUR_S:
        return f"{math.ceil(seconds / _MINUTE_S)} min"
    return f"{seconds / _HOUR_S:.1f} h"


def format_timestamp(moment: datetime) -> str:
    """Return a moment in UTC to the second, such as `2026-11-22T09:00:00Z`."""
    return as_utc(moment).isoformat(timespec="seconds").replace("+00:00", "Z")


def format_minute(moment: datetime | None) -> str:
    """Return a moment in UTC to the minute, such as `2026-11-22T09:00Z`, or words for one that is unknown."""
    return "at an unknown time" if moment is None else f"{as_utc(moment):%Y-%m-%dT%H:%MZ}"


def format_counted(shown: int, total: int | None, noun: str) -> str:
    """Return how many of how many are shown, such as `25 of 847 SIMs`; only `25 SIMs` if that is all or unknown."""
    if total is None or total == shown:
        return format_quantity(shown, noun)
    return f"{shown:,} of {format_quantity(total, noun)}"


def format_counts(counts: Mapping[str, int]) -> str:
    """Return the number of each kind, such as `2 changed, 1 refused`."""
    return ", ".join(f"{number:,} {kind}" for kind, number in counts.items())


def format_page(page: int, pages: int | None) -> str:
    """Return the number of a page, and of how many where that is known, such as `page 1 of 34`."""
    return f"page {page}" if pages is None else f"page {page} of {pages:,}"


def format_next(call: str | None) -> str | None:
    """Return the line that offers the next call, if there is one."""
    return f"Next: {call}" if call else None


def as_utc(moment: datetime) -> datetime:
    """Return the moment in UTC; one without a zone is taken to be in UTC already."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
