"""Lists: pages, orders and filters of SIMs, devices and events."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim_mcp.sandbox import Unknowns

from .conftest import Desk, Start


def test_a_list_is_a_bare_array_whose_headers_describe_the_page(desk: Desk) -> None:
    answer = desk.get("/sim", per_page=7, page=3)
    assert len(answer.json()) == 7
    assert answer.headers["x-count-per-page"] == "7"
    assert answer.headers["x-current-page"] == "3"
    assert answer.headers["x-sort"] == "id"
    total = int(answer.headers["x-total-count"])
    assert int(answer.headers["x-total-pages"]) == -(-total // 7)
    assert "x-filter" not in answer.headers
    assert "link" not in answer.headers


def test_pages_cover_the_list_without_gap_or_overlap(desk: Desk) -> None:
    whole = [sim["id"] for sim in desk.found("/sim")]
    pages = [sim["id"] for page in range(1, 30) for sim in desk.found("/sim", per_page=17, page=page)]
    assert pages[: len(whole)] == whole == sorted(set(whole))


@pytest.mark.parametrize(
    ("asked", "size"), [("0", "2000"), ("-3", "2000"), ("99999", "2500"), ("2500", "2500"), ("many", "2000")]
)
def test_an_impossible_page_size_becomes_a_possible_one(desk: Desk, asked: str, size: str) -> None:
    assert desk.get("/sim", per_page=asked).headers["x-count-per-page"] == size


def test_a_page_before_the_first_is_the_first(desk: Desk) -> None:
    assert desk.found("/sim", per_page=5, page=-2) == desk.found("/sim", per_page=5, page=1)


def test_after_the_last_page_comes_the_last_page_again(desk: Desk) -> None:
    last = int(desk.get("/sim", per_page=100).headers["x-total-pages"])
    beyond = desk.get("/sim", per_page=100, page=last + 7)
    assert beyond.headers["x-current-page"] == str(last)
    assert beyond.json() == desk.found("/sim", per_page=100, page=last)


def test_after_the_last_page_may_come_nothing(start: Start) -> None:
    desk = start(unknowns=Unknowns(last_page_overflow="empty"))
    assert desk.found("/sim", per_page=100, page=99) == []


@pytest.mark.parametrize("field", ["id", "iccid", "status", "production_date", "model", "customer_org"])
def test_sims_are_sorted_up_and_down(desk: Desk, field: str) -> None:
    def key(sim: dict[str, Any]) -> Any:
        value = sim[field]
        return value["id"] if isinstance(value, dict) else value

    for sign in ("", "-"):
        keys = [key(sim) for sim in desk.found("/sim", sort=f"{sign}{field},id")]
        assert keys == sorted(keys, reverse=bool(sign))


def test_a_second_field_decides_between_equals(desk: Desk) -> None:
    found = [(-sim["status"]["id"], sim["id"]) for sim in desk.found("/sim", sort="-status,id")]
    assert found == sorted(found)


@pytest.mark.parametrize("field", ["imsi", "msisdn", "activation_date", "nonsense", "-", "status;drop table sim"])
def test_a_field_that_cannot_be_sorted_by_is_1302(desk: Desk, field: str) -> None:
    answer = desk.get("/sim", sort=field)
    assert (answer.status_code, answer.json()["error_code"]) == (422, 1302)


@pytest.mark.parametrize("q", ["iccid", "iccid:", ":1", "nonsense:1", "status:active", "production_date:soon", "id:1,"])
def test_a_filter_that_cannot_be_read_is_1301(desk: Desk, q: str) -> None:
    answer = desk.get("/sim", q=q)
    assert (answer.status_code, answer.json()["error_code"]) == (422, 1301)


@pytest.mark.parametrize("field", ["iccid", "iccid_with_luhn", "imsi", "msisdn", "eid"])
def test_a_sim_is_found_by_each_of_its_numbers(desk: Desk, field: str) -> None:
    sim = desk.sim("euicc")
    assert [each["id"] for each in desk.found("/sim", q=f"{field}:{sim[field]}")] == [sim["id"]]


def test_a_part_of_an_iccid_finds_several(desk: Desk) -> None:
    assert len(desk.found("/sim", q="iccid:0000471")) == 3


@pytest.mark.parametrize(
    ("match", "part", "found"), [("exact", "30000", 0), ("prefix", "30000", 0), ("prefix", "89883", 9)]
)
def test_how_much_of_an_iccid_must_match_can_be_chosen(start: Start, match: str, part: str, found: int) -> None:
    desk = start(unknowns=Unknowns.parse([f"q_match={match}"]))
    assert len(desk.found("/sim", q=f"iccid:{part}", per_page=9)) == found


def test_filters_are_joined_by_and(desk: Desk) -> None:
    found = desk.found("/sim", q="status:1,endpoint:null")
    assert found
    assert all(sim["status"]["id"] == 1 and "endpoint" not in sim for sim in found)
    assert desk.sim_id("no_device") in {sim["id"] for sim in found}


def test_a_device_names_its_sim(desk: Desk) -> None:
    assert [sim["id"] for sim in desk.found("/sim", q="endpoint:hafentor")] == [desk.sim_id("healthy")]
    device = desk.story("healthy")["device_id"]
    assert [sim["id"] for sim in desk.found("/sim", q=f"endpoint:{device}")] == [desk.sim_id("healthy")]
    twins = {desk.sim_id("twin_a"), desk.sim_id("twin_b")}
    assert {sim["id"] for sim in desk.found("/sim", q="endpoint:Solar inverter Basel")} >= twins


def test_sims_of_a_day_are_found_by_production_date(desk: Desk) -> None:
    day = desk.sim("healthy")["production_date"][:10]
    found = desk.found("/sim", q=f"production_date:{day}")
    assert found
    assert {sim["production_date"][:10] for sim in found} == {day}


def test_unknown_parameters_are_ignored(desk: Desk) -> None:
    assert len(desk.found("/sim", per_page=3, colour="red")) == 3


def test_devices_are_filtered_and_sorted(desk: Desk) -> None:
    sim = desk.sim("healthy")
    by_card = desk.found("/endpoint", q=f"iccid:{sim['iccid']}")
    assert [device["id"] for device in by_card] == [sim["endpoint"]["id"]]
    assert desk.found("/endpoint", q=f"ip_address:{sim['endpoint']['ip_address']}") == by_card
    names = [device["name"] for device in desk.found("/endpoint", sort="-name", per_page=20)]
    assert names == sorted(names, reverse=True)
    assert desk.get("/endpoint", q="imsi:1").status_code == 422
    assert desk.get("/endpoint", per_page=5000).headers["x-per-page"] == "1000"


def test_events_come_oldest_first_a_hundred_at_a_time(desk: Desk) -> None:
    answer = desk.get(desk.sim_path("rejected_by_network", "/event"))
    ids = [event["id"] for event in answer.json()]
    assert len(ids) == 100
    assert ids == sorted(ids)
    newest = desk.found(desk.sim_path("rejected_by_network", "/event"), sort="-id", per_page=3)
    assert [event["id"] for event in newest] == sorted((event["id"] for event in newest), reverse=True)


@pytest.mark.parametrize("path", ["/sim/1/event", "/endpoint/1/event"])
def test_an_unknown_number_has_no_events(desk: Desk, path: str) -> None:
    assert desk.found(path) == []


def test_a_foreign_sim_has_no_events(desk: Desk) -> None:
    assert desk.events("foreign") == []


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"page": "0"}, 400),
        ({"per_page": "many"}, 400),
        ({"sort": "nonsense"}, 400),
        ({"q": "nonsense:1"}, 422),
        ({"q": "from:2026-11-01T00:00:00Z"}, 422),
        ({"q": "from:yesterday,until:today"}, 422),
        ({"q": "severity:1|2"}, 422),
        ({"q": "type:1|2|3|4|5|6|7"}, 422),
        ({"q": "alert:maybe"}, 422),
    ],
)
def test_event_lists_refuse_what_they_cannot_read(desk: Desk, params: dict[str, str], status: int) -> None:
    for path in ("/event", "/sim/1/event", desk.sim_path("healthy", "/event")):
        assert desk.get(path, **params).status_code == status


def test_events_are_filtered(desk: Desk) -> None:
    rejected = desk.events("quota_exhausted", "type:3,severity:1")
    assert rejected
    assert all("rejected" in event["description"] for event in rejected)
    both = desk.events("quota_exhausted", "type:18|19")
    assert [event["event_type"]["id"] for event in both] == [18, 19]
    assert {event["alert"] for event in desk.events("quota_exhausted", "alert:true")} == {True}
    abroad = desk.events("roaming_spike", "country:Turkey,type:3")
    assert abroad
    assert {event["detail"]["name"] for event in abroad} == {"Turkcell"}
    assert desk.events("roaming_spike", "network:turk") == desk.events("roaming_spike", "country:turkey")
    assert {event["detail"]["pdp_context"]["rat_type"] for event in desk.events("healthy", "rat:6")} == {6}
    assert desk.events("healthy", "rat:8") == []
    assert desk.events("healthy", "endpoint:Hafentor|Nowhere") == desk.events("healthy")


def test_events_of_a_time_are_within_it(desk: Desk) -> None:
    span = "from:2026-11-20T06:00:00Z,until:2026-11-21T06:00:00Z"
    found = desk.events("healthy", span)
    assert found
    assert all("2026-11-20T06:00" <= event["timestamp"] <= "2026-11-21T06:00:01" for event in found)
    assert len(desk.events("healthy")) > len(found)


def test_events_are_kept_for_thirty_days(desk: Desk) -> None:
    oldest = desk.events("healthy")[0]["timestamp"]
    assert datetime.fromisoformat(oldest) >= datetime.fromisoformat("2026-10-23T12:00:00Z")


def test_events_of_an_organisation_include_what_is_stored(desk: Desk) -> None:
    found = desk.found("/event", q="type:19", per_page=1000)
    assert desk.sim_id("quota_exhausted") in {event["sim"]["id"] for event in found}
    iccid = desk.story("roaming_spike")["iccid"]
    assert {event["sim"]["iccid"] for event in desk.found("/event", q=f"iccid:{iccid}")} == {iccid}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(q=st.text(max_size=40), sort=st.text(max_size=20))
def test_no_filter_and_no_order_breaks_the_server(desk: Desk, q: str, sort: str) -> None:
    for path in ("/sim", "/endpoint", desk.sim_path("healthy", "/event")):
        assert desk.get(path, q=q, sort=sort, per_page=3).status_code in {200, 400, 422}


def test_a_device_is_found_by_its_name_however_it_is_written(desk: Desk) -> None:
    names = [
        device["name"]
        for device in desk.found("/endpoint")
        if not device["name"].isascii() and "," not in device["name"]
    ]
    assert any(char.isupper() and not char.isascii() for name in names for char in name)
    for name in names[:20]:
        for written in (name, name.upper(), name.lower()):
            assert name in {device["name"] for device in desk.found("/endpoint", q=f"name:{written}")}
