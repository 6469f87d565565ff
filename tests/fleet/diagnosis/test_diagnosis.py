"""Each cause is found in the story that shows it, and not where something merely looks like it."""

from datetime import timedelta
from inspect import getdoc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_mcp.emnify import (
    AuthenticationError,
    EmnifyClient,
    Limits,
    SimUsage,
)
from sim_mcp.fleet.diagnosis import rules_account as account
from sim_mcp.fleet.diagnosis import rules_cost as cost
from sim_mcp.fleet.diagnosis.diagnosis import FAULT_RULES, apply_rules, unread
from sim_mcp.fleet.events.event import Event
from sim_mcp.sandbox import SandboxSettings, Unknowns
from tests.fleet.diagnosis.asking import diagnosed, spoilt
from tests.fleet.diagnosis.building import LOCKED, NOW, evidence, quota, refusal, rejection, session, usage
from tests.support import Fleet, fleet_of

RULES = (*account.ACCESS_RULES, *FAULT_RULES, *cost.RULES)


CAUSES = [
    ("fresh", "sim_issued", "certain", ""),
    ("suspended", "sim_suspended", "certain", "from 'Activated' to 'Suspended'"),
    ("no_device", "no_device", "certain", ""),
    ("disabled_device", "device_disabled", "certain", "changed to Disabled"),
    ("data_disabled", "data_disabled", "certain", "data service disabled in service profile"),
    ("no_quota", "quota_missing", "certain", "endpoint has no quota"),
    ("quota_exhausted", "quota_used_up", "certain", "quota now: EXHAUSTED, 0 MB left"),
    ("quota_expired", "quota_expired", "certain", "quota now: EXPIRED"),
    ("imei_lock", "imei_lock", "certain", "IMEI provided from network = 8612340512345601"),
    ("locked_and_blocked", "imei_lock", "possible", "the device is locked to IMEI 35"),
    ("traffic_limit", "traffic_limit", "certain", "exceeded traffic limit"),
    ("operator_blocked", "operator_blocked", "likely", '"Plus"'),
    ("coverage", "policy_forbids_network", "likely", "Roaming not allowed"),
    ("not_taken_yet", "not_activated_yet", "likely", "SIM is not activated."),
    ("refused", "refused_otherwise", "likely", "no address is left"),
    ("blocked", "blocked_unexplained", "likely", ""),
    ("rejected_by_network", "registration_rejected", "likely", "24 times since"),
    ("wrong_apn", "wrong_apn", "likely", '"internet.telekom", 0 MB'),
    ("attached_only", "attached_without_session", "likely", "no data session seen in 30 days"),
    ("never_seen", "never_seen", "likely", "Unknown Subscriber"),
    ("factory_test", "never_seen", "likely", ""),
    ("went_silent", "reported_absent", "likely", "has been purged"),
    ("counts_as_attached", "attach_is_stale", "possible", "Unknown Location"),
    ("lost", "offline_without_word", "possible", "usually connects at least every"),
    ("breaks_off", "sessions_break_off", "likely", "shorter than 40 s"),
    ("carries_nothing", "sessions_carry_nothing", "possible", "0 MB"),
    ("healthy", "online", "likely", "session open since 2026-11-22"),
    ("factory_test_ended", "factory_test_ended", "certain", ""),
    ("roaming_spike", "usage_jumped", "certain", "far more data than usual from 2026-11-15 to 2026-11-19"),
    ("found_another", "resting", "likely", "usually connects at least every"),
]


BESIDE = [
    ("no_device", "billed_without_device"),
    ("disabled_device", "billed_on_disabled_device"),
    ("never_seen", "billed_without_traffic"),
    ("factory_test", "in_factory_test"),
    ("no_sms_left", "sms_quota_used_up"),
]


LED_BY_COST = [
    ("roaming_spike", "usage_jumped", {"traffic_abroad", "resting"}),
    ("factory_test_ended", "factory_test_ended", {"online"}),
]


ACTED = {"sim_deleted", "changed_of_late", "workspace_blocked"}
"""Rules whose stories have tests of their own."""


@pytest.mark.parametrize(("story", "rule", "sure", "shown"), CAUSES)
async def test_each_story_has_its_cause_with_its_evidence(
    known: Fleet, client: EmnifyClient, story: str, rule: str, sure: str, shown: str
) -> None:
    found = await diagnosed(known, client, story)
    assert (found.most_likely.rule, found.most_likely.certainty) == (rule, sure)
    assert shown in "\n".join(found.most_likely.proof)
    assert found.steps
    assert not found.not_checked
    assert not unread(found.evidence)


@pytest.mark.parametrize(("story", "rule"), BESIDE)
async def test_what_costs_or_changed_is_told_beside_the_cause(
    known: Fleet, client: EmnifyClient, story: str, rule: str
) -> None:
    found = await diagnosed(known, client, story)
    assert rule in {each.rule for each in found.others}
    assert found.most_likely.kind == "fault"


@pytest.mark.parametrize(("story", "leads", "beside"), LED_BY_COST)
async def test_a_cost_that_is_certain_leads_where_the_connection_is_well(
    known: Fleet, client: EmnifyClient, story: str, leads: str, beside: set[str]
) -> None:
    found = await diagnosed(known, client, story)
    assert (found.most_likely.rule, found.most_likely.kind) == (leads, "cost")
    assert {each.rule for each in found.others} == beside
    assert "Nothing wrong" not in "".join(each.cause for each in (found.most_likely, *found.others))


@pytest.mark.parametrize(
    "story",
    ["healthy", "euicc", "twin_a", "injected_name", "lookalike_a", "found_another", "new_device", "locked_and_well"],
)
async def test_nothing_is_found_where_nothing_is_wrong(known: Fleet, client: EmnifyClient, story: str) -> None:
    found = await diagnosed(known, client, story)
    assert found.most_likely.rule in {"online", "resting"}
    assert not found.others
    assert len(found.ruled_out) > 15


async def test_a_block_of_the_whole_workspace_is_found_by_whoever_it_concerns(known: Fleet) -> None:
    token = known.world.tokens["blocked"]
    async with EmnifyClient(base_url=known.world.base_url, application_token=token, limits=Limits()) as client:
        found = await diagnosed(known, client, "workspace_blocked")
    assert found.most_likely.rule == "workspace_blocked"
    assert "insufficient prepaid balance" in "\n".join(found.most_likely.proof)


async def test_a_sim_that_was_deleted_is_told_to_be_lost_for_good() -> None:
    listed = SandboxSettings(sims=60, clock=NOW, unknowns=Unknowns(deleted_sims="listed"))
    async with (
        fleet_of(listed) as fleet,
        EmnifyClient(
            base_url=fleet.world.base_url, application_token=fleet.world.tokens["enterprise"], limits=Limits()
        ) as client,
    ):
        path = f"/sim/{fleet.scenarios['no_device']['sim_id']}"
        (await fleet.api("DELETE", path)).raise_for_status()
        found = await diagnosed(fleet, client, "no_device")
    assert (found.most_likely.rule, found.most_likely.certainty) == ("sim_deleted", "certain")
    assert found.steps


def test_every_rule_has_a_story() -> None:
    told = {rule for _, rule, *_ in CAUSES} | {rule for _, rule in BESIDE} | ACTED
    told |= set().union(*({leads, *beside} for _, leads, beside in LED_BY_COST))
    assert {rule.name for rule in RULES} <= told


async def test_a_change_made_just_now_is_told_and_a_token_that_is_void_is_no_diagnosis() -> None:
    async with spoilt() as (fleet, client):
        for status in (2, 1):
            path = f"/sim/{fleet.scenarios['healthy']['sim_id']}"
            (await fleet.api("PATCH", path, json={"status": {"id": status}})).raise_for_status()
        found = await diagnosed(fleet, client, "healthy")
        assert "changed_of_late" in {each.rule for each in found.others}
        await fleet.faults("error=401@/event")
        with pytest.raises(AuthenticationError):
            await diagnosed(fleet, client, "healthy")


def test_network_rules_say_nothing_while_the_sim_may_not_use_networks() -> None:
    found = apply_rules(evidence(rejection(1), sim={"status": {"id": 2}}))
    assert found.most_likely.rule == "sim_suspended"
    assert not {"registration rejected (network, coverage policy, blocklist)"} & {*found.ruled_out, *found.not_checked}


def test_a_status_not_known_here_forbids_nothing() -> None:
    found = apply_rules(evidence(rejection(1), sim={"status": {"id": 17, "description": "Hibernating"}}))
    assert found.most_likely.rule == "registration_rejected"


def test_what_nothing_explains_is_said_so_with_what_to_collect() -> None:
    found = apply_rules(evidence(*session(80), state="ATTACHED", usage=usage(1, 1)))
    assert (found.most_likely.rule, found.most_likely.certainty) == ("attach_is_stale", "possible")
    found = apply_rules(
        evidence(state=None, unread={"events": "x", "connectivity": "y", "device": "z"}, all_events=False)
    )
    assert (found.most_likely.rule, found.most_likely.certainty) == ("cannot_tell", "unknown")
    assert "again in a minute" in found.steps[0]
    assert "company name" in "".join(found.steps)
    assert "no sign of life" in found.not_checked
    assert "no sign of life" not in found.ruled_out


def test_surer_causes_come_first_and_costs_after_faults() -> None:
    events = [rejection(1), refusal(2, "endpoint has no quota.")]
    found = apply_rules(evidence(*events, usage=SimUsage()))
    assert found.most_likely.rule == "quota_missing"
    assert [each.rule for each in found.others] == ["registration_rejected", "billed_without_traffic"]


def test_every_rule_names_its_source_and_what_it_rules_out() -> None:
    for rule in RULES:
        described = getdoc(rule.find) or ""
        assert "emnify docs" in described or "GET /" in described, rule.name
        assert rule.rules_out or rule.name == "in_factory_test"
    assert len({rule.name for rule in RULES}) == len(RULES)


texts = st.sampled_from(
    ["", "New location", "PDP Context Request rejected, because endpoint has no quota.", "Location update rejected (X)"]
)


events_of_any_kind = st.builds(
    Event,
    id=st.integers(1, 40),
    at=st.none() | st.integers(0, 800).map(lambda hours: NOW - timedelta(hours=hours)),
    type=st.none() | st.sampled_from([0, 1, 2, 3, 4, 5, 8, 11, 12, 15, 16, 19, 21, 43, 50, 60, 99]),
    name=st.just("x"),
    text=texts,
    rejected=st.booleans(),
    mb=st.none() | st.floats(0, 9),
    apn=st.sampled_from([None, "em", "internet"]),
    country=st.sampled_from([None, "Germany", "Turkey"]),
    session=st.sampled_from([None, "a", "b"]),
)


@given(
    st.lists(events_of_any_kind, max_size=30),
    st.sampled_from([None, "ONLINE", "ATTACHED", "OFFLINE", "BLOCKED", "SOMETHING"]),
    st.sampled_from([None, 0, 1, 2, 3, 4, 17]),
    st.booleans(),
)
def test_whatever_comes_there_is_one_answer_and_nothing_is_both_found_and_ruled_out(
    events: list[Event], state: str | None, status: int | None, in_device: bool
) -> None:
    sim: dict[str, Any] = {"status": {"id": status}} | ({} if in_device else {"endpoint": None})
    found = apply_rules(evidence(*events, state=state, sim=sim))
    assert found.most_likely.cause
    assert found.steps or found.most_likely.certainty != "unknown"
    hit = {rule.rules_out for rule in RULES for each in (found.most_likely, *found.others) if rule.name == each.rule}
    assert not hit & {*found.ruled_out, *found.not_checked}
    assert not set(found.ruled_out) & set(found.not_checked)


def test_a_lock_on_a_blocked_device_is_never_ruled_out_and_one_on_a_working_device_is() -> None:
    certain = apply_rules(evidence(data_quota=quota(2), state="BLOCKED", device=LOCKED))
    assert certain.most_likely.rule == "quota_used_up"
    assert "imei_lock" in [each.rule for each in certain.others]
    assert "IMEI lock" not in certain.ruled_out
    assert "IMEI lock" in apply_rules(evidence(*session(2), device=LOCKED)).ruled_out
    for source in ("device", "connectivity"):
        blind = apply_rules(evidence(unread={source: "not today"}))
        assert "IMEI lock" in blind.not_checked
