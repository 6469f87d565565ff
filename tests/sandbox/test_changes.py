"""Changes: statuses, owners, deletion, batches and devices, with what follows from each."""

import pytest

from sim_mcp.sandbox import Unknowns

from .conftest import API, Desk, Start

ISSUED, ACTIVATED, SUSPENDED, DELETED, FACTORY_TEST = range(5)
IN_STATUS = {ISSUED: "fresh", ACTIVATED: "healthy", SUSPENDED: "suspended", FACTORY_TEST: "factory_test"}
ALLOWED = {
    (ISSUED, ACTIVATED),
    (ISSUED, FACTORY_TEST),
    (ACTIVATED, SUSPENDED),
    (SUSPENDED, ACTIVATED),
    (FACTORY_TEST, ACTIVATED),
}


def body(desk: Desk, key: str, **orgs: object) -> int:
    return desk.http.patch(desk.sim_path(key), json=orgs).status_code


def test_the_statuses_are_listed(desk: Desk) -> None:
    assert [tuple(status.values()) for status in desk.found("/sim/status")] == [
        (0, "Issued"), (1, "Activated"), (2, "Suspended"), (3, "Deleted"), (4, "Factory Test"),
    ]  # fmt: skip


@pytest.mark.parametrize("before", IN_STATUS)
@pytest.mark.parametrize("after", range(5))
def test_only_documented_transitions_happen(start: Start, before: int, after: int) -> None:
    desk = start()
    key = IN_STATUS[before]
    events = len(desk.events(key))
    answer = desk.set_status(key, after)
    if before == after:
        assert answer.status_code == 204
        assert len(desk.events(key)) == events
    elif (before, after) in ALLOWED:
        assert answer.status_code == 204
        assert desk.sim(key)["status"]["id"] == after
        assert len(desk.events(key)) > events
    else:
        assert (answer.status_code, answer.json()["error_code"]) == (422, 1406)
        assert desk.sim(key)["status"]["id"] == before
        assert len(desk.events(key)) == events


def test_the_first_activation_is_remembered_and_later_ones_are_not(start: Start) -> None:
    desk = start()
    assert desk.set_status("fresh", FACTORY_TEST).status_code == 204
    assert "activation_date" not in desk.sim("fresh")
    desk.set_status("fresh", ACTIVATED)
    first = desk.sim("fresh")["activation_date"]
    assert first.startswith("2026-11-22T12:00")
    desk.advance(7200)
    for status in (SUSPENDED, ACTIVATED):
        desk.set_status("fresh", status)
        assert desk.sim("fresh")["activation_date"] == first
    assert [event["event_type"]["id"] for event in desk.events("fresh")] == [48, 45, 8, 9, 8]


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"status": {"id": 9}}, 422, 1401),
        ({"status": {"id": True}}, 422, 1400),
        ({"status": {}}, 422, 1400),
        ({"status": "on"}, 422, 1400),
        ([1], 400, 1000),
    ],
)
def test_a_status_that_is_none_is_refused(desk: Desk, sent: object, status: int, code: int) -> None:
    answer = desk.http.patch(desk.sim_path("healthy"), json=sent)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)


def test_a_body_that_is_no_json_is_refused(desk: Desk) -> None:
    assert desk.http.patch(desk.sim_path("healthy"), content=b"{").json()["error_code"] == 1000


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("key", ["foreign", "stock", "resold"])
def test_what_belongs_to_others_is_not_found(desk: Desk, method: str, key: str) -> None:
    answer = desk.http.request(method, desk.sim_path(key), json={"status": {"id": 2}})
    assert answer.status_code == 404
    number = desk.sim_id(key)
    assert answer.json() == {
        "error_code": 1201,
        "error_token": "NotFound",
        "message": f"Sim with id {number} not found",
    }


def test_a_suspended_sim_makes_no_traffic(start: Start) -> None:
    desk = start()
    desk.set_status("healthy", SUSPENDED)
    desk.advance(3 * 86_400)
    later = desk.get(desk.sim_path("healthy", "/stats/daily"), start_date="2026-11-23", end_date="2026-11-25").json()
    assert later == []
    assert desk.get(desk.device_path("healthy", "/connectivity")).json()["status"]["description"] == "OFFLINE"
    desk.set_status("healthy", ACTIVATED)
    desk.advance(3 * 86_400)
    again = desk.get(desk.sim_path("healthy", "/stats/daily"), start_date="2026-11-23", end_date="2026-11-28").json()
    assert again[0]["date"] >= "2026-11-25"


def test_a_suspension_ends_the_session_that_is_open(start: Start) -> None:
    desk = start()
    assert desk.get(desk.device_path("healthy", "/connectivity")).json()["status"]["description"] == "ONLINE"
    opened = desk.events("healthy", "type:3")[-1]
    desk.set_status("healthy", SUSPENDED)
    desk.advance(86_400)
    suspended, ended = desk.events("healthy", "type:9")[-1], desk.events("healthy", "type:5")[-1]
    assert ended["detail"]["session_id"] == opened["detail"]["session_id"]
    assert ended["timestamp"][:16] == suspended["timestamp"][:16]


# Owners


def test_a_customer_changes_nothing_but_the_status(start: Start) -> None:
    desk = start()
    for field in ("customer_org", "reseller_org", "issuer_org"):
        answer = desk.http.patch(desk.sim_path("fresh"), json={field: {"id": 13886}, "status": {"id": 1}})
        assert (answer.status_code, answer.json()["error_code"]) == (403, 1104)
    assert desk.sim("fresh")["status"]["id"] == ISSUED


def test_a_reseller_assigns_but_does_not_switch(start: Start) -> None:
    desk = start("reseller")
    assert "customer_org" not in desk.sim("stock")
    assert desk.set_status("resold", SUSPENDED).status_code == 403
    assert body(desk, "stock", issuer_org={"id": 2}) == 403
    assert body(desk, "stock", customer_org={"id": 13887}) == 204
    assert desk.sim("stock")["customer_org"]["id"] == 13887
    assert body(desk, "stock", customer_org={"id": 13886}) == 422
    assert body(desk, "stock", customer_org={"id": 4711}) == 422
    assert body(desk, "stock", customer_org={"id": None}) == 204
    assert "customer_org" not in desk.sim("stock")


def test_an_issuer_may_change_everything(start: Start) -> None:
    desk = start("issuer")
    for key in ("healthy", "foreign", "stock", "resold"):
        assert desk.sim(key)["issuer_org"]["id"] == 2
    assert body(desk, "stock", reseller_org={"id": 9101}, customer_org={"id": 13886}, status={"id": 1}) == 204
    sim = desk.sim("stock")
    assert (sim["reseller_org"]["id"], sim["customer_org"]["id"], sim["status"]["id"]) == (9101, 13886, 1)
    assert body(desk, "stock", reseller_org={}, customer_org={}) == 204
    assert not {"reseller_org", "customer_org"} & set(desk.sim("stock"))
    assert body(desk, "stock", issuer_org={"id": 9200}) == 204
    assert desk.sim("stock")["issuer_org"]["id"] == 9200
    assert body(desk, "stock", issuer_org={"id": None}) == 204
    assert desk.sim("stock")["issuer_org"]["id"] == 2
    assert body(desk, "stock", customer_org={"id": 13887}) == 422


def test_each_role_lists_its_own(desk: Desk) -> None:
    everything = {sim["id"] for sim in desk.log_in("issuer").found("/sim")}
    resold = desk.log_in("reseller").found("/sim")
    own = {sim["id"] for sim in desk.found("/sim")}
    assert {sim["reseller_org"]["id"] for sim in resold} == {9100}
    assert own < everything
    assert {sim["id"] for sim in resold} < everything
    assert not own & {sim["id"] for sim in resold}


# Deletion


def test_a_deleted_sim_is_gone(start: Start) -> None:
    desk = start()
    total = int(desk.get("/sim").headers["x-total-count"])
    answer = desk.http.delete(desk.sim_path("no_device"))
    assert (answer.status_code, answer.content) == (204, b"")
    assert desk.get(desk.sim_path("no_device")).status_code == 404
    assert desk.http.delete(desk.sim_path("no_device")).status_code == 404
    assert desk.set_status("no_device", ACTIVATED).status_code == 404
    assert int(desk.get("/sim").headers["x-total-count"]) == total - 1
    deletion = desk.found("/event", q="type:10")
    assert [event["sim"]["id"] for event in deletion] == [desk.sim_id("no_device")]


def test_a_deleted_sim_may_stay_in_the_list(start: Start) -> None:
    desk = start(unknowns=Unknowns(deleted_sims="listed"))
    desk.http.delete(desk.sim_path("no_device"))
    assert desk.sim("no_device")["status"] == {"id": 3, "description": "Deleted"}
    assert desk.set_status("no_device", ACTIVATED).status_code == 422
    assert desk.http.delete(desk.sim_path("no_device")).status_code == 404


def test_a_sim_in_a_device_is_not_deleted_before_its_release(start: Start) -> None:
    desk = start()
    assert desk.http.delete(desk.sim_path("healthy")).status_code == 409
    assert desk.http.patch(desk.device_path("healthy"), json={"sim": {"id": None}}).status_code == 204
    assert desk.http.delete(desk.sim_path("healthy")).status_code == 204


def test_a_reseller_deletes_only_what_is_not_sold(start: Start) -> None:
    desk = start("reseller")
    answer = desk.http.delete(desk.sim_path("resold"))
    assert (answer.status_code, answer.json()["error_token"]) == (403, "Forbidden")
    assert desk.http.delete(desk.sim_path("stock")).status_code == 204


def test_several_sims_are_deleted_by_a_body(start: Start) -> None:
    desk = start()
    ids = [{"id": desk.sim_id(key)} for key in ("no_device", "fresh")]
    assert desk.http.request("DELETE", f"{API}/sim/multi", json=ids).status_code == 204
    assert desk.get(desk.sim_path("fresh")).status_code == 404


@pytest.mark.parametrize(("atomic", "left"), [(True, 200), (False, 404)])
def test_whether_one_bad_sim_saves_the_others_can_be_chosen(
    start: Start, atomic: bool, left: int
) -> None:  # pytest passes parameters by name
    desk = start(unknowns=Unknowns(multi_delete_atomic=atomic))
    ids = [{"id": desk.sim_id("no_device")}, {"id": 1}]
    assert desk.http.request("DELETE", f"{API}/sim/multi", json=ids).status_code == 404
    assert desk.get(desk.sim_path("no_device")).status_code == left


@pytest.mark.parametrize("sent", [{}, [], [{}], ["x"], None])
def test_a_deletion_that_names_no_sims_is_a_bad_request(desk: Desk, sent: object) -> None:
    assert desk.http.request("DELETE", f"{API}/sim/multi", json=sent).status_code == 400


# Batches


def bic_path(desk: Desk, key: str) -> str:
    return f"{API}/sim_batch/bic/" + str(desk.story(key)["bic"]).replace("#", "%23")


def test_a_batch_is_validated_with_its_numbers_as_strings(desk: Desk) -> None:
    batch = desk.get(bic_path(desk, "batch_registrable")).json()
    assert (batch["bic"], batch["quantity"], batch["activated"]) == ("#31F6E2S6XTR3NEY", "10", "0")
    assert isinstance(batch["id"], int)
    assert batch["status"] == {"id": 0, "description": "Issued"}


@pytest.mark.parametrize(("key", "status"), [("batch_registered", 400), ("batch_unknown", 404), ("batch_foreign", 422)])
def test_validation_tells_causes_apart(desk: Desk, key: str, status: int) -> None:
    answer = desk.get(bic_path(desk, key))
    assert (answer.status_code, answer.content) == (status, b"")


@pytest.mark.parametrize("status", [ISSUED, ACTIVATED, FACTORY_TEST])
def test_registering_hands_over_the_sims_in_the_wanted_status(start: Start, status: int) -> None:
    desk = start()
    total = int(desk.get("/sim").headers["x-total-count"])
    answer = desk.http.patch(bic_path(desk, "batch_registrable"), json={"sim_status": {"id": status}})
    ids = [sim["id"] for sim in answer.json()["sim"]]
    assert len(ids) == 10
    assert {desk.get(f"/sim/{each}").json()["status"]["id"] for each in ids} == {status}
    assert int(desk.get("/sim").headers["x-total-count"]) == total + 10
    event = desk.found("/event", q="type:48,description:Batch of 10")[-1]
    assert event["description"] == "Batch of 10 SIM(s) registered."
    assert event["detail"]["sim_batch"]["batch_size"] == 10
    assert desk.get(bic_path(desk, "batch_registrable")).status_code == 400


@pytest.mark.parametrize("sent", [{"sim_status": {"id": 2}}, {"sim_status": {"id": 3}}, {"sim_status": {"id": 77}}])
def test_a_batch_is_not_registered_in_another_status(desk: Desk, sent: object) -> None:
    answer = desk.http.patch(bic_path(desk, "batch_registrable"), json=sent)
    assert (answer.status_code, answer.content) == (422, b"")


def test_a_batch_may_show_its_status_later(start: Start) -> None:
    desk = start(unknowns=Unknowns(register_lag_s=1500))
    ids = [
        sim["id"]
        for sim in desk.http.patch(bic_path(desk, "batch_second"), json={"sim_status": {"id": 1}}).json()["sim"]
    ]
    assert {desk.get(f"/sim/{each}").json()["status"]["id"] for each in ids} == {ISSUED}
    desk.advance(1501)
    assert {desk.get(f"/sim/{each}").json()["status"]["id"] for each in ids} == {ACTIVATED}


def test_factory_test_needs_a_plan_that_has_it(start: Start) -> None:
    desk = start(unknowns=Unknowns(factory_test_allowed=False, batch_answer="full"))
    assert desk.http.patch(bic_path(desk, "batch_second"), json={"sim_status": {"id": 4}}).status_code == 422
    assert desk.set_status("fresh", FACTORY_TEST).status_code == 422
    answer = desk.http.patch(bic_path(desk, "batch_second"), json={"sim_status": {"id": 1}})
    assert {"iccid", "model", "status"} <= set(answer.json()["sim"][0])


# Devices


def test_a_released_sim_keeps_its_status_and_loses_its_device(start: Start) -> None:
    desk = start()
    assert desk.http.patch(desk.device_path("healthy"), json={"sim": {"id": None}}).status_code == 204
    sim = desk.sim("healthy")
    assert (sim["status"]["id"], "endpoint" in sim) == (ACTIVATED, False)
    assert "sim" not in desk.get(desk.device_path("healthy")).json()
    released = desk.events("healthy", "type:50")
    device = desk.story("healthy")["device_id"]
    assert [each["description"] for each in released] == [f"SIM {sim['id']} released from endpoint {device}"]
    assert released[0]["detail"] == {}
    assert len(desk.events("healthy", "type:3")) > 10


def test_assigning_an_issued_sim_activates_it(start: Start) -> None:
    desk = start()
    desk.http.patch(desk.device_path("healthy"), json={"sim": {"id": None}})
    assert desk.http.patch(desk.device_path("healthy"), json={"sim": {"id": desk.sim_id("fresh")}}).status_code == 204
    sim = desk.sim("fresh")
    assert sim["status"]["id"] == ACTIVATED
    assert sim["endpoint"]["id"] == desk.story("healthy")["device_id"]
    assert [event["event_type"]["id"] for event in desk.events("fresh")][-2:] == [8, 51]


def test_a_sim_is_in_one_device_only(start: Start) -> None:
    desk = start()
    answer = desk.http.patch(desk.device_path("healthy"), json={"sim": {"id": desk.sim_id("suspended")}})
    assert answer.status_code == 409
    foreign = desk.http.patch(desk.device_path("healthy"), json={"sim": {"id": desk.sim_id("foreign")}})
    assert foreign.status_code == 404
    assert desk.sim("healthy")["endpoint"]["id"] == desk.story("healthy")["device_id"]


def test_disabling_a_device_leaves_its_sim_activated(start: Start) -> None:
    desk = start()
    assert desk.http.patch(desk.device_path("healthy"), json={"status": {"id": 1}}).status_code == 204
    assert desk.sim("healthy")["status"]["id"] == ACTIVATED
    assert desk.get(desk.device_path("healthy")).json()["status"] == {"id": 1, "description": "Disabled"}
    device = desk.story("healthy")["device_id"]
    assert desk.events("healthy")[-1]["description"] == f"Status of Endpoint {device} changed to Disabled"


@pytest.mark.parametrize(
    ("path", "sent"), [("/connectivity", {"location": None}), ("", {"status": {"id": 1}})], ids=["reset", "disable"]
)
def test_touching_a_device_ends_its_factory_test(start: Start, path: str, sent: object) -> None:
    desk = start()
    assert desk.http.patch(desk.device_path("factory_test", path), json=sent).status_code == 204
    sim = desk.sim("factory_test")
    assert sim["status"]["id"] == ACTIVATED
    assert sim["activation_date"].startswith("2026-11-22T12:00")
    event = desk.events("factory_test", "type:8")[-1]
    assert event["event_source"]["description"] == "Policy Control"
    assert event["detail"]["transition"]["sim"]["status"]["from"] == {"id": 4, "description": "FACTORY TEST"}


def test_a_device_is_renamed(start: Start) -> None:
    desk = start()
    assert desk.http.patch(desk.device_path("healthy"), json={"name": "Lift 9", "tags": None}).status_code == 204
    device = desk.sim("healthy")["endpoint"]
    assert (device["name"], device["tags"]) == ("Lift 9", None)


def test_a_foreign_device_is_not_found(desk: Desk) -> None:
    assert desk.get(desk.device_path("foreign")).status_code == 404
    for rest in ("/connectivity", "/quota/data", "/stats"):
        answer = desk.get(desk.device_path("foreign", rest))
        assert (answer.status_code, answer.content) == (404, b"")


def test_migration_needs_a_person_and_rehearses_by_default(start: Start) -> None:
    desk = start()
    wanted = {"sims": [{"id": desk.sim_id("no_device")}], "target_workspace": {"id": 13888}}
    refused = desk.http.post(f"{API}/sim/migration/workspace", json=wanted)
    assert (refused.status_code, refused.json()["errors"][0]["error_code"]) == (409, 1504)
    user = {"username": "admin@enterprise.example", "password": "24ef2ae3d1d1d0ca16b6dcf9d2b1a3a0"}
    assert desk.http.post(f"{API}/authenticate", json=user).status_code == 401


def test_an_operation_on_an_euicc_is_created_and_listed(start: Start) -> None:
    desk = start()
    wanted = {"action": {"id": 2}, "target": [{"sim": {"id": desk.sim_id("euicc")}}, {"sim": {"id": 1}}]}
    answer = desk.http.post(f"{API}/sim/operation", json=wanted)
    assert answer.status_code == 201
    operation = answer.json()
    assert (operation["total_count"], operation["failed_count"], operation["success_count"]) == (2, 1, 1)
    assert desk.found("/sim/operation") == [operation]
    assert desk.found("/sim/operation", q="action:1", sort="-creation_date") == []
    assert desk.get(f"/sim/operation/{operation['id']}").json() == operation
    assert desk.get("/sim/operation/none").json() == {"status_code": 404, "message": "Operation not found"}
    assert desk.http.post(f"{API}/sim/operation", json={}).status_code == 400
    assert len(desk.found("/sim/operation/action")) == 4
    assert len(desk.found("/sim/operation/status")) == 4
