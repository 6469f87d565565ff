"""Answers about usage across SIMs as compact lines. Pure: every fact of the structured content, no I/O."""

from typing import Any

from sim_mcp.sanitize import fence, quoted
from sim_mcp.tools.text import all_of
from sim_mcp.tools.usage_answers import UsageRanking, WasteReport

_CENT = 0.01


def ranking(answer: UsageRanking, question: str) -> str:
    """Write a ranking: what it shows, how far it is, the rows, the totals."""
    if answer.of is None:
        return _lines(answer.state, f"Next: {answer.next}")
    shown = f"{len(answer.sims):,} of {_sims(answer.ranked)} {question} in {answer.period}."
    rows = [f"{place}. {_sim(row)}{_used(row)}" for place, row in enumerate(answer.sims, 1)]
    return _lines(
        shown,
        _state(answer.state, answer.read, answer.of, answer.as_of),
        fence(_lines(all_of(answer.customer), *rows)) if rows else None,
        f"Sum over the {answer.read:,} SIMs read: {_total(answer.sum)}" if answer.sum is not None else None,
        f"emnify's own total of the workspace and those below it: {_total(answer.emnify_total)}"
        if answer.emnify_total is not None
        else None,
        *answer.notes,
        f"Next: {answer.next}" if answer.next else None,
    )


def waste(answer: WasteReport, group: str | None) -> str:
    """Write the groups with their examples, or the one that was asked for, and what suspending would save."""
    if answer.of is None:
        return _lines(answer.state, f"Next: {answer.next}")
    what = f"in {group}" if group else "cost and do nothing"
    saves = f"; suspending saves {answer.saves}" if answer.saves else ""
    return _lines(
        f"{_sims(answer.total)} {what}{saves}. Price: {answer.price}.",
        _state(answer.state, answer.read, answer.of, answer.as_of),
        *[_group(each, answer.customer, whole=answer.next is None) for each in answer.groups],
        *answer.notes,
        f"Next: {answer.next}" if answer.next else None,
    )


def _group(group: dict[str, Any], customer: str | None, *, whole: bool) -> str:
    saves = f" Suspending saves {group['saves']}." if "saves" in group else ""
    rows = [_sim(row) for row in group["examples"]]
    every = "All of them:" if whole else "All of them so far:"
    shown = f"{len(group['examples']):,} of them:" if len(group["examples"]) < group["sims"] else every
    return _lines(
        f"{group['why']}: {_sims(group['sims'])}. {group['means']}{saves}",
        f"{shown}\n{fence(_lines(all_of(customer), *rows))}" if rows else None,
        f"More of them: {group['next']}" if "next" in group else None,
    )


def _state(state: str, read: int, of: int | None, as_of: str | None) -> str:
    times = f", as of {as_of}" if as_of else ""
    text = f"Usage of {read:,} of {of or 0:,} SIMs read{times}: {state}"
    return text if text.endswith(".") else f"{text}."


def _sim(row: dict[str, Any]) -> str:
    parts = [
        row["iccid"],
        row.get("status"),
        quoted(row["device"]) if "device" in row else "no device",
        quoted(row["customer"]) if "customer" in row else None,
    ]
    return " ".join(part for part in parts if part)


def _used(row: dict[str, Any]) -> str:
    cost = f", {_money(row['cost'])} {row.get('currency', '(currency unknown)')}" if "cost" in row else ""
    return f": {_number(row['data_mb'])} MB, {_number(row['sms'])} SMS{cost}"


def _total(total: dict[str, Any]) -> str:
    costs = [
        f"{_money(cost)} {name.removeprefix('cost_').replace('_', ' ')}"
        for name, cost in total.items()
        if name.startswith("cost_")
    ]
    return ", ".join([f"{_number(total['data_mb'])} MB", f"{_number(total['sms'])} SMS", *costs])


def _number(value: float) -> str:
    return f"{value:,.6f}".rstrip("0").rstrip(".")


def _money(cost: float) -> str:
    return f"{cost:,.2f}" if abs(cost) >= _CENT or cost == 0 else _number(cost)


def _sims(number: int) -> str:
    return f"{number:,} SIM{'' if number == 1 else 's'}"


def _lines(*lines: str | None) -> str:
    return "\n".join(line for line in lines if line)
