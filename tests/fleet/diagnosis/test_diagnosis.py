"""Each cause is found in the story that shows it, and not where something merely looks like it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from inspect import getdoc
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_mcp.emnify import (
    AuthenticationError,
    Connectivity,
    Device,
    EmnifyClient,
    LimitExtension,
    Limits,
    Network,
    Quota,
    Sim,
    SimUsage,
)
from sim_mcp.fleet.diagnosis import rules_account as account
from sim_mcp.fleet.diagnosis import rules_cost as cost
from sim_mcp.fleet.diagnosis import rules_network as network
from sim_mcp.fleet.diagnosis import rules_quota as quotas
from sim_mcp.fleet.diagnosis.diagnosis import BESIDES, FORBIDDEN, ONCE_ALLOWED, Diagnosis, diagnose, judge, unread
from sim_mcp.fleet.diagnosis.evidence import Evidence
from sim_mcp.fleet.events.event import Happening, newest_first
from sim_mcp.sandbox import SandboxSettings, Unknowns
from tests.emnify.upstream import Reply, upstream_running
from tests.support import Fleet, fleet_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
RULES = (*FORBIDDEN, *ONCE_ALLOWED, *BESIDES)
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
    ("lost", "offline_without_word", "possible", "late after"),
    ("breaks_off", "sessions_break_off", "likely", "shorter than 40 s"),
    ("carries_nothing", "sessions_carry_nothing", "possible", "0 MB"),
    ("healthy", "online", "likely", "session open since 2026-11-22"),
    ("factory_test_ended", "online", "likely", ""),
    ("found_another", "resting", "likely", "late after"),
]
BESIDE = [
    ("no_device", "billed_without_device"),
    ("disabled_device", "billed_on_disabled_device"),
    ("never_seen", "billed_without_traffic"),
    ("factory_test_ended", "factory_test_ended"),
    ("roaming_spike", "traffic_abroad"),
    ("roaming_spike", "usage_jumped"),
    ("factory_test", "in_factory_test"),
    ("no_sms_left", "sms_quota_used_up"),
]
ACTED = {"sim_deleted", "changed_of_late", "workspace_blocked"}
"""Rules whose stories have tests of their own."""


@pytest.fixture(scope="module")
async def known() -> AsyncIterator[Fleet]:
    """As of noon: which device sleeps and which is online depends on the hour."""
    async with fleet_of(SandboxSettings(sims=400, clock=NOW)) as made:
        yield made


async def diagnosed(fleet: Fleet, client: EmnifyClient, key: str) -> Diagnosis:
    return await diagnose(client, await client.get_sim(fleet.stories[key]["sim_id"]))


@pytest.mark.parametrize(("story", "rule", "sure", "shown"), CAUSES)
async def test_each_story_has_its_cause_with_its_evidence(
    known: Fleet, client: EmnifyClient, story: str, rule: str, sure: str, shown: str
) -> None:
    found = await diagnosed(known, client, story)
    assert (found.most_likely.rule, found.most_likely.sure) == (rule, sure)
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


@pytest.mark.parametrize(
    "story",
    ["healthy", "euicc", "twin_a", "injected_name", "lookalike_a", "found_another", "new_device", "locked_and_well"],
)
async def test_blank_arguments_is_found_where_nothing_is_wrong(known: Fleet, client: EmnifyClient, story: str) -> None:
    found = await diagnosed(known, client, story)
    assert found.most_likely.rule in {"online", "resting"}
    assert not found.others
    assert len(found.ruled_out) > 15


async def test_what_was_granted_beyond_a_limit_is_asked_only_where_one_is_spoken_of(
    known: Fleet, client: EmnifyClient
) -> None:
    found = await diagnosed(known, client, "traffic_limit")
    assert "extension of the limit by 100 MB, over since 2026-11-13T12:00Z" in found.most_likely.proof
    before = len(await known.requests())
    await diagnosed(known, client, "healthy")
    asked = [request["path"] for request in (await known.requests())[before:]]
    assert asked
    assert not any("traffic_limit_extension" in path for path in asked)


def test_limit_extensions_are_told_as_they_are() -> None:
    blocked = Happening(id=1, at=NOW - timedelta(hours=1), type=11, name="", text="traffic limit exceeded.")
    evidence = replace(Evidence(now=NOW, sim=Sim(id=1)), events=(blocked,))
    granted = LimitExtension.model_validate({"volume": "50.5", "expiration_date": "2026-12-01 00:00:00"})
    nothing = account.traffic_limit(replace(evidence, limit_extensions=()))
    some = account.traffic_limit(replace(evidence, limit_extensions=(granted, LimitExtension())))
    unasked = account.traffic_limit(evidence)
    assert nothing is not None
    assert some is not None
    assert unasked is not None
    assert nothing.proof[-1] == "no extension of the limit was granted"
    assert some.proof[-2:] == ("extension of the limit by 50.5 MB, until 2026-12-01T00:00Z", "extension of the limit")
    assert len(unasked.proof) == 1


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
        path = f"/sim/{fleet.stories['no_device']['sim_id']}"
        (await fleet.api("DELETE", path)).raise_for_status()
        found = await diagnosed(fleet, client, "no_device")
    assert (found.most_likely.rule, found.most_likely.sure) == ("sim_deleted", "certain")
    assert found.steps


def test_every_rule_has_a_story() -> None:
    told = {rule for _, rule, *_ in CAUSES} | {rule for _, rule in BESIDE} | ACTED
    assert {rule.name for rule in RULES} <= told


@asynccontextmanager
async def spoilt() -> AsyncIterator[tuple[Fleet, EmnifyClient]]:
    """A sandbox that may be changed."""
    async with (
        fleet_of(SandboxSettings(sims=60, clock=NOW)) as fleet,
        EmnifyClient(
            base_url=fleet.world.base_url, application_token=fleet.world.tokens["enterprise"], limits=Limits()
        ) as client,
    ):
        yield fleet, client


async def test_a_change_made_just_now_is_told_and_a_token_that_is_void_is_no_diagnosis() -> None:
    async with spoilt() as (fleet, client):
        for status in (2, 1):
            path = f"/sim/{fleet.stories['healthy']['sim_id']}"
            (await fleet.api("PATCH", path, json={"status": {"id": status}})).raise_for_status()
        found = await diagnosed(fleet, client, "healthy")
        assert "changed_of_late" in {each.rule for each in found.others}
        await fleet.faults("error=401@/event")
        with pytest.raises(AuthenticationError):
            await diagnosed(fleet, client, "healthy")


async def test_with_little_time_left_what_the_sim_itself_says_is_told_and_the_rest_is_named_as_unread() -> None:
    async with spoilt() as (fleet, client):
        card = await client.get_sim(fleet.stories["suspended"]["sim_id"])
        await fleet.faults("latency=30@/endpoint", "latency=30@/event", "latency=30@/stats")
        with anyio.fail_after(20):
            found = await diagnose(client, card, within_s=-5.0)
        assert found.most_likely.rule == "sim_suspended"
        assert {"events", "device", "usage"} <= set(unread(found.evidence))


async def test_a_source_that_fails_costs_only_what_depends_on_it() -> None:
    rejected = "registration rejected (network, coverage policy, blocklist)"
    broken = {
        "/connectivity_info": ("network query", []),
        "/operator_blacklist": ("blocked operators", [rejected]),
        "/quota/data": ("data quota", ["data quota missing, used up or expired"]),
        "/stats": ("usage", ["charged without use", "usage far above last month's"]),
        "/api/v1/event": ("workspace events", ["workspace blocked (prepaid, cost limit)"]),
    }
    async with spoilt() as (fleet, client):
        for route, (source, unclear) in broken.items():
            await fleet.faults(f"error=403@GET {route}")
            found = await diagnosed(fleet, client, "healthy")
            assert list(unread(found.evidence)) == [source]
            assert found.most_likely.rule == "online"
            assert list(found.not_checked) == unclear
            assert not set(unclear) & set(found.ruled_out)


async def test_of_a_device_that_is_not_to_be_read_no_quota_is_not_said() -> None:
    async with spoilt() as (fleet, client):
        await fleet.faults("error=404@GET /endpoint")
        found = await diagnosed(fleet, client, "healthy")
    assert {"device", "data quota", "SMS quota"} <= set(unread(found.evidence))
    assert "data quota missing, used up or expired" in found.not_checked


async def test_of_a_busy_sim_the_last_success_is_found_behind_its_rejections() -> None:
    settings = SandboxSettings(sims=60, clock=NOW, unknowns=Unknowns(max_event_page=10))
    async with (
        fleet_of(settings) as fleet,
        EmnifyClient(
            base_url=fleet.world.base_url, application_token=fleet.world.tokens["enterprise"], limits=Limits()
        ) as client,
    ):
        found = await diagnosed(fleet, client, "rejected_by_network")
        success = found.evidence.last(lambda each: each.session_opened)
        assert not found.evidence.all_events
        assert success is not None
        assert found.most_likely.rule == "registration_rejected"
        assert "(at least 10 times since" in found.most_likely.proof[0]
        await fleet.faults("error=403@/event")
        blind = await diagnosed(fleet, client, "rejected_by_network")
    assert blind.most_likely.rule == "cannot_tell"
    assert "events" in unread(blind.evidence)


# Near misses: evidence made by hand, one thing apart from what triggers the rule.


def event(ago_h: float, kind: int, text: str = "", **known: Any) -> Happening:
    number = int((1000 - ago_h) * 1000)
    refused = "reject" in text.lower()
    return Happening(
        id=number, at=NOW - timedelta(hours=ago_h), type=kind, name=f"type {kind}", text=text, rejected=refused, **known
    )


def refusal(ago_h: float, reason: str) -> Happening:
    return event(ago_h, 3, f"PDP Context Request rejected, because {reason}")


def rejection(ago_h: float, who: str = "T-Mobile") -> Happening:
    return event(
        ago_h, 1, f"Location update rejected from VLR 4860 ({who}) for IMSI 1. This operator is not supported."
    )


def session(
    ago_h: float, hours: float = 1.0, mb: float = 1.0, apn: str = "em", country: str = "Germany"
) -> list[Happening]:
    key = f"session {ago_h}"
    return [
        event(ago_h, 3, session=key, apn=apn, country=country),
        event(ago_h - hours, 5, session=key, mb=mb, country=country),
    ]


def evidence(*events: Happening, state: str | None = "OFFLINE", **known: Any) -> Evidence:
    sim = {"id": 7, "iccid": "8988303000000000129", "status": {"id": 1}, "endpoint": {"id": 9, "status": {"id": 0}}}
    read = Sim.model_validate(sim | known.pop("sim", {}))
    connectivity = None if state is None else Connectivity.model_validate({"status": {"description": state}})
    return replace(
        Evidence(now=NOW, sim=read, device=read.device, connectivity=connectivity, events=newest_first(events)), **known
    )


def quota(status: int, action: int = 1) -> Quota:
    return Quota.model_validate({"status": {"id": str(status)}, "action_on_exhaustion": {"id": action}, "volume": 1})


def usage(this: float, last: float) -> SimUsage:
    return SimUsage.model_validate(
        {"current_month": {"data": {"volume": this}}, "last_month": {"data": {"volume": last}}}
    )


LOCKED = Device.model_validate({"id": 9, "status": {"id": 0}, "imei_lock": True, "imei": "3510000000000101"})
UNLOCKED = LOCKED.model_copy(update={"imei_lock": False})
OLD_ATTACH = event(10, 1, "New location received")


@pytest.mark.parametrize(
    ("rule", "given_", "wanted"),
    [
        (account.data_disabled, evidence(refusal(1, "data service disabled in service profile.")), "certain"),
        (account.data_disabled, evidence(refusal(60, "data service disabled in service profile.")), "likely"),
        (account.data_disabled, evidence(refusal(3, "data service disabled in service profile."), *session(2)), None),
        (account.data_disabled, evidence(refusal(1, "endpoint has no quota.")), None),
        (quotas.quota_missing, evidence(refusal(1, "endpoint has no quota."), data_quota=quota(1)), None),
        (quotas.quota_used_up, evidence(event(3, 19, "used up")), "likely"),
        (quotas.quota_used_up, evidence(event(3, 19, "used up"), event(2, 56, "assigned")), None),
        (quotas.quota_used_up, evidence(event(3, 19, "used up"), *session(2)), None),
        (quotas.quota_used_up, evidence(event(3, 19, "used up"), data_quota=quota(1)), None),
        (quotas.quota_used_up, evidence(event(3, 18, "threshold reached")), None),
        (quotas.quota_used_up, evidence(data_quota=quota(2)), "certain"),
        (quotas.quota_expired, evidence(event(3, 60, "expired")), "likely"),
        (quotas.quota_expired, evidence(event(3, 60, "expired"), event(1, 56, "assigned")), None),
        (account.imei_lock, evidence(state="BLOCKED", device=LOCKED), "possible"),
        (account.imei_lock, evidence(refusal(1, "IMEI lock active, but"), state="BLOCKED", device=LOCKED), "certain"),
        (account.imei_lock, evidence(refusal(1, "endpoint has no quota."), state="BLOCKED", device=LOCKED), "possible"),
        (account.imei_lock, evidence(state="OFFLINE", device=LOCKED), None),
        (account.imei_lock, evidence(state="BLOCKED", device=UNLOCKED), None),
        (account.imei_lock, evidence(state="BLOCKED"), None),
        (account.blocked_unexplained, evidence(state="BLOCKED", device=LOCKED), None),
        (account.workspace_blocked, evidence(workspace_blocks=(event(3, 12, "Blocking"),)), "likely"),
        (account.workspace_blocked, evidence(workspace_blocks=(event(3, 11, "Blocking"), event(2, 8))), None),
        (account.workspace_blocked, evidence(*session(2), workspace_blocks=(event(3, 12, "Blocking"),)), None),
        (account.traffic_limit, evidence(event(3, 11, "Blocking data access")), "likely"),
        (account.traffic_limit, evidence(event(3, 11, "Blocking data access"), state="BLOCKED"), "certain"),
        (account.traffic_limit, evidence(event(3, 11, "Blocking data access"), *session(2)), None),
        (account.imei_lock, evidence(refusal(3, "IMEI lock active, but IMEIs do not match"), *session(2)), None),
        (account.not_activated_yet, evidence(refusal(1, "SIM is not activated.")), "likely"),
        (account.not_activated_yet, evidence(refusal(2, "SIM is not activated."), event(1, 8, "changed")), None),
        (account.not_activated_yet, evidence(refusal(1, "SIM is not activated."), event(2, 8, "changed")), "likely"),
        (account.refused_otherwise, evidence(refusal(1, "the moon is full.")), "likely"),
        (account.refused_otherwise, evidence(refusal(70, "the moon is full.")), "possible"),
        (account.refused_otherwise, evidence(refusal(1, "endpoint has no quota.")), None),
        (account.refused_otherwise, evidence(refusal(2, "the moon is full."), *session(1)), None),
        (account.blocked_unexplained, evidence(state="BLOCKED"), "likely"),
        (account.blocked_unexplained, evidence(state="BLOCKED", data_quota=quota(2)), None),
        (account.blocked_unexplained, evidence(event(3, 11, "limit"), state="BLOCKED"), None),
        (account.blocked_unexplained, evidence(refusal(1, "the moon is full."), state="BLOCKED"), None),
        (account.blocked_unexplained, evidence(state="OFFLINE"), None),
        (account.workspace_blocked, evidence(workspace_blocks=(event(5, 12, "prepaid"),)), "likely"),
        (account.workspace_blocked, evidence(*session(4), workspace_blocks=(event(5, 12, "prepaid"),)), None),
        (account.sim_deleted, evidence(sim={"status": {"id": 3}}), "certain"),
        (account.sim_deleted, evidence(sim={"status": {"id": 2}}), None),
        (account.sim_issued, evidence(sim={"status": {"id": 4}}), None),
        (account.sim_suspended, evidence(event(1, 9, "suspended")), None),
        (account.no_device, evidence(event(1, 50, "released")), None),
        (account.device_disabled, evidence(event(1, 43, "disabled")), None),
        (account.device_disabled, evidence(sim={"endpoint": {"id": 9, "status": {"id": 2}}}), "certain"),
        (network.operator_blocked, evidence(rejection(1, "Plus"), blocked_operators=(Network(name="Plus"),)), "likely"),
        (network.operator_blocked, evidence(rejection(1, "Plusnet"), blocked_operators=(Network(name="Plus"),)), None),
        (network.operator_blocked, evidence(rejection(1), blocked_operators=(Network(), Network(name=" "))), None),
        (network.operator_blocked, evidence(OLD_ATTACH, blocked_operators=(Network(name="Plus"),)), None),
        (
            network.operator_blocked,
            evidence(rejection(12, "Plus"), OLD_ATTACH, blocked_operators=(Network(name="Plus"),)),
            None,
        ),
        (network.registration_rejected, evidence(rejection(1)), "likely"),
        (network.registration_rejected, evidence(rejection(80)), "possible"),
        (network.registration_rejected, evidence(rejection(12), OLD_ATTACH), None),
        (network.registration_rejected, evidence(rejection(3), *session(2)), None),
        (network.policy_forbids_network, evidence(event(1, 2, "Rejected: roaming is not allowed")), "likely"),
        (network.policy_forbids_network, evidence(rejection(1)), None),
        (network.policy_forbids_network, evidence(event(12, 2, "Rejected: roaming"), OLD_ATTACH), None),
        (network.wrong_apn, evidence(*session(5, mb=0, apn="internet"), state="ATTACHED"), "likely"),
        (network.wrong_apn, evidence(*session(5, mb=0.1, apn="internet"), state="ATTACHED"), None),
        (network.wrong_apn, evidence(*session(5, mb=0, apn="EM"), state="ATTACHED"), None),
        (network.wrong_apn, evidence(*session(5, mb=0, apn="em.emnify.net"), state="ATTACHED"), None),
        (network.wrong_apn, evidence(*session(5, mb=0, apn="internet"), *session(3), state="ATTACHED"), None),
        (network.wrong_apn, evidence(session(5, apn="internet")[0], state="ONLINE"), None),
        (network.attached_without_session, evidence(OLD_ATTACH, state="ATTACHED"), "likely"),
        (network.attached_without_session, evidence(OLD_ATTACH, *session(9), state="ATTACHED"), None),
        (network.attached_without_session, evidence(OLD_ATTACH, state="ONLINE"), None),
        (network.attached_without_session, evidence(OLD_ATTACH, *session(20), state="ATTACHED"), None),
        (network.attached_without_session, evidence(OLD_ATTACH, *session(60), state="ATTACHED"), "likely"),
        (network.attached_without_session, evidence(OLD_ATTACH, event(8, 15, "purged")), None),
        (network.attached_without_session, evidence(OLD_ATTACH, refusal(1, "x"), state="ATTACHED"), None),
        (network.never_seen, evidence(event(5, 8, "changed")), "likely"),
        (network.never_seen, evidence(event(700, 15, "purged")), None),
        (network.never_seen, evidence(state="ONLINE"), None),
        (network.never_seen, evidence(all_events=False), None),
        (network.reported_absent, evidence(OLD_ATTACH, event(9, 16, "purged")), "likely"),
        (network.reported_absent, evidence(OLD_ATTACH, event(11, 16, "purged")), None),
        (network.reported_absent, evidence(event(9, 16, "purged"), state="ATTACHED"), None),
        (network.attach_is_stale, evidence(event(49, 1), state="ATTACHED"), "possible"),
        (network.attach_is_stale, evidence(event(47, 1), state="ATTACHED"), None),
        (network.attach_is_stale, evidence(event(49, 1), state="ONLINE"), None),
        (network.offline_without_word, evidence(*session(80)), "possible"),
        (network.offline_without_word, evidence(*session(80), state="ATTACHED"), None),
        (network.offline_without_word, evidence(*session(80), event(70, 15, "purged")), None),
        (network.offline_without_word, evidence(*session(40)), None),
        (network.offline_without_word, evidence(*session(80), *session(320), *session(560)), None),
        (network.sessions_break_off, evidence(*[e for n in range(1, 13) for e in session(n, 0.02)]), "likely"),
        (network.sessions_break_off, evidence(*[e for n in range(1, 12) for e in session(n, 0.02)]), None),
        (network.sessions_break_off, evidence(*[e for n in range(1, 20) for e in session(n, 0.5)]), None),
        (network.sessions_break_off, evidence(*[e for n in range(25, 60) for e in session(n, 0.02)]), None),
        (network.sessions_carry_nothing, evidence(*[e for n in (2, 4, 6) for e in session(n, mb=0)]), "possible"),
        (network.sessions_carry_nothing, evidence(*[e for n in (2, 4) for e in session(n, mb=0)]), None),
        (network.sessions_carry_nothing, evidence(*session(2), *session(4, mb=0), *session(6, mb=0)), None),
        (network.sessions_carry_nothing, evidence(*[e for n in (2, 4, 6) for e in session(n, mb=0, apn="x")]), None),
        (cost.billed_without_traffic, evidence(usage=SimUsage()), "certain"),
        (cost.billed_without_traffic, evidence(usage=usage(0, 1)), None),
        (cost.billed_without_traffic, evidence(usage=None), None),
        (cost.billed_without_traffic, evidence(usage=SimUsage(), sim={"activation_date": "2026-11-22T05:00Z"}), None),
        (
            cost.billed_without_traffic,
            evidence(usage=SimUsage(), sim={"activation_date": "2026-11-02T05:00Z"}),
            "certain",
        ),
        (cost.billed_without_traffic, evidence(usage=SimUsage(), sim={"status": {"id": 2}}), None),
        (
            cost.billed_without_traffic,
            evidence(usage=SimUsage.model_validate({"last_month": {"sms": {"volume": "3.000"}}})),
            None,
        ),
        (cost.factory_test_ended, evidence(event(5, 8, "Status of SIM changed from 'Factory Test' to 'X'")), None),
        (cost.traffic_abroad, evidence(*session(9), *session(7), *session(5, mb=3, country="Turkey")), "possible"),
        (cost.traffic_abroad, evidence(*session(9), *session(7), *session(5, mb=0.9, country="Turkey")), None),
        (cost.traffic_abroad, evidence(*session(9, mb=90), *session(7), *session(5, mb=3, country="Turkey")), None),
        (cost.traffic_abroad, evidence(*session(9), *session(7)), None),
        (cost.usage_jumped, evidence(usage=usage(31, 10)), "certain"),
        (cost.usage_jumped, evidence(usage=usage(29, 10)), None),
        (cost.usage_jumped, evidence(usage=usage(9, 1)), None),
        (cost.usage_jumped, evidence(usage=usage(31, 0)), None),
        (cost.sms_quota_used_up, evidence(event(5, 21, "used up")), "likely"),
        (cost.sms_quota_used_up, evidence(event(5, 21, "used up"), event(4, 58, "assigned")), None),
        (cost.sms_quota_used_up, evidence(event(5, 21, "used up"), sms_quota=quota(1)), None),
        (cost.sms_quota_used_up, evidence(sms_quota=quota(2)), "certain"),
        (cost.changed_of_late, evidence(event(23, 8, "changed")), "possible"),
        (cost.changed_of_late, evidence(event(25, 8, "changed")), None),
        (cost.changed_of_late, evidence(*session(2)), None),
    ],
)
def test_a_rule_fires_where_it_should_and_not_one_step_beside(rule: Any, given_: Evidence, wanted: str | None) -> None:
    found = rule(given_)
    assert (found.sure if found else None) == wanted


def test_a_used_up_quota_that_only_slows_is_told_as_such() -> None:
    slowed = quotas.quota_used_up(evidence(data_quota=quota(2, action=2)))
    assert slowed is not None
    assert "slowed down" in slowed.cause


def test_network_rules_say_nothing_while_the_sim_may_not_use_networks() -> None:
    found = judge(evidence(rejection(1), sim={"status": {"id": 2}}))
    assert found.most_likely.rule == "sim_suspended"
    assert not {"registration rejected (network, coverage policy, blocklist)"} & {*found.ruled_out, *found.not_checked}


def test_a_status_not_known_here_forbids_nothing() -> None:
    found = judge(evidence(rejection(1), sim={"status": {"id": 17, "description": "Hibernating"}}))
    assert found.most_likely.rule == "registration_rejected"


def test_what_nothing_explains_is_said_so_with_what_to_collect() -> None:
    found = judge(evidence(*session(80), state="ATTACHED", usage=usage(1, 1)))
    assert (found.most_likely.rule, found.most_likely.sure) == ("attach_is_stale", "possible")
    found = judge(evidence(state=None, unread={"events": "x", "connectivity": "y", "device": "z"}, all_events=False))
    assert (found.most_likely.rule, found.most_likely.sure) == ("cannot_tell", "unknown")
    assert "again in a minute" in found.steps[0]
    assert "company name" in "".join(found.steps)
    assert "no sign of life" in found.not_checked
    assert "no sign of life" not in found.ruled_out


def test_surer_causes_come_first_and_costs_after_faults() -> None:
    events = [rejection(1), refusal(2, "endpoint has no quota.")]
    found = judge(evidence(*events, usage=SimUsage()))
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
happenings = st.builds(
    Happening,
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
    st.lists(happenings, max_size=30),
    st.sampled_from([None, "ONLINE", "ATTACHED", "OFFLINE", "BLOCKED", "SOMETHING"]),
    st.sampled_from([None, 0, 1, 2, 3, 4, 17]),
    st.booleans(),
)
def test_whatever_comes_there_is_one_answer_and_nothing_is_both_found_and_ruled_out(
    events: list[Happening], state: str | None, status: int | None, in_device: bool
) -> None:
    sim: dict[str, Any] = {"status": {"id": status}} | ({} if in_device else {"endpoint": None})
    found = judge(evidence(*events, state=state, sim=sim))
    assert found.most_likely.cause
    assert found.steps or found.most_likely.sure != "unknown"
    hit = {rule.rules_out for rule in RULES for each in (found.most_likely, *found.others) if rule.name == each.rule}
    assert not hit & {*found.ruled_out, *found.not_checked}
    assert not set(found.ruled_out) & set(found.not_checked)


def test_a_lock_on_a_blocked_device_is_never_ruled_out_and_one_on_a_working_device_is() -> None:
    certain = judge(evidence(data_quota=quota(2), state="BLOCKED", device=LOCKED))
    assert certain.most_likely.rule == "quota_used_up"
    assert "imei_lock" in [each.rule for each in certain.others]
    assert "IMEI lock" not in certain.ruled_out
    assert "IMEI lock" in judge(evidence(*session(2), device=LOCKED)).ruled_out
    for source in ("device", "connectivity"):
        blind = judge(evidence(unread={source: "not today"}))
        assert "IMEI lock" in blind.not_checked


async def test_another_event_is_no_block_of_the_workspace_where_emnify_does_not_heed_the_filter() -> None:
    """Of a workspace's events, most are about other SIMs."""
    other = {
        "id": 5,
        "timestamp": f"{NOW - timedelta(hours=3):%Y-%m-%dT%H:%M:%SZ}",
        "event_type": {"id": 11, "description": "Endpoint blocked"},
        "description": "Blocking data access for endpoint, traffic limit exceeded.",
    }
    async with (
        upstream_running() as upstream,
        EmnifyClient(base_url=upstream.base_url, application_token="x", limits=Limits()) as client,
    ):
        upstream.script(*[Reply(json=[other], headers={"X-Total-Pages": "1"})] * 20)
        sim = Sim.model_validate({"id": 7, "status": {"id": 1}, "endpoint": {"id": 9}})
        found = await diagnose(client, sim)
    assert "workspace_blocked" not in [each.rule for each in (found.most_likely, *found.others)]


async def test_a_blocked_workspace_is_found_among_its_own_events() -> None:
    blocked = {
        "id": 5,
        "timestamp": f"{NOW - timedelta(hours=3):%Y-%m-%dT%H:%M:%SZ}",
        "event_type": {"id": 12, "description": "Organisation blocked"},
        "description": "Blocking services for organisation, because of insufficient prepaid balance.",
    }
    async with (
        upstream_running() as upstream,
        EmnifyClient(base_url=upstream.base_url, application_token="x", limits=Limits()) as client,
    ):
        upstream.script(*[Reply(json=[blocked], headers={"X-Total-Pages": "1"})] * 20)
        sim = Sim.model_validate({"id": 7, "status": {"id": 1}, "endpoint": {"id": 9}})
        found = await diagnose(client, sim)
    assert found.most_likely.rule == "workspace_blocked"
    assert "insufficient prepaid balance" in found.most_likely.proof[0]
