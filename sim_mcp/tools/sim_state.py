"""How a SIM stands now, in the words that several tools share. Pure: text of networks is cleaned here."""

from typing import NamedTuple

from sim_mcp.changes.record.last_change import LastChange
from sim_mcp.emnify import MonthUsage
from sim_mcp.emnify.models.connectivity import SubscriberInfo
from sim_mcp.fleet.diagnosis.evidence import Evidence
from sim_mcp.formatting import (
    format_costs,
    format_count,
    format_megabytes,
    format_minute,
    round_volume,
)
from sim_mcp.sanitize import clean

WHOLE_NAME = 255
"""Characters of a name where it is shown whole; how long emnify lets one be is not documented."""

_SUBSCRIBER_STATES = {
    "assumedidle": "registered and idle",
    "camelbusy": "registered and busy",
    "netdetnotreachable": "not reachable",
    "notprovidedfromvlr": "state not told",
}
"""What the states mean that networks answer with (3GPP TS 29.002: SubscriberState)."""


class Reach(NamedTuple):
    """Whether and where a device is online; what is not known is None."""

    connectivity: str | None
    network: str | None
    country: str | None
    radio: str | None
    session_since: str | None


def read_reach(evidence: Evidence) -> Reach:
    """Return whether and where the device is online."""
    connectivity = evidence.connectivity
    location = connectivity.location if connectivity else None
    session = connectivity.pdp_context if connectivity else None
    operator = location.operator if location else None
    country = (location.country or (operator.country if operator else None)) if location else None
    return Reach(
        connectivity=clean(evidence.state) or None,
        network=(clean(operator.name) or None) if operator else None,
        country=(clean(country.name) or None) if country else None,
        radio=(clean(session.radio.description) or None) if session and session.radio else None,
        session_since=format_minute(session.created) if session and session.created else None,
    )


def format_last_data(evidence: Evidence) -> str | None:
    """Return when data was last sent, as far as events and the usage of the last hour tell."""
    hour = evidence.usage.last_hour_mb if evidence.usage else None
    if hour:
        return f"within the last hour, {format_megabytes(round_volume(hour))}"
    return format_minute(evidence.last_data) if evidence.last_data else None


def describe_months(evidence: Evidence) -> dict[str, str]:
    """Return what was used and paid as `this_month` and `last_month`, with their names; nothing if it was not read.

    Where costs say nothing, `costs` says why.
    """
    usage = evidence.usage
    if usage is None:
        return {}
    this, last = usage.label_months(evidence.now.date())
    costs = not evidence.inclusive_volume
    return {
        "this_month": f"{this} so far: {_format_month(usage.current_month, costs=costs)}",
        "last_month": f"{last}: {_format_month(usage.last_month, costs=costs)}",
    } | ({} if costs else {"costs": "cannot be known: the workspace has inclusive volume"})


def format_network_answer(info: SubscriberInfo | None) -> str | None:
    """Return what a network answers of a subscriber, with the meaning of its word where that is known."""
    word = clean(info.error or info.state) if info else ""
    meaning = _SUBSCRIBER_STATES.get(word.lower())
    return (f"{word} ({meaning})" if meaning else word) or None


def format_last_change(change: LastChange | None) -> str | None:
    """Return what was last changed of the SIM by this server, and in which plan."""
    if change is None:
        return None
    states = f"{clean(change.before)} → {clean(change.after)}"
    return f"{format_minute(change.at)} {states} ({change.outcome or 'outcome not known'}), plan {change.plan}"


def _format_month(month: MonthUsage | None, *, costs: bool) -> str:
    if month is None:
        return "no traffic"
    data = month.data.volume if month.data else None
    sms = month.sms.volume if month.sms else None
    used = [
        None if data is None else format_megabytes(round_volume(float(data))),
        None if sms is None else f"{format_count(sms)} SMS",
        clean(format_costs(month.costs)) if costs else None,
    ]
    return ", ".join(filter(None, used)) or "no traffic"
