"""Causes that lie between device and networks: rejections, attach, sessions, silence. Pure rules."""

import re
from collections.abc import Callable
from datetime import timedelta

from sim_mcp.fleet.diagnosis.evidence import Evidence
from sim_mcp.fleet.diagnosis.findings import Finding, Rule, format_events
from sim_mcp.fleet.events.event import RETENTION, Event
from sim_mcp.fleet.events.event_type import FROM_DEVICE, FROM_NETWORK, PURGES
from sim_mcp.fleet.events.sessions import Session, is_late, usual_gap
from sim_mcp.formatting import format_minute
from sim_mcp.sanitize import clean, quoted

_ABSENCE = timedelta(days=2)
"""Visited networks report an absent device after 1 to 2 days (emnify docs: connectivity)."""

_FLAPPING_SESSIONS, _FLAPPING_SHARE = 12, 0.8
_SHORT = timedelta(minutes=3)
_EMPTY_SESSIONS = 3
_POLICY_WORDS = re.compile(r"\b(roaming|rat|radio|coverage|tariff profile|not allowed)\b", re.IGNORECASE)
_OWN_APN = re.compile(r"^em(\.|$)|emnify", re.IGNORECASE)
_POWER_STEPS = (
    "Check on site that the device has power, antenna and coverage, and restart it.",
    "A restart that leaves no event at all points to device, power or coverage; a rejection names its cause.",
)


def operator_blocked(evidence: Evidence) -> Finding | None:
    """Find that a network which rejects is on the device's block list (GET /endpoint/{id}/operator_blacklist).

    Blocked networks go on showing as rejected location updates (emnify support: operator blocklist).
    """
    names = {name: network for network in evidence.blocked_operators if (name := clean(network.name))}
    rejections = [each for each in evidence.open_rejections if any(_mentions(each.text, name) for name in names)]
    if not rejections:
        return None
    listed = ", ".join(quoted(name) for name in names)
    return Finding(
        "The device tries networks that its own operator blocklist forbids, and no other took it in since.",
        "likely",
        (f"blocked for this device: {listed}", *format_events(evidence, rejections)),
        ("Take the network off the operator blocklist of the device in the portal, if it may be used again.",),
    )


def policy_forbids_network(evidence: Evidence) -> Finding | None:
    """Find a rejection that mentions roaming, radio type or coverage (emnify docs: can't attach, coverage policy).

    The wording of such rejections is not documented, so this is never more than likely.
    """
    rejections = [each for each in evidence.open_rejections if _POLICY_WORDS.search(each.text)]
    if not rejections:
        return None
    return Finding(
        "The rejection speaks of roaming, radio type or coverage: the coverage policy may not include this network.",
        "likely",
        format_events(evidence, rejections),
        ("Compare country, network and radio type with the device's coverage policy (tariff profile) in the portal.",),
    )


def registration_rejected(evidence: Evidence) -> Finding | None:
    """Find that networks reject the registration and none accepted since (emnify docs: can't attach; type 1).

    A rejection that a success follows, on whichever network or IMSI, is harmless.
    """
    rejections = evidence.open_rejections
    if not rejections or operator_blocked(evidence) or policy_forbids_network(evidence):
        return None
    stale = evidence.now - rejections[0].when > _ABSENCE
    return Finding(
        "Networks reject the registration of the SIM, and none has accepted it since then.",
        "possible" if stale else "likely",
        format_events(evidence, rejections),
        (
            "Check that the coverage policy and the operator blocklist of the device allow networks where it stands.",
            "Restart the device, so that it searches all networks anew and forgets those that rejected it.",
        ),
    )


def wrong_apn(evidence: Evidence) -> Finding | None:
    """Find that the last sessions asked for a foreign APN and carried nothing (emnify docs: APN `em` or `emnify`)."""
    if evidence.open_refusals:
        return None
    known = [session for session in evidence.sessions if session.apn]
    if not known or _is_own(known[0].apn):
        return None
    foreign = _until(known, lambda session: _is_own(session.apn))
    if any(session.mb for session in foreign) or not any(session.end for session in foreign):
        return None
    before = known[len(foreign) :][:1]
    proof = [f"{format_minute(foreign[0].start)} last session: APN {quoted(foreign[0].apn)}, 0 MB"]
    proof += [f"{format_minute(session.start)} earlier session: APN {quoted(session.apn)}" for session in before]
    return Finding(
        "The device asks for an APN that is not emnify's, and its sessions carry no data.",
        "likely",
        tuple(proof),
        ("Set the APN of the device to em (or emnify, where two letters are not accepted), and data roaming on.",),
    )


def attached_without_session(evidence: Evidence) -> Finding | None:
    """Find that networks accepted the device but it opens no data session (emnify docs: attached, no data session)."""
    if evidence.state == "ONLINE" or evidence.open_refusals or evidence.open_rejections:
        return None
    attach = evidence.last(lambda each: each.attached)
    newest = evidence.sessions[0] if evidence.sessions else None
    if attach is None or _purged(evidence) or wrong_apn(evidence):
        return None
    if not is_late(evidence.sessions, evidence.now):
        return None
    if newest is not None and newest.when is not None and newest.when >= attach.when:
        return None
    last = f"last data session began {format_minute(newest.start)}" if newest else "no data session seen in 30 days"
    return Finding(
        "The device registers with a network but opens no data session: "
        "its APN is wrong, or mobile data or data roaming is off.",
        "likely",
        (last, *format_events(evidence, [attach])),
        (
            "Check in the device: APN em (or emnify), mobile data on, data roaming on.",
            "Check in the portal: data and the radio types are switched on in the service profile.",
        ),
    )


def never_seen(evidence: Evidence) -> Finding | None:
    """Find that no network reported the device while emnify keeps events (emnify docs: offline, fourth check)."""
    if evidence.state in ("ONLINE", "ATTACHED") or not evidence.all_events:
        return None
    if evidence.last(lambda each: each.type in FROM_NETWORK) is not None:
        return None
    return Finding(
        f"No network has seen the SIM for {RETENTION.days} days, as long as emnify keeps events: the device is off, "
        "does not search, has the SIM not (well) inserted, or is out of coverage.",
        "likely",
        _network_answer(evidence),
        (*_POWER_STEPS, "Check that the card is inserted well, and try it in another device."),
    )


def reported_absent(evidence: Evidence) -> Finding | None:
    """Find that the networks report the device as absent (emnify docs: event types 15 and 16; deriving the state)."""
    purge = _purged(evidence)
    if purge is None or evidence.state in ("ONLINE", "ATTACHED"):
        return None
    newest = evidence.sessions[0] if evidence.sessions else None
    last = (f"last data session ended {format_minute(newest.end)}",) if newest and newest.end else ()
    return Finding(
        "The network reports the device absent: it lost power or coverage, or was switched off, at most 2 days before "
        "that report.",
        "likely",
        (*format_events(evidence, [purge]), *last, *_network_answer(evidence)),
        _POWER_STEPS,
    )


def attach_is_stale(evidence: Evidence) -> Finding | None:
    """Find that ATTACHED may be out of date: networks report absence after 1 to 2 days only (emnify docs)."""
    newest = evidence.last(lambda each: each.type in FROM_DEVICE)
    if evidence.state != "ATTACHED" or newest is None or evidence.now - newest.when <= _ABSENCE:
        return None
    if not is_late(evidence.sessions, evidence.now):
        return None
    return Finding(
        "It counts as attached, but nothing was heard of it for more than 2 days: it may be off or out of coverage.",
        "possible",
        (*format_events(evidence, [newest]), *_network_answer(evidence)),
        _POWER_STEPS,
    )


def offline_without_word(evidence: Evidence) -> Finding | None:
    """Find that the device is offline and overdue, without an event that explains it (emnify docs: offline)."""
    newest = evidence.last(lambda each: each.type in FROM_NETWORK)
    if evidence.state not in ("OFFLINE", None) or newest is None or _purged(evidence):
        return None
    if evidence.open_refusals or evidence.open_rejections or not is_late(evidence.sessions, evidence.now):
        return None
    return Finding(
        "Nothing was heard of the device for longer than it is usually silent: it is off, out of coverage, "
        "or stopped trying.",
        "possible",
        (*format_events(evidence, [newest]), *_rhythm(evidence), *_network_answer(evidence)),
        _POWER_STEPS,
    )


def sessions_break_off(evidence: Evidence) -> Finding | None:
    """Find that sessions follow one another and break off (emnify docs: online but no data, coverage and device)."""
    day_ago = evidence.now - timedelta(days=1)
    recent = [each for each in evidence.sessions if each.start is not None and each.start >= day_ago]
    lengths = [duration for each in recent if (duration := each.duration) is not None]
    short = [length for length in lengths if length < _SHORT]
    if len(lengths) < _FLAPPING_SESSIONS or len(short) < _FLAPPING_SHARE * len(lengths):
        return None
    seconds = sorted(length.total_seconds() for length in lengths)
    return Finding(
        "Data sessions break off and begin again all the time: weak signal, unstable power, or a device that "
        "reconnects in a loop.",
        "likely",
        (f"{len(recent)} data sessions in 24 hours, half of them shorter than {seconds[len(seconds) // 2]:.0f} s",),
        (
            "Check antenna, signal strength and power supply on site, and the reconnect timer of the firmware.",
            "With NB-IoT or LTE-M, select the operator by hand (AT+COPS).",
        ),
    )


def sessions_carry_nothing(evidence: Evidence) -> Finding | None:
    """Find that sessions open under the right APN and carry no byte (emnify docs: online but no data)."""
    ended = [each for each in evidence.sessions if each.end is not None and each.mb is not None][:_EMPTY_SESSIONS]
    if len(ended) < _EMPTY_SESSIONS or any(each.mb for each in ended):
        return None
    if any(each.apn and not _is_own(each.apn) for each in ended):
        return None
    return Finding(
        f"Its last {_EMPTY_SESSIONS} data sessions opened and carried no data at all.",
        "possible",
        tuple(f"{format_minute(each.start)} data session, 0 MB" for each in ended),
        ("Check destination address, DNS (emnify's default is 8.8.8.8), firewall and routes of the device.",),
    )


def _purged(evidence: Evidence) -> Event | None:
    """Return the report of absence, if it is the last that networks sent."""
    newest = evidence.last(lambda each: each.type in FROM_NETWORK)
    return newest if newest is not None and newest.type in PURGES else None


def _network_answer(evidence: Evidence) -> tuple[str, ...]:
    info = evidence.network_query.subscriber_info if evidence.network_query else None
    if info is None or not info.error:
        return ()
    return (f"asked now, the network answers {quoted(info.error)}",)


def _rhythm(evidence: Evidence) -> tuple[str, ...]:
    gap = usual_gap(evidence.sessions)
    return () if gap is None else (f"it usually connects at least every {gap.total_seconds() / 3600:.0f} h",)


def _is_own(apn: str | None) -> bool:
    return bool(apn and _OWN_APN.search(apn.strip()))


def _until(sessions: list[Session], fits: Callable[[Session], bool]) -> list[Session]:
    """Return the sessions before the first that fits."""
    end = next((place for place, session in enumerate(sessions) if fits(session)), len(sessions))
    return sessions[:end]


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) is not None


_REJECTED = "registration rejected (network, coverage policy, blocklist)"
_NO_SESSION = "wrong APN, attached without data session"
_NO_LIFE = "no sign of life"
RULES: tuple[Rule, ...] = (
    Rule(operator_blocked, _REJECTED, ("events", "blocked operators")),
    Rule(policy_forbids_network, _REJECTED, ("events",)),
    Rule(registration_rejected, _REJECTED, ("events",)),
    Rule(wrong_apn, _NO_SESSION, ("events",)),
    Rule(attached_without_session, _NO_SESSION, ("events", "connectivity")),
    Rule(never_seen, _NO_LIFE, ("events",)),
    Rule(reported_absent, "reported absent by the network", ("events",)),
    Rule(sessions_break_off, "data sessions that break off", ("events",)),
    Rule(attach_is_stale, _NO_LIFE, ("events", "connectivity")),
    Rule(offline_without_word, _NO_LIFE, ("events", "connectivity")),
    Rule(sessions_carry_nothing, "right APN but no data", ("events",)),
)
"""Among equally certain causes, the likelier first."""
