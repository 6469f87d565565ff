"""The detail of an event is read wherever emnify puts a fact, and its text is kept as it is."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from sim_mcp.emnify import Event as RawEvent
from sim_mcp.fleet.events.detail import EventDetail, parse_detail


def detail_of(**detail: Any) -> EventDetail:
    return parse_detail(RawEvent.model_validate({"id": 1, "detail": detail}))


@pytest.mark.parametrize(
    ("detail", "network", "country"),
    [
        ({"name": "Swisscom\n", "country": {"name": "Switzerland"}}, "Swisscom\n", "Switzerland"),
        ({"operator": {"name": "Plus", "country": {"name": "Poland"}}}, "Plus", "Poland"),
        ({"name": " \u200b", "operator": {"name": "Plus"}}, "Plus", None),
        ({"country": {"name": "France"}, "operator": {"country": {"name": "Poland"}}}, None, "France"),
        ({"name": 7, "country": "France"}, None, None),
    ],
)
def test_network_and_country_stand_in_either_place(
    detail: dict[str, Any], network: str | None, country: str | None
) -> None:
    read = detail_of(**detail)
    assert (read.network, read.country) == (network, country)


@pytest.mark.parametrize(
    ("value", "volume"), [("1.50", Decimal("1.50")), (2, Decimal(2)), (None, None), (True, None), ("much", None)]
)
def test_volumes_keep_every_digit(value: object, volume: Decimal | None) -> None:
    read = detail_of(volume={"total": value, "rx": value, "tx": value})
    assert (read.volume, read.volume_rx, read.volume_tx) == (volume, volume, volume)


@pytest.mark.parametrize(
    ("detail", "key"),
    [
        ({"session_id": "x", "pdp_context": {"pdp_context_id": 5}}, "session x"),
        ({"session_id": " ", "pdp_context": {"pdp_context_id": 5}}, "context 5"),
        ({"session_id": True}, None),
        ({"session_id": "y" * 99}, f"session {'y' * 64}"),
    ],
)
def test_events_of_a_session_share_its_key(detail: dict[str, Any], key: str | None) -> None:
    assert detail_of(**detail).session_key == key


@pytest.mark.parametrize("created", ["2026-11-22T09:00:00", "2026-11-22T10:00:00+01:00"])
def test_the_beginning_of_a_session_is_in_utc(created: str) -> None:
    read = detail_of(pdp_context={"tunnel_created": created, "rat_type": "6"})
    assert read.session_created == datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert read.rat_type == 6


@pytest.mark.parametrize("created", ["soon", 7, "0001-01-01T00:00:00+14:00"])
def test_a_beginning_that_is_no_time_is_unknown(created: object) -> None:
    assert detail_of(pdp_context={"tunnel_created": created}).session_created is None
