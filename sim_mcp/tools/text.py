"""Answers as the compact lines a language model reads. Pure: every fact of the structured content, no I/O."""

from sim_mcp.sanitize import fence, quoted
from sim_mcp.tools import answers

_CENT = 0.01


def sim_list(answer: answers.SimList) -> str:
    """Write a page of SIMs: what was counted, the rows, the next call."""
    as_of = f", from the inventory as of {answer.as_of}" if answer.as_of else ""
    if not answer.sims:
        still = answer.hint if answer.next else None
        nothing = f"0 SIMs {'on this page' if answer.total else 'match'}{as_of}."
        return _lines(*([still, _next(answer.next)] if still else [nothing, answer.hint]))
    head = f"{_counted(len(answer.sims), answer.total, 'SIM')}, {_page(answer.page, answer.pages)}{as_of}."
    rows = _lines(all_of(answer.customer), *map(_sim_row, answer.sims))
    return _lines(head, fence(rows), _next(answer.next), answer.hint)


def sim(answer: answers.SimDetail) -> str:
    """Write one SIM in full."""
    means = f"{answer.status}: {answer.status_means}. May become: {', '.join(answer.may_become) or 'nothing else'}."
    device = f"device {quoted(answer.device)} (id {answer.device_id})" if answer.device_id else "no device"
    facts = [
        _pairs(("id", answer.id), ("ICCID without check digit", answer.iccid_19)),
        _pairs(("IMSI", answer.imsi), ("MSISDN", answer.msisdn), ("EID", answer.eid)),
        _pairs(("IP", answer.ip), ("IMEI", answer.imei), ("tags", quoted(answer.tags) if answer.tags else None)),
        _pairs(("customer", answer.customer), ("reseller", answer.reseller), ("issuer", answer.issuer)),
        _pairs(
            ("model", answer.model),
            ("produced", answer.produced),
            ("first activated", answer.first_activated),
        ),
    ]
    return _lines(f"SIM {answer.iccid}", f"Status {means}", fence("\n".join(filter(None, [device, *facts]))))


def statuses(answer: answers.StatusList) -> str:
    """Write the statuses, what they mean, cost and may become."""
    return "\n".join(
        f"{row.status}{f' ({row.id})' if row.id is not None else ''}: "
        + "; ".join(filter(None, [row.service, row.bill, f"may become {', '.join(row.may_become) or 'nothing'}"]))
        for row in answer.statuses
    )


def usage(answer: answers.Usage) -> str:
    """Write a SIM's usage this month and last."""
    months = [("This month", answer.current_month), ("Last month", answer.last_month)]
    lines = [f"{name}: {amounts(month)}" for name, month in months if month is not None]
    last_hour = None if answer.last_hour_mb is None else f"Last hour: {megabytes(answer.last_hour_mb)}"
    return _lines(f"Usage of SIM {answer.iccid}", *lines, last_hour, answer.hint)


def daily_usage(answer: answers.DailyUsage) -> str:
    """Write a SIM's usage day by day and its total."""
    rows = [f"{day.date}: {amounts(day)}" for day in answer.days]
    total = f"Total: {amounts(answer.total)}"
    head = f"Daily usage of SIM {answer.iccid} from {answer.start} to {answer.end}"
    return _lines(head, *rows, total, answer.hint)


def event_list(answer: answers.EventList) -> str:
    """Write a page of events, in the order they were asked for."""
    if not answer.events:
        return _lines(f"0 events of SIM {answer.iccid} match.", answer.hint)
    head = (
        f"{_counted(len(answer.events), answer.total, 'event')} of SIM {answer.iccid}, "
        f"{_page(answer.page, answer.pages)}."
    )
    return _lines(head, fence("\n".join(map(_event, answer.events))), _next(answer.next), answer.hint)


def all_of(customer: str | None) -> str | None:
    """Say whose all rows are: the first line inside a fence, for a customer's name is no heading."""
    return f"all of customer {quoted(customer)}:" if customer else None


def amounts(row: answers.Amounts) -> str:
    """Write data, SMS and cost with their units."""
    parts = []
    if row.data_mb is not None:
        detail = _pairs(("rx", _plain(row.data_rx_mb)), ("tx", _plain(row.data_tx_mb)))
        parts.append(megabytes(row.data_mb) + (f" ({detail})" if detail else "") + _money(row.data_cost, row.currency))
    if row.sms is not None:
        detail = _pairs(("rx", _count(row.sms_rx)), ("tx", _count(row.sms_tx)))
        parts.append(f"{_count(row.sms)} SMS" + (f" ({detail})" if detail else "") + _money(row.sms_cost, row.currency))
    return "; ".join(parts) or "nothing"


def megabytes(volume: float) -> str:
    """Write a volume in MB with every digit it has."""
    return f"{_plain(volume)} MB"


def _plain(number: float | None) -> str | None:
    return None if number is None else f"{number:,.6f}".rstrip("0").rstrip(".")


def _sim_row(row: answers.SimRow) -> str:
    device = quoted(row.device) if row.device else "no device"
    more = _pairs(
        ("id", row.id),
        ("IMSI", row.imsi),
        ("MSISDN", row.msisdn),
        ("EID", row.eid),
        ("model", row.model),
        ("IP", row.ip),
        ("produced", row.produced),
        ("activated", row.activated),
    )
    return " ".join(filter(None, [row.iccid, row.status, device, quoted(row.customer) if row.customer else "", more]))


def _event(row: answers.EventRow) -> str:
    where = _pairs(
        ("network", row.network),
        ("country", row.country),
        ("radio", row.radio),
        ("APN", quoted(row.apn) if row.apn else None),
        ("volume", None if row.data_mb is None else megabytes(row.data_mb)),
    )
    said = quoted(row.text, 300) if row.text else ""
    return " ".join(
        filter(
            None, [row.time, row.severity or "", row.source or "", f"{row.type}:", said, f"[{where}]" if where else ""]
        )
    )


def _counted(shown: int, total: int | None, noun: str) -> str:
    plural = noun if (total if total is not None else shown) == 1 else f"{noun}s"
    return f"{shown:,} {plural}" if total is None or total == shown else f"{shown:,} of {total:,} {plural}"


def _page(page: int, pages: int | None) -> str:
    return f"page {page}" if pages is None else f"page {page} of {pages:,}"


def _next(call: str | None) -> str | None:
    return f"Next: {call}" if call else None


def _money(cost: float | None, currency: str | None) -> str:
    if cost is None:
        return ""
    precise = f"{cost:,.2f}" if abs(cost) >= _CENT or cost == 0 else f"{cost:f}"
    return f", {precise} {currency or '(currency unknown)'}"


def _count(number: float | None) -> str | None:
    return None if number is None else f"{number:,.0f}"


def _pairs(*pairs: tuple[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in pairs if value not in (None, ""))


def _lines(*lines: str | None) -> str:
    return "\n".join(line for line in lines if line)
