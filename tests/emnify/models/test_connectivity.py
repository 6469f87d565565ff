"""What emnify tells of one device is read whether it sends numbers or strings, much or nothing."""

from datetime import UTC, datetime

import pytest

from sim_mcp.emnify import Connectivity, ConnectivityInfo, EmnifyClient, InvalidValueError, Network
from tests.emnify.upstream import Reply, Upstream

ONLINE = {
    "status": {"description": "ONLINE"},
    "location": {
        "iccid": 8.988303e18,
        "last_updated": "2019-12-03T07:06:04.000Z",
        "operator": {"id": "4", "name": "EPlus", "country": {"id": 74, "name": "Germany"}},
        "country": {"country_id": "74", "name": "Germany", "iso_code": "de"},
    },
    "pdp_context": {
        "created": "2019-12-03T07:06:00.000Z",
        "rat_type": {"rat_type_id": "1", "description": "3G"},
        "duration": "00:00:04",
    },
    "services": ["GPRS"],
}


def test_an_online_device_tells_its_network_and_session() -> None:
    read = Connectivity.model_validate(ONLINE)
    assert read.location is not None
    assert read.location.operator is not None
    assert (read.location.operator.id, read.location.operator.name) == (4, "EPlus")
    assert read.location.last_updated == datetime(2019, 12, 3, 7, 6, 4, tzinfo=UTC)
    assert read.pdp_context is not None
    assert read.pdp_context.radio is not None
    assert (read.pdp_context.radio.id, read.pdp_context.radio.description) == (1, "3G")


def test_an_offline_device_tells_nothing_more() -> None:
    read = Connectivity.model_validate({"status": {"description": "OFFLINE"}, "services": []})
    assert (read.location, read.pdp_context) == (None, None)


@pytest.mark.parametrize("part", [None, "gone", [], 7])
def test_a_part_that_cannot_be_read_is_absent(part: object) -> None:
    read = Connectivity.model_validate(ONLINE | {"location": part, "pdp_context": part})
    assert (read.location, read.pdp_context) == (None, None)
    assert ConnectivityInfo.model_validate({"subscriber_info": part}).subscriber_info is None


def test_a_query_that_failed_in_the_network_is_an_answer() -> None:
    read = ConnectivityInfo.model_validate(
        {"subscriber_info": {"success": False, "error": "Unknown Location"}, "reply_timestamp": "2026-03-01T00:00:00Z"}
    )
    assert read.subscriber_info is not None
    assert (read.subscriber_info.success, read.subscriber_info.error) == (False, "Unknown Location")
    assert ConnectivityInfo.model_validate({"request_timestamp": "soon"}).subscriber_info is None


async def test_blocked_operators_are_read_and_ids_are_checked(upstream: Upstream, client: EmnifyClient) -> None:
    upstream.script(Reply(json=[{"id": "942", "name": "MTN", "country": {"name": "Ghana"}, "mnc": []}]))
    (blocked,) = await client.reachability.list_blocked_operators(9)
    with pytest.raises(InvalidValueError, match="no device id"):
        await client.reachability.get_sms_quota(0)
    assert isinstance(blocked, Network)
    assert (blocked.id, blocked.name) == (942, "MTN")
