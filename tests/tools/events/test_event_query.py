"""Filters and orders of events, as people write them."""

from typing import Any

import pytest

from sim_mcp.emnify import EventFilter, EventSort, InvalidValueError
from sim_mcp.tools.events.event_query import parse_filters, parse_sort


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("country:Germany", {"country": ("Germany",)}),
        (" Country : Germany | France ", {"country": ("Germany", "France")}),
        ("alert:true", {"alert": True}),
        ("Alert: No", {"alert": False}),
        ("radio:LTE|nb-iot", {"rat": ("6", "8")}),
        ("radio:6", {"rat": ("6",)}),
        ("iccid:8988303000000000129", {"iccid": ("8988303000000000129",)}),
        ("iccid:8988 3030 0000 0000 1294", {"iccid": ("8988303000000000129",)}),
        ("iccid:898830", {"iccid": ("898830",)}),
        ("imei:356728115537215", {"imei": ("35672811553721",)}),
        ("imsi:295 05", {"imsi": ("29505",)}),
        ("device:Pump: hall 1", {"device": ("Pump: hall 1",)}),
        ("ip:10.0.0.5", {"ip_address": ("10.0.0.5",)}),
        ("tag:berlin", {"tags": ("berlin",)}),
        ("user:anna", {"user": ("anna",)}),
    ],
)
def test_a_filter_is_read_with_its_value(text: str, found: dict[str, Any]) -> None:
    assert parse_filters([text]) == found
    assert str(EventFilter(**found))


def test_several_filters_are_all_read() -> None:
    assert parse_filters(["alert:yes", "country:Chile"]) == {"alert": True, "country": ("Chile",)}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Germany", "write field:value; fields: alert, user"),
        ("contry:Germany", "did you mean country?"),
        ("country:", "has no value"),
        ("alert:maybe", "alert is true or false"),
        ("radio:5G", "there is no such radio type; 3G, 2G"),
        ("iccid:89883030000000001299", "last digit should be 4"),
    ],
)
def test_a_filter_that_cannot_be_read_is_refused_with_what_would_do(text: str, says: str) -> None:
    with pytest.raises(InvalidValueError) as refused:
        parse_filters([text])
    assert says in str(refused.value)


def test_events_are_sorted_in_either_direction() -> None:
    assert parse_sort("-time") == EventSort("timestamp", descending=True)
    assert parse_sort("timestamp") == EventSort("timestamp")
    assert parse_sort(" Device ") == EventSort("endpoint")
    with pytest.raises(InvalidValueError, match="sort='-size': sort by time, type"):
        parse_sort("-size")
