"""The diagnosis tools' answers as the lines a language model reads. Pure: every fact of the structured content."""

from typing import Any

from sim_mcp.sanitize import fence, quoted
from sim_mcp.tools import diagnosis_answers as answers

_LABELS = {
    "sim_status": "SIM",
    "device_status": "device is",
    "session_since": "session since",
    "network_answers": "asked, the network answers",
    "last_heard": "last heard of",
    "last_session": "last data session began",
    "data_mb_this_month": "MB this month",
    "data_mb_last_month": "MB last month",
    "data_quota": "data quota",
    "sms_quota": "SMS quota",
    "blocked_operators": "blocked operators",
}
_QUOTED = {"device", "network", "country", "blocked_operators", "network_answers"}


def diagnosis(answer: answers.Diagnosis) -> str:
    """Write the state, the causes with their evidence, what was ruled out, what to do, and what is not known."""
    state = "; ".join(_stands(name, value) for name, value in answer.state.items())
    likeliest, *others = [_finding(each) for each in answer.findings]
    lines = [
        f"Diagnosis of SIM {answer.iccid}, as of {answer.as_of}.",
        f"State now:\n{fence(state)}",
        f"Most likely: {likeliest}",
        "\n".join(["Also found:", *others]) if others else "",
        f"Ruled out: {'; '.join(answer.ruled_out) or 'nothing'}.",
        "\n".join(["What a person can do next:", *(f"- {step}" for step in answer.next_steps)]),
        "\n".join(["Could not be read:", *(f"- {each}" for each in answer.unread)]) if answer.unread else "",
    ]
    return "\n".join(line for line in lines if line)


def timeline(answer: answers.Timeline) -> str:
    """Write one page of what happened, the newest first, with totals and what was left out."""
    totals = answer.totals
    by_network = totals["data_mb_by_network"]
    where = "; ".join(f"{name} {_plain(mb)} MB" for name, mb in by_network.items())
    head = (
        f"Timeline of SIM {answer.iccid} from {answer.start} to {answer.end}, newest first, "
        f"page {answer.page} of {answer.pages:,}: {totals['events']:,} events, {totals['data_sessions']:,} data "
        f"sessions with {_plain(totals['data_mb'])} MB, {totals['rejections']:,} rejections."
    )
    rows = [f"data by network: {where}"] if where else []
    rows += [_entry(entry) for entry in answer.entries]
    following = f"Next: {answer.next}" if answer.next else ""
    return "\n".join(
        line for line in (head, fence("\n".join(rows)) if rows else "", following, answer.hint or "") if line
    )


def _finding(finding: dict[str, Any]) -> str:
    about = f", {finding['about']}" if "about" in finding else ""
    said = f"{finding['cause']} ({finding['sure']}{about})"
    return f"{said}\n{fence(chr(10).join(finding['evidence']))}" if "evidence" in finding else said


def _stands(name: str, value: Any) -> str:
    shown = quoted(str(value), 300) if name in _QUOTED else str(value)
    return f"{_LABELS.get(name, name)} {shown}"


def _entry(entry: dict[str, Any]) -> str:
    time = entry["from"] + (f" to {entry['to']}" if "to" in entry else "")
    times = f" {entry['count']} times" if "count" in entry else ""
    facts = [
        f"{_plain(entry['data_mb'])} MB" if "data_mb" in entry else None,
        *(f"{name[:2]} {_plain(entry[name])}" for name in ("rx_mb", "tx_mb") if name in entry),
        f"{entry['minutes']} min" if "minutes" in entry else None,
        *(f"{name} {entry[name]}" for name in ("network", "country", "radio") if name in entry),
        f"APN {quoted(entry['apn'])}" if "apn" in entry else None,
        quoted(entry["text"], 300) if "text" in entry else None,
        entry.get("note"),
    ]
    told = ", ".join(fact for fact in facts if fact)
    return f"{time} {entry['what']}{times}{f': {told}' if told else ''}"


def _plain(number: float) -> str:
    return f"{number:,.3f}".rstrip("0").rstrip(".")
