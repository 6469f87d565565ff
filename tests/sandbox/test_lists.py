"""Lists: pages, orders and filters of SIMs and devices."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim_mcp.sandbox import Unknowns

from .conftest import RoleClient, Start


def test_a_list_is_a_bare_array_whose_headers_describe_the_page(api: RoleClient) -> None:
    answer = api.get("/sim", per_page=7, page=3)
    assert len(answer.json()) == 7
    assert answer.headers["x-count-per-page"] == "7"
    assert answer.headers["x-current-page"] == "3"
    assert answer.headers["x-sort"] == "id"
    total = int(answer.headers["x-total-count"])
    assert int(answer.headers["x-total-pages"]) == -(-total // 7)
    assert "x-filter" not in answer.headers
    assert "link" not in answer.headers


def test_pages_cover_the_list_without_gap_or_overlap(api: RoleClient) -> None:
    whole = [sim["id"] for sim in api.found("/sim")]
    pages = [sim["id"] for page in range(1, 30) for sim in api.found("/sim", per_page=17, page=page)]
    assert pages[: len(whole)] == whole == sorted(set(whole))


@pytest.mark.parametrize(
    ("asked", "size"), [("0", "2000"), ("-3", "2000"), ("99999", "2500"), ("2500", "2500"), ("many", "2000")]
)
def test_an_impossible_page_size_becomes_a_possible_one(api: RoleClient, asked: str, size: str) -> None:
    assert api.get("/sim", per_page=asked).headers["x-count-per-page"] == size


def test_a_page_before_the_first_is_the_first(api: RoleClient) -> None:
    assert api.found("/sim", per_page=5, page=-2) == api.found("/sim", per_page=5, page=1)


def test_after_the_last_page_comes_the_last_page_again(api: RoleClient) -> None:
    last = int(api.get("/sim", per_page=100).headers["x-total-pages"])
    beyond = api.get("/sim", per_page=100, page=last + 7)
    assert beyond.headers["x-current-page"] == str(last)
    assert beyond.json() == api.found("/sim", per_page=100, page=last)


def test_after_the_last_page_may_come_nothing(start: Start) -> None:
    api = start(unknowns=Unknowns(last_page_overflow="empty"))
    assert api.found("/sim", per_page=100, page=99) == []


@pytest.mark.parametrize("field", ["id", "iccid", "status", "production_date", "model", "customer_org"])
def test_sims_are_sorted_up_and_down(api: RoleClient, field: str) -> None:
    def key(sim: dict[str, Any]) -> Any:
        value = sim[field]
        return value["id"] if isinstance(value, dict) else value

    for sign in ("", "-"):
        keys = [key(sim) for sim in api.found("/sim", sort=f"{sign}{field},id")]
        assert keys == sorted(keys, reverse=bool(sign))


def org(sim: dict[str, Any], field: str) -> Any:
    return sim.get(field, {})


@pytest.mark.parametrize("field", ["issuer_org", "reseller_org", "customer_org"])
@pytest.mark.parametrize("sort", ["id", "name"])
def test_sims_are_sorted_by_organisations_and_then_by_more(start_once: Start, field: str, sort: str) -> None:
    api = start_once("issuer", sims=120, unknowns=Unknowns.parse([f"org_sort={sort}"]))
    for sign in ("", "-"):
        found = api.found("/sim", sort=f"{sign}{field},-status,id")
        orgs = [str(org(sim, field).get(sort, "")) for sim in found]
        assert orgs == sorted(
            orgs, key=lambda one: (one != "", len(one) if sort == "id" else 0, one), reverse=bool(sign)
        )
        for one in set(orgs):
            of_one = [sim for sim, other in zip(found, orgs, strict=True) if other == one]
            keys = [(-sim["status"]["id"], sim["id"]) for sim in of_one]
            assert keys == sorted(keys)


@pytest.mark.parametrize("field", ["issuer_org", "reseller_org", "customer_org"])
def test_sims_are_found_by_the_id_and_the_name_of_an_organisation(api: RoleClient, field: str) -> None:
    issuer = api.as_role("issuer")
    everything = issuer.found("/sim")
    one = next(sim[field] for sim in everything if field in sim)
    wanted = [sim["id"] for sim in everything if org(sim, field).get("id") == one["id"]]
    assert [sim["id"] for sim in issuer.found("/sim", q=f"{field}:{one['id']}")] == wanted
    assert [sim["id"] for sim in issuer.found("/sim", q=f"{field}:{one['name']}")] == wanted
    nobody = [sim["id"] for sim in everything if field not in sim]
    assert [sim["id"] for sim in issuer.found("/sim", q=f"{field}:null")] == nobody


@pytest.mark.parametrize(("meant", "by_id", "by_name"), [("id", 200, 422), ("name", 200, 200)])
def test_what_a_filter_for_an_organisation_means_can_be_chosen(
    start: Start, meant: str, by_id: int, by_name: int
) -> None:
    api = start("issuer", sims=60, unknowns=Unknowns.parse([f"org_filter={meant}"]))
    assert api.get("/sim", q="customer_org:Alpenwerk Devices").status_code == by_name
    assert api.get("/sim", q="customer_org:13886").status_code == by_id
    assert bool(api.found("/sim", q="customer_org:13886")) is (meant == "id")


def test_filters_by_organisation_status_and_number_are_joined(api: RoleClient) -> None:
    issuer = api.as_role("issuer")
    found = issuer.found("/sim", q="reseller_org:9100,customer_org:13887,status:1,iccid:8988303", sort="-iccid")
    assert found
    assert {(sim["reseller_org"]["id"], sim["customer_org"]["id"], sim["status"]["id"]) for sim in found} == {
        (9100, 13887, 1)
    }
    iccids = [sim["iccid"] for sim in found]
    assert iccids == sorted(iccids, reverse=True)


def test_a_second_field_decides_between_equals(api: RoleClient) -> None:
    found = [(-sim["status"]["id"], sim["id"]) for sim in api.found("/sim", sort="-status,id")]
    assert found == sorted(found)


@pytest.mark.parametrize("field", ["imsi", "msisdn", "activation_date", "nonsense", "-", "status;drop table sim"])
def test_a_field_that_cannot_be_sorted_by_is_1302(api: RoleClient, field: str) -> None:
    answer = api.get("/sim", sort=field)
    assert (answer.status_code, answer.json()["error_code"]) == (422, 1302)


@pytest.mark.parametrize("q", ["iccid", "iccid:", ":1", "nonsense:1", "status:active", "production_date:soon", "id:1,"])
def test_a_filter_that_cannot_be_read_is_1301(api: RoleClient, q: str) -> None:
    answer = api.get("/sim", q=q)
    assert (answer.status_code, answer.json()["error_code"]) == (422, 1301)


@pytest.mark.parametrize("field", ["iccid", "iccid_with_luhn", "imsi", "msisdn", "eid"])
def test_a_sim_is_found_by_each_of_its_numbers(api: RoleClient, field: str) -> None:
    sim = api.sim("euicc")
    assert [each["id"] for each in api.found("/sim", q=f"{field}:{sim[field]}")] == [sim["id"]]


def test_a_part_of_an_iccid_finds_several(api: RoleClient) -> None:
    assert len(api.found("/sim", q="iccid:0000471")) == 3


@pytest.mark.parametrize(
    ("match", "part", "found"), [("exact", "30000", 0), ("prefix", "30000", 0), ("prefix", "89883", 9)]
)
def test_how_much_of_an_iccid_must_match_can_be_chosen(start: Start, match: str, part: str, found: int) -> None:
    api = start(unknowns=Unknowns.parse([f"q_match={match}"]))
    assert len(api.found("/sim", q=f"iccid:{part}", per_page=9)) == found


def test_filters_are_joined_by_and(api: RoleClient) -> None:
    found = api.found("/sim", q="status:1,endpoint:null")
    assert found
    assert all(sim["status"]["id"] == 1 and "endpoint" not in sim for sim in found)
    assert api.sim_id("no_device") in {sim["id"] for sim in found}


def test_a_device_names_its_sim(api: RoleClient) -> None:
    assert [sim["id"] for sim in api.found("/sim", q="endpoint:hafentor")] == [api.sim_id("healthy")]
    device = api.scenario("healthy")["device_id"]
    assert [sim["id"] for sim in api.found("/sim", q=f"endpoint:{device}")] == [api.sim_id("healthy")]
    twins = {api.sim_id("twin_a"), api.sim_id("twin_b")}
    assert {sim["id"] for sim in api.found("/sim", q="endpoint:Solar inverter Basel")} >= twins


def test_sims_of_a_day_are_found_by_production_date(api: RoleClient) -> None:
    day = api.sim("healthy")["production_date"][:10]
    found = api.found("/sim", q=f"production_date:{day}")
    assert found
    assert {sim["production_date"][:10] for sim in found} == {day}


def test_unknown_parameters_are_ignored(api: RoleClient) -> None:
    assert len(api.found("/sim", per_page=3, colour="red")) == 3


def test_devices_are_filtered_and_sorted(api: RoleClient) -> None:
    sim = api.sim("healthy")
    by_card = api.found("/endpoint", q=f"iccid:{sim['iccid']}")
    assert [device["id"] for device in by_card] == [sim["endpoint"]["id"]]
    assert api.found("/endpoint", q=f"ip_address:{sim['endpoint']['ip_address']}") == by_card
    names = [device["name"] for device in api.found("/endpoint", sort="-name", per_page=20)]
    assert names == sorted(names, reverse=True)
    assert api.get("/endpoint", q="imsi:1").status_code == 422
    assert api.get("/endpoint", per_page=5000).headers["x-per-page"] == "1000"


@settings(max_examples=60)
@given(q=st.text(max_size=40), sort=st.text(max_size=20))
def test_no_filter_and_no_order_breaks_the_server(api: RoleClient, q: str, sort: str) -> None:
    for path in ("/sim", "/endpoint", api.sim_path("healthy", "/event")):
        assert api.get(path, q=q, sort=sort, per_page=3).status_code in {200, 400, 422}


def test_a_device_is_found_by_its_name_however_it_is_written(api: RoleClient) -> None:
    names = [
        device["name"]
        for device in api.found("/endpoint")
        if not device["name"].isascii() and "," not in device["name"]
    ]
    assert any(char.isupper() and not char.isascii() for name in names for char in name)
    for name in names[:20]:
        for written in (name, name.upper(), name.lower()):
            assert name in {device["name"] for device in api.found("/endpoint", q=f"name:{written}")}
