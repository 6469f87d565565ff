"""What each operation sends, to the byte."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from sim_mcp.emnify import (
    CLEAR,
    Bic,
    DeviceFilter,
    EmnifyClient,
    EventFilter,
    EventSort,
    InvalidValueError,
    SimChange,
    SimFilter,
    SimSort,
    SimStatus,
)
from tests.emnify.upstream import Reply, Upstream

BIC = Bic.parse("#31F 6E2S 6XTR 3NEY")
SIM = {"id": 250, "iccid": "8988303000000000129"}
MOMENT = datetime(2026, 11, 1, 12, 30, tzinfo=UTC)

Ask = Callable[[EmnifyClient], Awaitable[Any]]


@pytest.mark.parametrize(
    ("ask", "reply", "line"),
    [
        pytest.param(lambda c: c.list_sims(), Reply(json=[SIM]), "GET /api/v1/sim?page=1&per_page=25", id="list SIMs"),
        pytest.param(
            lambda c: c.list_sims(
                SimFilter(status=SimStatus.ISSUED, iccid="8988", customer_org=7, without_device=True),
                sort=[SimSort("status", descending=True), SimSort("id")],
                page=3,
                per_page=2500,
            ),
            Reply(json=[]),
            "GET /api/v1/sim?q=status%3A0%2Ciccid%3A8988%2Ccustomer_org%3A7%2Cendpoint%3Anull"
            "&sort=-status%2Cid&page=3&per_page=2500",
            id="list SIMs, filtered and sorted",
        ),
        pytest.param(lambda c: c.get_sim(250), Reply(json=SIM), "GET /api/v1/sim/250", id="SIM details"),
        pytest.param(
            lambda c: c.list_sim_events(
                250, EventFilter(types=(1, 3), severity="warn", source="network", since=MOMENT, until=MOMENT), page=2
            ),
            Reply(json=[{"id": 1}]),
            "GET /api/v1/sim/250/event?q=from%3A2026-11-01T12%3A30%3A00Z%2Cuntil%3A2026-11-01T12%3A30%3A00Z"
            "%2Ctype%3A1%7C3%2Cseverity%3A1%2Csource%3A0&sort=-timestamp&page=2&per_page=100",
            id="SIM events",
        ),
        pytest.param(
            lambda c: c.list_sim_events(250, sort=EventSort("timestamp")),
            Reply(json=[{"id": 1}]),
            "GET /api/v1/sim/250/event?sort=timestamp&page=1&per_page=100",
            id="SIM events, oldest first",
        ),
        pytest.param(lambda c: c.get_sim_usage(250), Reply(json={}), "GET /api/v1/sim/250/stats", id="usage and cost"),
        pytest.param(
            lambda c: c.get_sim_daily_usage(250, date(2026, 11, 1), date(2026, 11, 22)),
            Reply(json=[]),
            "GET /api/v1/sim/250/stats/daily?start_date=2026-11-01&end_date=2026-11-22",
            id="usage per day",
        ),
        pytest.param(lambda c: c.list_sim_statuses(), Reply(json=[]), "GET /api/v1/sim/status", id="SIM statuses"),
        pytest.param(
            lambda c: c.batches.get(BIC),
            Reply(json={"bic": BIC.code}),
            "GET /api/v1/sim_batch/bic/%2331F6E2S6XTR3NEY",
            id="validate batch",
        ),
        pytest.param(
            lambda c: c.list_devices(DeviceFilter(name="Pump 3", sim_status=SimStatus.ACTIVATED), per_page=100),
            Reply(json=[]),
            "GET /api/v1/endpoint?q=name%3APump+3%2Csim_status%3A1&sort=id&page=1&per_page=100",
            id="devices",
        ),
        pytest.param(lambda c: c.get_device(9), Reply(json={"id": 9}), "GET /api/v1/endpoint/9", id="device"),
        pytest.param(
            lambda c: c.get_connectivity(9), Reply(json={}), "GET /api/v1/endpoint/9/connectivity", id="connectivity"
        ),
        pytest.param(
            lambda c: c.get_data_quota(9), Reply(json={}), "GET /api/v1/endpoint/9/quota/data", id="data quota"
        ),
        pytest.param(
            lambda c: c.reachability.get_connectivity_info(9),
            Reply(json={}),
            "GET /api/v1/endpoint/9/connectivity_info",
            id="what the network says",
        ),
        pytest.param(
            lambda c: c.reachability.get_sms_quota(9),
            Reply(json={}),
            "GET /api/v1/endpoint/9/quota/sms",
            id="SMS quota",
        ),
        pytest.param(
            lambda c: c.reachability.list_blocked_operators(9),
            Reply(json=[]),
            "GET /api/v1/endpoint/9/operator_blacklist",
            id="blocked operators",
        ),
        pytest.param(
            lambda c: c.reachability.list_device_events(9, EventFilter(types=(11, 43))),
            Reply(json=[]),
            "GET /api/v1/endpoint/9/event?q=type%3A11%7C43&sort=-timestamp&page=1&per_page=100",
            id="events of a device",
        ),
        pytest.param(
            lambda c: c.reachability.list_workspace_events(EventFilter(types=(12,)), per_page=5),
            Reply(json=[]),
            "GET /api/v1/event?q=type%3A12&sort=-timestamp&page=1&per_page=5",
            id="events of the workspace",
        ),
        pytest.param(
            lambda c: c.organisation.get_stats(),
            Reply(json={"current_month": {"data": {"volume": "1.5"}}}),
            "GET /api/v1/organisation/my/stats",
            id="organisation statistics",
        ),
        pytest.param(
            lambda c: c.organisation.get_tariff_plan(),
            Reply(json={"tariff_plan": {}}),
            "GET /api/v1/tariff_plan/active",
            id="tariff plan",
        ),
        pytest.param(
            lambda c: c.organisation.has_inclusive_volume(),
            Reply(json=[]),
            "GET /api/v1/organisation/my/inclusive_volume/active",
            id="inclusive volume",
        ),
    ],
)
async def test_reading_sends_this_and_no_body(
    client: EmnifyClient, upstream: Upstream, ask: Ask, reply: Reply, line: str
) -> None:
    upstream.script(reply)
    await ask(client)
    assert [(seen.line, seen.body) for seen in upstream.calls] == [(line, b"")]


@pytest.mark.parametrize(("volumes", "has_any"), [([], False), ([{"id": 7, "volume": 5000}], True)])
async def test_inclusive_volume_is_asked_for_once(
    client: EmnifyClient, upstream: Upstream, volumes: list[Any], has_any: bool
) -> None:
    upstream.script(Reply(json=volumes))
    assert await client.organisation.has_inclusive_volume() is has_any
    assert await client.organisation.has_inclusive_volume() is has_any
    assert len(upstream.calls) == 1


@pytest.mark.parametrize(
    ("change", "body"),
    [
        (SimChange(status=SimStatus.ISSUED), {"status": {"id": 0}}),
        (SimChange(status=SimStatus.SUSPENDED), {"status": {"id": 2}}),
        (SimChange(issuer_org=2), {"issuer_org": {"id": 2}}),
        (SimChange(reseller_org=3), {"reseller_org": {"id": 3}}),
        (SimChange(customer_org=4), {"customer_org": {"id": 4}}),
        (SimChange(issuer_org=CLEAR), {"issuer_org": {"id": None}}),
        (SimChange(reseller_org=CLEAR), {"reseller_org": {"id": None}}),
        (SimChange(customer_org=CLEAR), {"customer_org": {"id": None}}),
        (
            SimChange(status=SimStatus.ACTIVATED, customer_org=4, reseller_org=CLEAR),
            {"status": {"id": 1}, "customer_org": {"id": 4}, "reseller_org": {"id": None}},
        ),
    ],
)
async def test_an_update_sends_only_what_changes(
    client: EmnifyClient, upstream: Upstream, change: SimChange, body: dict[str, Any]
) -> None:
    upstream.script(Reply(204, headers={"Content-Type": "application/json"}))
    await client.update_sim(250, change)
    assert [(seen.line, seen.json) for seen in upstream.calls] == [("PATCH /api/v1/sim/250", body)]


@pytest.mark.parametrize(
    ("ask", "reply", "line", "body"),
    [
        (lambda c: c.delete_sim(250), Reply(204), "DELETE /api/v1/sim/250", None),
        (lambda c: c.delete_sims([1, 2]), Reply(204), "DELETE /api/v1/sim/multi", [{"id": 1}, {"id": 2}]),
        (
            lambda c: c.batches.register(BIC, SimStatus.FACTORY_TEST),
            Reply(json={"sim": [{"id": 256, "iccid": "8988303000000000135"}]}),
            "PATCH /api/v1/sim_batch/bic/%2331F6E2S6XTR3NEY",
            {"sim_status": {"id": 4}},
        ),
    ],
)
async def test_other_writes_send_this_once(
    client: EmnifyClient, upstream: Upstream, ask: Ask, reply: Reply, line: str, body: Any
) -> None:
    upstream.script(reply)
    await ask(client)
    assert [(seen.line, seen.json) for seen in upstream.calls] == [(line, body)]


async def test_every_call_carries_the_token_the_version_and_what_it_understands(
    client: EmnifyClient, upstream: Upstream
) -> None:
    await client.list_sims()
    (signed_in,), (call,) = upstream.sign_ins, upstream.calls
    assert signed_in.json == {"application_token": "application-token-canary"}
    assert "authorization" not in signed_in.headers
    assert call.headers["authorization"].startswith("Bearer ey")
    assert call.headers["user-agent"].startswith("sim-mcp/")
    assert call.headers["accept"] == "application/json"
    assert "gzip" in call.headers["accept-encoding"]


@pytest.mark.parametrize(
    "ask",
    [
        lambda c: c.list_sims(page=0),
        lambda c: c.list_sims(per_page=0),
        lambda c: c.list_sims(per_page=2501),
        lambda c: c.list_devices(per_page=1001),
        lambda c: c.list_sims(SimFilter(iccid="1,2")),
        lambda c: c.list_sims(SimFilter(msisdn="9" * 100_000)),
        lambda c: c.list_sim_events(250, EventFilter(since=MOMENT)),
        lambda c: c.get_sim(0),
        lambda c: c.update_sim(250, SimChange()),
        lambda c: c.delete_sims([]),
        lambda c: c.get_sim_daily_usage(250, date(2026, 11, 2), date(2026, 11, 1)),
        lambda c: c.batches.register(BIC, SimStatus.SUSPENDED),
    ],
)
async def test_what_cannot_be_meant_is_refused_before_anything_is_sent(
    client: EmnifyClient, upstream: Upstream, ask: Ask
) -> None:
    with pytest.raises(InvalidValueError) as refused:
        await ask(client)
    assert refused.value.changed == "nothing"
    assert upstream.calls == upstream.sign_ins == []
