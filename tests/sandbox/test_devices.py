"""Devices begin and end as recorded: created with a SIM or without, and deleted once nothing is in them."""

import pytest

from sim_mcp.sandbox import Unknowns

from .conftest import RoleClient, Start

PROFILES = {"service_profile": {"id": 438035}, "tariff_profile": {"id": 424560}, "status": {"id": 0}}


def created(api: RoleClient, **body: object) -> int:
    answer = api.http.post("/api/v1/endpoint", json=PROFILES | body)
    assert (answer.status_code, answer.content) == (201, b"")
    assert answer.headers["content-type"] == "application/json"
    return int(answer.headers["location"].rpartition("/")[2])


def issued(api: RoleClient) -> int:
    return int(api.found("/sim", q="status:0,endpoint:null", per_page=1)[0]["id"])


def test_a_device_is_created_and_found(start: Start) -> None:
    api = start()
    number = created(api, name="Pump 7", tags="pump, north", imei="3567201100000199", imei_lock=True)
    device = api.get(f"/endpoint/{number}").json()
    assert (device["name"], device["tags"], device["imei_lock"]) == ("Pump 7", "pump, north", True)
    assert device["status"] == {"id": 0, "description": "Enabled"}
    assert "sim" not in device
    assert api.found("/endpoint", q="name:Pump 7")[0]["id"] == number
    other = created(api, name="Pump 8")
    assert api.get(f"/endpoint/{other}").json()["ip_address"] != device["ip_address"]


def test_a_sim_is_activated_by_the_device_it_is_created_with(start: Start) -> None:
    api = start()
    sim = issued(api)
    number = created(api, name="Pump 7", sim={"id": sim})
    assert api.get(f"/endpoint/{number}").json()["sim"]["id"] == sim
    assert api.get(f"/sim/{sim}").json()["status"]["id"] == 1
    assert [event["event_type"]["id"] for event in api.found(f"/sim/{sim}/event")][-2:] == [8, 51]


@pytest.mark.parametrize(
    ("sim", "status"),
    [({"activate": False}, 0), ({"activate": True}, 1), ({"status": {"id": 4}}, 4), ({"status": {"id": 1}}, 1)],
)
def test_what_becomes_of_an_issued_sim_can_be_said(start: Start, sim: dict[str, object], status: int) -> None:
    api = start()
    chosen = issued(api)
    created(api, sim={"id": chosen} | sim)
    assert api.get(f"/sim/{chosen}").json()["status"]["id"] == status


def test_an_issued_sim_stays_so_where_the_newer_documentation_is_right(start: Start) -> None:
    api = start(unknowns=Unknowns(create_activates=False))
    sim = issued(api)
    created(api, sim={"id": sim})
    assert api.get(f"/sim/{sim}").json()["status"]["id"] == 0


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        ({"service_profile": None}, 1402, "service_profile is required."),
        ({"status": {}}, 1402, "status is required."),
        ({"tariff_profile": {"id": -1}}, 1401, "Tariff profile with Id '-1' not found."),
    ],
)
def test_what_a_device_needs_is_checked(api: RoleClient, body: dict[str, object], code: int, told: str) -> None:
    answer = api.http.post("/api/v1/endpoint", json=PROFILES | body)
    assert answer.status_code == 422
    assert answer.json()["message"] == "Create endpoint validation error"
    assert answer.json()["errors"] == [
        {"error_code": code, "error_token": "Required" if code == 1402 else "InvalidReference", "message": told}
    ]


def test_a_sim_of_another_device_is_not_taken_from_it(api: RoleClient) -> None:
    answer = api.http.post("/api/v1/endpoint", json=PROFILES | {"sim": {"id": api.sim_id("healthy")}})
    assert answer.status_code == 409


def test_a_device_is_deleted_once_no_sim_is_in_it(start: Start) -> None:
    api = start()
    path = api.device_path("healthy")
    before = api.events("healthy")
    assert api.http.delete(path).status_code == 409
    assert api.http.patch(path, json={"sim": {"id": None}}).status_code == 204
    answer = api.http.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert api.get(path).status_code == 404
    assert "endpoint" not in api.sim("healthy")
    kept = [event["id"] for event in api.events("healthy")]
    assert [event["id"] for event in before if event["id"] in kept] == [event["id"] for event in before]
