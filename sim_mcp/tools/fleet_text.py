"""Answers about the whole fleet as lines. Pure: every fact of the structured content, no I/O."""

from typing import Any

from sim_mcp.sanitize import fence, quoted
from sim_mcp.tools import fleet_answers

_COUNT = "sims"


def counts(answer: fleet_answers.FleetCounts) -> str:
    """Write how many SIMs there are of each kind, and of the kinds not shown."""
    if answer.total is None:
        return lines(answer.hint, _next(answer.next))
    rows = [f"{_group(row)}: {row[_COUNT]:,}" for row in answer.groups or ()]
    other = f"other ({answer.other_groups:,} more groups): {answer.other:,}" if answer.other_groups else None
    return lines(
        head(answer), fence("\n".join(filter(None, [*rows, other]))) if rows else None, _next(answer.next), answer.hint
    )


def found(answer: fleet_answers.FoundSims) -> str:
    """Write the SIMs that were found, each with what it was found by."""
    if answer.total is None:
        return lines(answer.hint, _next(answer.next))
    rows = "\n".join(_found(row) for row in answer.sims or ())
    shown = f", the best {len(answer.sims or ())} first" if answer.total > len(answer.sims or ()) else ""
    return lines(f"{head(answer)[:-1]}{shown}.", fence(rows) if rows else None, _next(answer.next), answer.hint)


def head(answer: fleet_answers.FleetAnswer) -> str:
    """Write how many SIMs match, of how many, and as of when."""
    total, fleet = answer.total or 0, answer.fleet or 0
    of = "" if total == fleet else f" of {fleet:,}"
    return f"{total:,}{of} {'SIM' if total == fleet == 1 else 'SIMs'}{' match' if of else ''}, as of {answer.as_of}."


def lines(*parts: str | None) -> str:
    """Write what there is, a line each."""
    return "\n".join(part for part in parts if part)


def _group(row: dict[str, Any]) -> str:
    return ", ".join(f"{name} {quoted(value)}" for name, value in row.items() if name != _COUNT)


def _found(row: dict[str, Any]) -> str:
    device = quoted(row["device"]) if "device" in row else "no device"
    customer = quoted(row["customer"]) if "customer" in row else ""
    return " ".join(filter(None, [row["iccid"], row["status"], device, customer, f"({row['fit']} {row['matched']})"]))


def _next(call: str | None) -> str | None:
    return f"Next: {call}" if call else None
