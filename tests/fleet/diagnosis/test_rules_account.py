"""Rules about SIM, device and limits: each fires on its evidence, and not one thing apart from what triggers it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sim_mcp.emnify import (
    EmnifyClient,
    LimitExtension,
    Limits,
    Sim,
)
from sim_mcp.fleet.diagnosis import rules_account as account
from sim_mcp.fleet.diagnosis.diagnosis import (
    diagnose,
)
from sim_mcp.fleet.diagnosis.evidence import Evidence
from sim_mcp.fleet.events.event import Event
from tests.emnify.upstream import Reply, upstream_running
from tests.fleet.diagnosis.building import LOCKED, NOW, UNLOCKED, event, evidence, quota, refusal, session


@pytest.mark.parametrize(
    ("rule", "given_", "wanted"),
    [
        (account.data_disabled, evidence(refusal(1, "data service disabled in service profile.")), "certain"),
        (account.data_disabled, evidence(refusal(60, "data service disabled in service profile.")), "likely"),
        (account.data_disabled, evidence(refusal(3, "data service disabled in service profile."), *session(2)), None),
        (account.data_disabled, evidence(refusal(1, "endpoint has no quota.")), None),
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
    ],
)
def test_a_rule_fires_where_it_should_and_not_one_step_beside(rule: Any, given_: Evidence, wanted: str | None) -> None:
    found = rule(given_)
    assert (found.certainty if found else None) == wanted


def test_limit_extensions_are_told_as_they_are() -> None:
    blocked = Event(id=1, at=NOW - timedelta(hours=1), type=11, name="", text="traffic limit exceeded.")
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
