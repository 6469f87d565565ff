"""Lists of events: pages, orders, filters, and who caused what."""

import hashlib
from datetime import datetime
from typing import Any

import pytest

from sim_mcp.sandbox import Unknowns

from .conftest import API, RoleClient, Start


def test_events_come_oldest_first_a_hundred_at_a_time(api: RoleClient) -> None:
    answer = api.get(api.sim_path("rejected_by_network", "/event"))
    ids = [event["id"] for event in answer.json()]
    assert len(ids) == 100
    assert ids == sorted(ids)
    newest = api.found(api.sim_path("rejected_by_network", "/event"), sort="-id", per_page=3)
    assert [event["id"] for event in newest] == sorted((event["id"] for event in newest), reverse=True)


@pytest.mark.parametrize("path", ["/sim/1/event", "/endpoint/1/event"])
def test_an_unknown_number_has_no_events(api: RoleClient, path: str) -> None:
    assert api.found(path) == []


def test_a_foreign_sim_has_no_events(api: RoleClient) -> None:
    assert api.events("foreign") == []


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
def test_event_lists_refuse_what_they_cannot_read(api: RoleClient, params: dict[str, str], status: int) -> None:
    for path in ("/event", "/sim/1/event", api.sim_path("healthy", "/event")):
        assert api.get(path, **params).status_code == status


def test_events_are_filtered(api: RoleClient) -> None:
    rejected = api.events("quota_exhausted", "type:3,severity:1")
    assert rejected
    assert all("rejected" in event["description"] for event in rejected)
    both = api.events("quota_exhausted", "type:18|19")
    assert [event["event_type"]["id"] for event in both] == [18, 19]
    assert {event["alert"] for event in api.events("quota_exhausted", "alert:true")} == {True}
    abroad = api.events("roaming_spike", "country:Turkey,type:3")
    assert abroad
    assert {event["detail"]["name"] for event in abroad} == {"Turkcell"}
    assert api.events("roaming_spike", "network:turk") == api.events("roaming_spike", "country:turkey")
    assert {event["detail"]["pdp_context"]["rat_type"] for event in api.events("healthy", "rat:6")} == {6}
    assert api.events("healthy", "rat:8") == []
    assert api.events("healthy", "endpoint:Hafentor|Nowhere") == api.events("healthy")


def test_events_of_a_time_are_within_it(api: RoleClient) -> None:
    span = "from:2026-11-20T06:00:00Z,until:2026-11-21T06:00:00Z"
    found = api.events("healthy", span)
    assert found
    assert all("2026-11-20T06:00" <= event["timestamp"] <= "2026-11-21T06:00:01" for event in found)
    assert len(api.events("healthy")) > len(found)


def test_events_are_kept_for_thirty_days(api: RoleClient) -> None:
    oldest = api.events("healthy")[0]["timestamp"]
    assert datetime.fromisoformat(oldest) >= datetime.fromisoformat("2026-10-23T12:00:00Z")


def test_events_of_an_organisation_include_what_is_stored(api: RoleClient) -> None:
    found = api.found("/event", q="type:19", per_page=1000)
    assert api.sim_id("quota_exhausted") in {event["sim"]["id"] for event in found}
    iccid = api.scenario("roaming_spike")["iccid"]
    assert {event["sim"]["iccid"] for event in api.found("/event", q=f"iccid:{iccid}")} == {iccid}


def of_event(event: dict[str, Any], *path: str) -> Any:
    found: Any = event
    for name in path:
        found = (found or {}).get(name)
    return found


FILTERS = {
    "alert": ("alert",),
    "user": ("user", "name"),
    "endpoint": ("endpoint", "name"),
    "tags": ("endpoint", "tags"),
    "ip_address": ("endpoint", "ip_address"),
    "imei": ("endpoint", "imei"),
    "iccid": ("sim", "iccid"),
    "imsi": ("imsi", "imsi"),
    "organisation": ("organisation", "name"),
    "description": ("description",),
    "type": ("event_type", "id"),
    "source": ("event_source", "id"),
    "severity": ("event_severity", "id"),
}


@pytest.mark.parametrize("field", FILTERS)
def test_events_are_found_by_each_documented_field(api: RoleClient, field: str) -> None:
    everything = api.found("/event", per_page=1000, sort="-source,-id")
    values = [of_event(event, *FILTERS[field]) for event in everything]
    value = next(one for one in values if one not in {None, False} and "," not in str(one))
    wanted = str(value).lower() if field == "alert" else str(value)
    found = api.found("/event", q=f"{field}:{wanted}", per_page=1000, sort="-source,-id")
    assert found
    assert all(str(value) in str(of_event(event, *FILTERS[field])) for event in found)
    listed = [event["id"] for event, one in zip(everything, values, strict=True) if one == value]
    assert set(listed) <= {event["id"] for event in found} or len(found) == 1000


def test_the_printed_number_finds_the_same_events(api: RoleClient) -> None:
    scenario = api.scenario("suspended")
    by_iccid = api.found("/event", q=f"iccid:{scenario['iccid']}", per_page=1000)
    assert by_iccid
    assert api.found("/event", q=f"iccid_with_luhn:{scenario['iccid_with_luhn']}", per_page=1000) == by_iccid


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ("id", ("id",)),
        ("timestamp", ("timestamp",)),
        ("source", ("event_source", "id")),
        ("severity", ("event_severity", "id")),
        ("alert", ("alert",)),
        ("type", ("event_type", "id")),
        ("organisation", ("organisation", "name")),
        ("user", ("user", "id")),
        ("endpoint", ("endpoint", "name")),
        ("tags", ("endpoint", "tags")),
        ("ip_address", ("endpoint", "ip_address")),
        ("iccid", ("sim", "iccid")),
        ("imsi", ("imsi", "imsi")),
    ],
)
@pytest.mark.parametrize("sign", ["", "-"])
def test_events_are_sorted_by_each_documented_field(
    api: RoleClient, field: str, path: tuple[str, ...], sign: str
) -> None:
    for list_of in ("/event", api.sim_path("suspended", "/event")):
        answer = api.get(list_of, sort=f"{sign}{field},id", per_page=1000)
        keys = [(one is not None, one) for one in (of_event(event, *path) for event in answer.json())]
        assert keys == sorted(keys, reverse=bool(sign))
        assert answer.headers["x-sort"] == f"{sign}{field},id"


def test_devices_beyond_the_first_have_their_everyday_events_when_they_are_named(api: RoleClient) -> None:
    device = api.found("/endpoint", q="sim_status:1", sort="-id", per_page=1)[0]
    for field in ("name", "ip_address", "imei"):
        q = f"endpoint:{device[field]}|nothing" if field == "name" else f"{field}:{device[field]}"
        found = api.found("/event", q=f"{q},type:3", per_page=1000)
        assert {event["endpoint"]["id"] for event in found} == {device["id"]}


def test_a_change_by_a_person_names_the_person_and_one_by_an_application_nobody(start: Start) -> None:
    api = start()
    password = hashlib.sha1(b"password-enterprise", usedforsecurity=False).hexdigest()
    sent = {"username": "admin@enterprise.example", "password": password}
    assert api.set_status("healthy", 2).status_code == 204
    token = api.http.post(f"{API}/authenticate", json=sent).json()["auth_token"]
    signed = {"Authorization": f"Bearer {token}"}
    assert api.http.patch(api.sim_path("healthy"), json={"status": {"id": 1}}, headers=signed).status_code == 204
    by_application, by_person = api.events("healthy")[-2:]
    assert "user" not in by_application
    assert by_person["user"]["username"] == "admin@enterprise.example"
    assert list(by_person["user"]) == ["id", "name", "username"]
    assert [event["id"] for event in api.events("healthy", "user:admin")] == [by_person["id"]]


def test_scenarios_tell_who_did_it(api: RoleClient) -> None:
    by_her = api.found("/event", q="user:jana peters", sort="-timestamp")
    assert {(event["sim"]["id"], event["event_type"]["id"]) for event in by_her} == {
        (api.sim_id("suspended"), 9),
        (api.sim_id("disabled_device"), 43),
    }
    assert {event["user"]["username"] for event in by_her} == {"jana.peters@alpenwerk.example"}


@pytest.mark.parametrize(
    ("choice", "first", "last"),
    [
        ("calendar_day", "2026-11-20T00:00:00", "2026-11-21T00:00:00"),
        ("day_from_then", "2026-11-20T15:30:00", "2026-11-21T15:30:00"),
    ],
)
def test_a_timestamp_is_a_moment_and_finds_a_day(start_once: Start, choice: str, first: str, last: str) -> None:
    api = start_once(sims=60, unknowns=Unknowns.parse([f"timestamp_filter={choice}"]))
    found = api.events("healthy", "timestamp:2026-11-20T15:30:00Z")
    everything = api.events("healthy")
    assert found == [event for event in everything if first <= event["timestamp"] < last]
    assert found
    for other in ("2026-11-20", "2026-11-20T15:30:00", "yesterday"):
        assert api.get(api.sim_path("healthy", "/event"), q=f"timestamp:{other}").status_code == 422
