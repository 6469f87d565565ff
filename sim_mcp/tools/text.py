"""Answers as the compact lines a language model reads. Pure: every fact of the structured content, no I/O."""

from sim_mcp.sanitize import fence, quoted
from sim_mcp.tools import answers


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


def event_list(answer: answers.EventList) -> str:
    """Write a page of events, in the order they were asked for."""
    if not answer.events:
        return _lines(f"0 events of SIM {answer.iccid} match.", answer.hint)
    head = (
        f"{_counted(len(answer.events), answer.total, 'event')} of SIM {answer.iccid}, "
        f"{_page(answer.page, answer.pages)}."
    )
    return _lines(head, fence("\n".join(map(_event, answer.events))), _next(answer.next), answer.hint)


def change_report(answer: answers.ChangeReport) -> str:
    """Write how a change stands: totals, then each SIM before and after, or what waits for approval where."""
    counts = ", ".join(f"{number:,} {kind}" for kind, number in answer.counts.items())
    rows = [
        f"{row.iccid}{f' {quoted(row.device)}' if row.device else ''} {row.outcome}: "
        f"{row.before} → {row.after} ({row.note})"
        for row in answer.sims
    ]
    return _lines(
        f"Plan {answer.plan}: {answer.state}.",
        f"Nothing changed yet. A person has to approve it at {answer.approve_at}" if answer.approve_at else None,
        "Tell them now; continue_change then waits for them." if answer.approve_at else None,
        f"Result: {counts}. Agreed by: {answer.agreed or 'nobody had to'}." if counts else None,
        # What is changed may name an organisation, which may have chosen that name.
        fence(_lines(f"{answer.summary}.", *rows, *(answer.planned or ()))),
        f"{answer.not_shown:,} more not shown; sim-mcp audit has them all." if answer.not_shown else None,
        answer.note,
        _next(answer.next),
    )


def change_list(answer: answers.ChangeList) -> str:
    """Write the changes on record, with what came of each."""
    if not answer.changes:
        return _lines("0 changes.", answer.hint)
    head = f"{_counted(len(answer.changes), answer.total, 'change')}, page {answer.page}."
    # Calls stand outside the fence: what is inside is nobody's instruction.
    calls = " or ".join(row.next for row in answer.changes if row.next)
    page = f"Next page: {answer.next}" if answer.next else None
    return _lines(head, fence("\n".join(map(_change, answer.changes))), _next(calls), page)


def _change(row: answers.ChangeRow) -> str:
    counts = ", ".join(f"{number:,} {kind}" for kind, number in (row.counts or {}).items())
    return _lines(
        f"{row.at} plan {row.plan} {row.state}: {row.summary}.",
        f"  {counts}." if counts else None,
        f"  {row.left:,} not sent yet." if row.left else None,
        f"  {row.in_doubt:,} sent, outcome not known." if row.in_doubt else None,
        *(f"  {sim}" for sim in row.sims or ()),
        f"  {row.not_shown:,} SIMs more; sim-mcp audit has them all." if row.not_shown else None,
        f"  Agreed by: {row.agreed or 'nobody'}. Client: {row.client}.",
    )


def batch(answer: answers.BatchState) -> str:
    """Write what is known of a batch that can be registered."""
    facts = _pairs(("SIMs", answer.sims), ("model", answer.model), ("status", answer.status))
    return _lines(f"Batch {answer.bic} can be registered. {facts}".rstrip(), answer.next)


def all_of(customer: str | None) -> str | None:
    """Say whose all rows are: the first line inside a fence, for a customer's name is no heading."""
    return f"all of customer {quoted(customer)}:" if customer else None


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


def _pairs(*pairs: tuple[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in pairs if value not in (None, ""))


def _lines(*lines: str | None) -> str:
    return "\n".join(line for line in lines if line)
