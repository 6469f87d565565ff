"""Filters and sort orders: what can be said arrives as it was said, what cannot is refused with a reason."""

import unicodedata
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sim_mcp.emnify import (
    DeviceFilter,
    EmnifyClient,
    EventFilter,
    InvalidValueError,
    SimFilter,
    SimSort,
    SimStatus,
    event_type_id,
)
from sim_mcp.emnify.event_types import EVENT_TYPES
from tests.emnify.upstream import Upstream
from tests.support import Fleet

MOMENT = datetime(2026, 11, 1, 12, 30, tzinfo=UTC)
SHARED = settings(max_examples=60)
"""One server serves all examples of a test."""
TYPED = st.text(st.characters(), max_size=40) | st.sampled_from(
    ["a&b=c", "50%", "%2C", "a+b c", "type:1", "#7", "naïve", "水表", "👩‍🚀", '"', "\\", "?x=1", "null", "*"]
)


def accepted(model: str) -> bool:
    try:
        str(SimFilter(model=model))
    except InvalidValueError:
        return False
    return True


def refusal(wanted: SimFilter | DeviceFilter | EventFilter) -> str:
    with pytest.raises(InvalidValueError) as refused:
        str(wanted)
    return str(refused.value)


@SHARED
@given(value=TYPED)
async def test_whatever_is_accepted_arrives_unchanged(client: EmnifyClient, upstream: Upstream, value: str) -> None:
    assume(accepted(value))
    await client.list_sims(SimFilter(status=SimStatus.ACTIVATED, model=value))
    query = dict(parse_qsl(urlsplit(upstream.calls[-1].target).query, keep_blank_values=True))
    assert query["q"] == f"status:1,model:{value.strip()}"


@SHARED
@given(value=TYPED)
async def test_a_device_is_found_by_whatever_name_it_was_given(fleet: Fleet, value: str) -> None:
    # Whether "Ö" is "ö" is the upstream's affair; "null" and "*" have a meaning of their own there.
    name = value.strip().lower()
    assume(accepted(name) and name == name.lower() and name != "null" and "*" not in name)
    device = fleet.scenarios["healthy"]["device_id"]
    renamed = await fleet.api("PATCH", f"/endpoint/{device}", role="enterprise", json={"name": name})
    assert renamed.status_code == 204
    async with EmnifyClient(
        base_url=fleet.world.base_url, application_token=fleet.world.tokens["enterprise"]
    ) as client:
        found = await client.list_devices(DeviceFilter(name=name), per_page=1000)
    assert {each.id: each.name for each in found.items}[device] == name


@given(st.text(st.characters(), max_size=60))
def test_only_commas_bars_and_what_cannot_be_seen_are_refused(value: str) -> None:
    clean = value.strip()
    visible = all(char not in ",|" and unicodedata.category(char)[0] not in "CZ" for char in clean.replace(" ", "_"))
    assert accepted(value) or not clean or not visible
    assert not (accepted(value) and ("," in clean or "|" in clean or "\n" in clean))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("Pump, north", "holds a comma"),
        ("a|b", r"holds a bar \(\|\)"),
        ("a\nb", "holds a line break or control character"),
        ("a\x1b[2Kb", "holds a line break or control character"),
        ("a\u2028b", "holds a line break or control character"),
        ("a\u202eb", "holds a line break or control character"),
        ("a\ud800b", "holds a line break or control character"),
        ("", "an empty model finds nothing"),
        (" \t ", "an empty model finds nothing"),
        ("x" * 501, r"is too long \(501 characters\)"),
    ],
)
def test_a_value_that_cannot_be_expressed_is_refused_saying_why(value: str, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason) as refused:
        str(SimFilter(model=value))
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("wanted", "q"),
    [
        (SimFilter(), ""),
        (SimFilter(status=SimStatus.ISSUED), "status:0"),
        (SimFilter(without_device=True), "endpoint:null"),
        (SimFilter(status=SimStatus.ACTIVATED, without_device=True), "status:1,endpoint:null"),
        (SimFilter(production_date=date(2026, 1, 31), issuer_org=2), "production_date:2026-01-31,issuer_org:2"),
        (SimFilter(iccid_with_luhn="89883030000067385937", id=5), "id:5,iccid_with_luhn:89883030000067385937"),
        (DeviceFilter(name=" Pump 3 ", sim_status=SimStatus.SUSPENDED), "name:Pump 3,sim_status:2"),
        (DeviceFilter(status=0), "status:0"),
        (EventFilter(), ""),
        (EventFilter(types=(1, 2, 3, 4, 5, 6)), "type:1|2|3|4|5|6"),
        (EventFilter(severity="critical", source="api", description="no"), "severity:2,source:2,description:no"),
    ],
)
def test_a_filter_is_written_as_emnify_reads_it(wanted: Any, q: str) -> None:
    assert str(wanted) == q


@pytest.mark.parametrize("name", ["👩\u200d🚀 1", "नेट\u200cवर्क", "❤\ufe0f", "水表 7", "a:b;c=d", "50% & more"])
def test_names_in_any_script_can_be_searched_for(name: str) -> None:
    assert str(DeviceFilter(name=name)) == f"name:{name}"


def test_ascending_has_no_prefix_for_a_plus_would_arrive_as_a_blank() -> None:
    assert [str(SimSort("status", descending=True)), str(SimSort("id"))] == ["-status", "id"]


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), st.integers(-14, 14))  # noqa: DTZ001  # hypothesis wants naive bounds.
def test_a_time_range_is_sent_in_utc_whatever_the_zone(moment: datetime, hours: int) -> None:
    here = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
    there = f"{here.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    assert str(EventFilter(since=here, until=here)) == f"from:{there},until:{there}"
    naive = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    assert str(EventFilter(since=moment, until=moment)) == f"from:{naive},until:{naive}"


def test_half_or_backward_time_ranges_and_too_many_types_are_refused() -> None:
    assert "give since and until" in refusal(EventFilter(since=MOMENT))
    assert "give since and until" in refusal(EventFilter(until=MOMENT))
    assert "swap them" in refusal(EventFilter(since=MOMENT, until=MOMENT - timedelta(days=1)))
    assert "emnify takes 6" in refusal(EventFilter(types=tuple(range(7))))


@pytest.mark.parametrize(
    ("said", "number"),
    [("8", 8), ("SIM activation", 8), (" sim_ACTIVATION ", 8), ("create pdp  context", 3), ("777", 777)],
)
def test_an_event_type_goes_by_number_or_name(said: str, number: int) -> None:
    assert event_type_id(said) == number


def test_every_known_event_type_is_found_by_its_own_name() -> None:
    assert {event_type_id(name) for name in EVENT_TYPES.values()} == set(EVENT_TYPES)


def test_an_unknown_event_type_is_answered_with_the_nearest() -> None:
    with pytest.raises(InvalidValueError, match="did you mean Create PDP Context"):
        event_type_id("create pdb context")
    with pytest.raises(InvalidValueError, match="such as Create PDP Context"):
        event_type_id("xyzzy")


@given(st.text(max_size=60))
def test_any_text_is_an_event_type_or_refused(said: str) -> None:
    try:
        assert event_type_id(said) >= 0
    except InvalidValueError:
        assert said.strip() not in EVENT_TYPES.values()


def test_six_event_types_are_asked_for_at_once_and_no_seventh() -> None:
    assert str(EventFilter(types=(1, 2, 3, 4, 5, 6))) == "type:1|2|3|4|5|6"
    with pytest.raises(InvalidValueError, match="7 event types are too many at once: emnify takes 6"):
        str(EventFilter(types=(1, 2, 3, 4, 5, 6, 7)))


def test_a_value_has_up_to_500_characters() -> None:
    assert str(SimFilter(model="x" * 500)) == f"model:{'x' * 500}"
    with pytest.raises(InvalidValueError, match=r"is too long \(501 characters\)"):
        str(SimFilter(model="x" * 501))


@pytest.mark.parametrize(("text", "number"), [("999999", 999999), ("create_pdp context", 3), (" SIM  Activation ", 8)])
def test_an_event_type_is_found_by_number_or_name(text: str, number: int) -> None:
    assert event_type_id(text) == number


def test_a_moment_is_between_itself_and_itself() -> None:
    moment = datetime(2026, 11, 22, 9)  # noqa: DTZ001  # without a zone it is UTC.
    assert str(EventFilter(since=moment, until=moment.replace(tzinfo=UTC))) == (
        "from:2026-11-22T09:00:00Z,until:2026-11-22T09:00:00Z"
    )


def test_events_are_filtered_by_all_that_emnify_filters_by() -> None:
    wanted = EventFilter(
        alert=True,
        user=("anna",),
        device=("Pump 1", "Pump 2"),
        tags=("berlin",),
        ip_address=("10.0.0.5",),
        imei=("35672",),
        iccid=("8988303000000000129",),
        imsi=("295050",),
        network=("Telekom", "Orange"),
        country=("Germany",),
        rat=("6", "8"),
    )
    assert str(wanted) == (
        "alert:true,user:anna,endpoint:Pump 1|Pump 2,tags:berlin,ip_address:10.0.0.5,imei:35672,"
        "iccid:8988303000000000129,imsi:295050,network:Telekom|Orange,country:Germany,rat:6|8"
    )
    assert str(EventFilter(alert=False)) == "alert:false"


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (EventFilter(user=("anna", "ben")), "2 values of user are too many at once: emnify takes 1"),
        (EventFilter(country=("Germany",) * 7), "7 values of country are too many at once: emnify takes 6"),
        (EventFilter(network=("Telekom", "a,b")), "holds a comma"),
        (EventFilter(network=("Telekom", " ")), "an empty network finds nothing"),
    ],
)
def test_what_event_filters_cannot_say_is_refused(wanted: EventFilter, says: str) -> None:
    assert says in refusal(wanted)
