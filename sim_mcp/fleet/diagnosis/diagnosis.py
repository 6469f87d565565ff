"""The diagnosis of a SIM: every rule applied to the evidence, and the findings ranked."""

from dataclasses import dataclass, replace
from datetime import timedelta

from sim_mcp.emnify import EmnifyClient, Sim
from sim_mcp.fleet.diagnosis import rules_account as account
from sim_mcp.fleet.diagnosis import rules_cost as cost
from sim_mcp.fleet.diagnosis import rules_network as network
from sim_mcp.fleet.diagnosis import rules_quota as quota
from sim_mcp.fleet.diagnosis.collect import WITHIN_S, collect_evidence
from sim_mcp.fleet.diagnosis.evidence import DEVICE_SOURCES, Evidence
from sim_mcp.fleet.diagnosis.findings import Certainty, Finding, Rule, label_sim
from sim_mcp.fleet.events.event_type import FROM_DEVICE
from sim_mcp.fleet.events.sessions import is_late, usual_gap
from sim_mcp.formatting import format_minute

FAULT_RULES: tuple[Rule, ...] = (*account.BLOCK_RULES, *quota.RULES, *account.REFUSAL_RULES, *network.RULES)
"""Among equally certain causes, the likelier first."""

_KINDS = ("fault", "cost", "note")
_CERTAINTIES: tuple[Certainty, ...] = ("certain", "likely", "possible", "unknown")
_JUST_NOW = timedelta(days=1)
_WELL = {
    "online": "Its connection is not at fault: the device is online with a data session.",
    "resting": "Its connection is not at fault: the device is between data sessions, no longer than usual for it.",
}
"""What is told beside a cost that is certain, by the rule that found nothing wrong."""


@dataclass(frozen=True)
class Diagnosis:
    """Hold the findings, the likeliest cause first, what is ruled out, and what could not be checked."""

    evidence: Evidence
    most_likely: Finding
    others: tuple[Finding, ...]
    ruled_out: tuple[str, ...]
    not_checked: tuple[str, ...]

    @property
    def steps(self) -> tuple[str, ...]:
        """Return what a person can do next, each once, in the order of the findings."""
        return tuple(dict.fromkeys(step for finding in (self.most_likely, *self.others) for step in finding.steps))


async def diagnose(client: EmnifyClient, sim: Sim, within_s: float = WITHIN_S) -> Diagnosis:
    """Read the evidence about a SIM within that many seconds, and apply the rules to it.

    Raises:
        AuthenticationError: The token is not accepted any more.
    """
    return apply_rules(await collect_evidence(client, sim, within_s))


def apply_rules(evidence: Evidence) -> Diagnosis:
    """Return the diagnosis that all rules make of the evidence; pure."""
    found: list[Finding] = []
    clear: dict[str, bool] = {}
    rules = (*account.ACCESS_RULES, *(FAULT_RULES if evidence.may_connect else ()), *cost.RULES)
    for rule in rules:
        finding = rule.find(evidence)
        if finding is not None:
            found.append(replace(finding, rule=rule.name))
        readable = evidence.was_read(*rule.needs)
        clear[rule.rules_out] = clear.get(rule.rules_out, True) and finding is None and readable
    hit = {rule.rules_out for rule in rules for finding in found if finding.rule == rule.name}
    most_likely, *others = _rank(found, evidence)
    return Diagnosis(
        evidence=evidence,
        most_likely=most_likely,
        others=tuple(others),
        ruled_out=tuple(what for what, is_clear in clear.items() if is_clear and what),
        not_checked=tuple(what for what, is_clear in clear.items() if not is_clear and what not in hit and what),
    )


def _rank(found: list[Finding], evidence: Evidence) -> list[Finding]:
    """Return the findings, faults before costs and the surer first; a cost that is certain gives way to faults only.

    Nobody who asks about a SIM that costs too much wants to read first that all is well, or that nothing is known.
    """
    ranked = sorted(found, key=lambda each: (_KINDS.index(each.kind), _CERTAINTIES.index(each.certainty)))
    fault = ranked.pop(0) if ranked and ranked[0].kind == "fault" else _without_fault(evidence)
    dear = next((each for each in ranked if (each.kind, each.certainty) == ("cost", "certain")), None)
    if dear is None or not _gives_way(fault, dear):
        return [fault, *ranked]
    ranked.remove(dear)
    if fault.rule in _WELL:
        return [dear, *ranked, replace(fault, kind="note", cause=_WELL[fault.rule], steps=())]
    return [dear, fault, *ranked]


def _gives_way(fault: Finding, dear: Finding) -> bool:
    """Tell whether a cost that is certain is the better answer: that of a jump also than a fault that is only possible.

    A SIM that is charged without use is no answer to why it does not connect.
    """
    if fault.rule in _WELL or fault.certainty == "unknown":
        return True
    return fault.certainty == "possible" and dear.rule == cost.usage_jumped.__name__


def _without_fault(evidence: Evidence) -> Finding:
    """Return the finding where no rule found a fault: all is well, or the evidence does not explain it."""
    return online(evidence) or resting(evidence) or cannot_tell(evidence)


def online(evidence: Evidence) -> Finding | None:
    """Find that a data session is open now (GET /endpoint/{id}/connectivity: ONLINE)."""
    if evidence.state != "ONLINE" or not evidence.may_connect:
        return None
    session = evidence.connectivity.pdp_context if evidence.connectivity else None
    since = (f"data session open since {format_minute(session.created)}",) if session and session.created else ()
    return Finding(
        "No fault found: the device is online with a data session.",
        "likely",
        since,
        ("If it is online but does not work: check destination, DNS, firewall and the application.",),
        rule=online.__name__,
    )


def resting(evidence: Evidence) -> Finding | None:
    """Find that the device is between two sessions, as it usually is (emnify docs: deriving the state from events)."""
    newest = evidence.sessions[0] if evidence.sessions else None
    if newest is None or not evidence.may_connect or is_late(evidence.sessions, evidence.now):
        return None
    gap = usual_gap(evidence.sessions)
    if gap is None and evidence.now - (newest.when or newest.start or evidence.now) > _JUST_NOW:
        return None
    usual = () if gap is None else (f"it usually connects at least every {gap.total_seconds() / 3600:.0f} h",)
    return Finding(
        "No fault found: the device is between data sessions, no longer than usual for it.",
        "likely",
        (f"last data session began {format_minute(newest.start)}", *usual),
        ("Check again when its next data session is due.",),
        rule=resting.__name__,
    )


def cannot_tell(evidence: Evidence) -> Finding:
    """Return the finding that no rule explains the evidence, and what to collect (emnify docs: contacting support)."""
    newest = evidence.last(lambda each: each.type in FROM_DEVICE)
    again = "Call diagnose_sim again in a minute: part of what it looks at could not be read."
    sim = label_sim(evidence)
    seen = f"last heard of {format_minute(newest.at)}" if newest is not None else "nothing heard of it in what was read"
    return Finding(
        "I cannot tell from this: nothing that was read explains it.",
        "unknown",
        (seen,),
        (
            *((again,) if unread(evidence) else ()),
            f'Restart the device on site and look whether new events come: get_sim_timeline(sim="{sim}").',
            "emnify support asks for company name, ICCID, device type, a description and a phone number.",
        ),
        rule=cannot_tell.__name__,
    )


def unread(evidence: Evidence) -> dict[str, str]:
    """Return the sources that could not be read with their errors; those of a device only if there is one."""
    has_device = evidence.sim.device is not None
    return {source: why for source, why in evidence.unread.items() if has_device or source not in DEVICE_SOURCES}
