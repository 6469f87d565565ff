"""Changes: statuses, owners, deletion, batches and devices, with what follows from each."""

import pytest

from sim_mcp.sandbox import Unknowns

from .conftest import API, RoleClient, Start

ISSUED, ACTIVATED, SUSPENDED, DELETED, FACTORY_TEST = range(5)
IN_STATUS = {ISSUED: "fresh", ACTIVATED: "healthy", SUSPENDED: "suspended", FACTORY_TEST: "factory_test"}
ALLOWED = {
    (ISSUED, ACTIVATED),
    (ISSUED, FACTORY_TEST),
    (ACTIVATED, SUSPENDED),
    (SUSPENDED, ACTIVATED),
    (FACTORY_TEST, ACTIVATED),
}


def body(api: RoleClient, key: str, **orgs: object) -> int:
    return api.http.patch(api.sim_path(key), json=orgs).status_code


def test_the_statuses_are_listed(api: RoleClient) -> None:
    assert [tuple(status.values()) for status in api.found("/sim/status")] == [
        (0, "Issued"), (1, "Activated"), (2, "Suspended"), (3, "Deleted"), (4, "Factory Test"),
    ]  # fmt: skip


@pytest.mark.parametrize("before", IN_STATUS)
@pytest.mark.parametrize("after", range(5))
def test_only_documented_transitions_happen(start: Start, before: int, after: int) -> None:
    api = start()
    key = IN_STATUS[before]
    events = len(api.events(key))
    answer = api.set_status(key, after)
    if before == after:
        assert answer.status_code == 204
        assert len(api.events(key)) == events
    elif (before, after) in ALLOWED:
        assert answer.status_code == 204
        assert api.sim(key)["status"]["id"] == after
        assert len(api.events(key)) > events
    else:
        assert (answer.status_code, answer.json()["error_code"]) == (422, 1406)
        assert api.sim(key)["status"]["id"] == before
        assert len(api.events(key)) == events


def test_the_first_activation_is_remembered_and_later_ones_are_not(start: Start) -> None:
    api = start()
    assert api.set_status("fresh", FACTORY_TEST).status_code == 204
    assert "activation_date" not in api.sim("fresh")
    api.set_status("fresh", ACTIVATED)
    first = api.sim("fresh")["activation_date"]
    assert first.startswith("2026-11-22T12:00")
    api.advance(7200)
    for status in (SUSPENDED, ACTIVATED):
        api.set_status("fresh", status)
        assert api.sim("fresh")["activation_date"] == first
    assert [event["event_type"]["id"] for event in api.events("fresh")] == [48, 45, 8, 9, 8]


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
def test_a_status_that_is_none_is_refused(api: RoleClient, sent: object, status: int, code: int) -> None:
    answer = api.http.patch(api.sim_path("healthy"), json=sent)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)


def test_a_body_that_is_no_json_is_refused(api: RoleClient) -> None:
    assert api.http.patch(api.sim_path("healthy"), content=b"{").json()["error_code"] == 1000


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("key", ["foreign", "stock", "resold"])
def test_what_belongs_to_others_is_not_found(api: RoleClient, method: str, key: str) -> None:
    answer = api.http.request(method, api.sim_path(key), json={"status": {"id": 2}})
    assert answer.status_code == 404
    number = api.sim_id(key)
    assert answer.json() == {
        "error_code": 1201,
        "error_token": "NotFound",
        "message": f"Sim with id {number} not found",
    }


def test_a_suspended_sim_makes_no_traffic(start: Start) -> None:
    api = start()
    api.set_status("healthy", SUSPENDED)
    api.advance(3 * 86_400)
    later = api.get(api.sim_path("healthy", "/stats/daily"), start_date="2026-11-23", end_date="2026-11-25").json()
    assert later == []
    assert api.get(api.device_path("healthy", "/connectivity")).json()["status"]["description"] == "OFFLINE"
    api.set_status("healthy", ACTIVATED)
    api.advance(3 * 86_400)
    again = api.get(api.sim_path("healthy", "/stats/daily"), start_date="2026-11-23", end_date="2026-11-28").json()
    assert again[0]["date"] >= "2026-11-25"


def test_a_suspension_ends_the_session_that_is_open(start: Start) -> None:
    api = start()
    assert api.get(api.device_path("healthy", "/connectivity")).json()["status"]["description"] == "ONLINE"
    opened = api.events("healthy", "type:3")[-1]
    api.set_status("healthy", SUSPENDED)
    api.advance(86_400)
    suspended, ended = api.events("healthy", "type:9")[-1], api.events("healthy", "type:5")[-1]
    assert ended["detail"]["session_id"] == opened["detail"]["session_id"]
    assert ended["timestamp"][:16] == suspended["timestamp"][:16]


# Owners


def test_a_customer_changes_nothing_but_the_status(start: Start) -> None:
    api = start()
    for field in ("customer_org", "reseller_org", "issuer_org"):
        answer = api.http.patch(api.sim_path("fresh"), json={field: {"id": 13886}, "status": {"id": 1}})
        assert (answer.status_code, answer.json()["error_code"]) == (403, 1104)
    assert api.sim("fresh")["status"]["id"] == ISSUED


def test_a_reseller_assigns_but_does_not_switch(start: Start) -> None:
    api = start("reseller")
    assert "customer_org" not in api.sim("stock")
    assert api.set_status("resold", SUSPENDED).status_code == 403
    assert body(api, "stock", issuer_org={"id": 2}) == 403
    assert body(api, "stock", customer_org={"id": 13887}) == 204
    assert api.sim("stock")["customer_org"]["id"] == 13887
    assert body(api, "stock", customer_org={"id": 13886}) == 422
    assert body(api, "stock", customer_org={"id": 4711}) == 422
    assert body(api, "stock", customer_org={"id": None}) == 204
    assert "customer_org" not in api.sim("stock")


@pytest.mark.parametrize(("choice", "status", "code"), [("422_1406", 422, 1406), ("400", 400, 1000)])
def test_an_organisation_that_may_not_be_given_the_sim(start: Start, choice: str, status: int, code: int) -> None:
    api = start("reseller", unknowns=Unknowns.parse([f"forbidden_target={choice}"]))
    answer = api.http.patch(api.sim_path("stock"), json={"customer_org": {"id": 13886}})
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)


def test_an_issuer_may_change_everything(start: Start) -> None:
    api = start("issuer")
    for key in ("healthy", "foreign", "stock", "resold"):
        assert api.sim(key)["issuer_org"]["id"] == 2
    assert body(api, "stock", reseller_org={"id": 9101}, customer_org={"id": 13886}, status={"id": 1}) == 204
    sim = api.sim("stock")
    assert (sim["reseller_org"]["id"], sim["customer_org"]["id"], sim["status"]["id"]) == (9101, 13886, 1)
    assert body(api, "stock", reseller_org={}, customer_org={}) == 204
    assert not {"reseller_org", "customer_org"} & set(api.sim("stock"))
    assert body(api, "stock", issuer_org={"id": 9200}) == 204
    assert api.sim("stock")["issuer_org"]["id"] == 9200
    assert body(api, "stock", issuer_org={"id": None}) == 204
    assert api.sim("stock")["issuer_org"]["id"] == 2
    assert body(api, "stock", customer_org={"id": 13887}) == 422


def test_each_role_lists_its_own(api: RoleClient) -> None:
    everything = {sim["id"] for sim in api.as_role("issuer").found("/sim")}
    resold = api.as_role("reseller").found("/sim")
    own = {sim["id"] for sim in api.found("/sim")}
    assert {sim["reseller_org"]["id"] for sim in resold} == {9100}
    assert own < everything
    assert {sim["id"] for sim in resold} < everything
    assert not own & {sim["id"] for sim in resold}


# Deletion


def test_a_deleted_sim_is_gone(start: Start) -> None:
    api = start()
    total = int(api.get("/sim").headers["x-total-count"])
    answer = api.http.delete(api.sim_path("no_device"))
    assert (answer.status_code, answer.content) == (204, b"")
    assert api.get(api.sim_path("no_device")).status_code == 404
    assert api.http.delete(api.sim_path("no_device")).status_code == 404
    assert api.set_status("no_device", ACTIVATED).status_code == 404
    assert int(api.get("/sim").headers["x-total-count"]) == total - 1
    deletion = api.found("/event", q="type:10")
    assert [event["sim"]["id"] for event in deletion] == [api.sim_id("no_device")]


def test_a_deleted_sim_may_stay_in_the_list(start: Start) -> None:
    api = start(unknowns=Unknowns(deleted_sims="listed"))
    api.http.delete(api.sim_path("no_device"))
    assert api.sim("no_device")["status"] == {"id": 3, "description": "Deleted"}
    assert api.set_status("no_device", ACTIVATED).status_code == 422
    assert api.http.delete(api.sim_path("no_device")).status_code == 404


def test_a_sim_in_a_device_is_not_deleted_before_its_release(start: Start) -> None:
    api = start()
    assert api.http.delete(api.sim_path("healthy")).status_code == 409
    assert api.http.patch(api.device_path("healthy"), json={"sim": {"id": None}}).status_code == 204
    assert api.http.delete(api.sim_path("healthy")).status_code == 204


@pytest.mark.parametrize("key", ["resold", "stock"])
def test_a_reseller_deletes_nothing_that_carries_its_own_reseller_org(start: Start, key: str) -> None:
    api = start("reseller")
    assert api.sim(key)["reseller_org"]["id"] == 9100
    alone = api.http.delete(api.sim_path(key))
    assert (alone.status_code, alone.json()["error_token"]) == (403, "Forbidden")
    among = api.http.request("DELETE", f"{API}/sim/multi", json=[{"id": api.sim_id(key)}])
    assert among.status_code == 403
    assert api.sim(key)["status"]["id"] in {ISSUED, ACTIVATED}
    assert api.as_role("issuer").http.delete(api.sim_path("stock")).status_code == 204


def test_several_sims_are_deleted_by_a_body(start: Start) -> None:
    api = start()
    ids = [{"id": api.sim_id(key)} for key in ("no_device", "fresh")]
    assert api.http.request("DELETE", f"{API}/sim/multi", json=ids).status_code == 204
    assert api.get(api.sim_path("fresh")).status_code == 404


@pytest.mark.parametrize(("atomic", "left"), [(True, 200), (False, 404)])
def test_whether_one_bad_sim_saves_the_others_can_be_chosen(
    start: Start, atomic: bool, left: int
) -> None:  # pytest passes parameters by name
    api = start(unknowns=Unknowns(multi_delete_atomic=atomic))
    ids = [{"id": api.sim_id("no_device")}, {"id": 1}]
    assert api.http.request("DELETE", f"{API}/sim/multi", json=ids).status_code == 404
    assert api.get(api.sim_path("no_device")).status_code == left


@pytest.mark.parametrize("sent", [{}, [], [{}], ["x"], None])
def test_a_deletion_that_names_no_sims_is_a_bad_request(api: RoleClient, sent: object) -> None:
    assert api.http.request("DELETE", f"{API}/sim/multi", json=sent).status_code == 400


# Batches


def bic_path(api: RoleClient, key: str) -> str:
    return f"{API}/sim_batch/bic/" + str(api.scenario(key)["bic"]).replace("#", "%23")


def test_a_batch_is_validated_with_its_numbers_as_strings(api: RoleClient) -> None:
    batch = api.get(bic_path(api, "batch_registrable")).json()
    assert (batch["bic"], batch["quantity"], batch["activated"]) == ("#31F6E2S6XTR3NEY", "10", "0")
    assert isinstance(batch["id"], int)
    assert batch["status"] == {"id": 0, "description": "Issued"}


@pytest.mark.parametrize(("key", "status"), [("batch_registered", 400), ("batch_unknown", 404), ("batch_foreign", 422)])
def test_validation_tells_causes_apart(api: RoleClient, key: str, status: int) -> None:
    answer = api.get(bic_path(api, key))
    assert (answer.status_code, answer.content) == (status, b"")


@pytest.mark.parametrize("status", [ISSUED, ACTIVATED, FACTORY_TEST])
def test_registering_hands_over_the_sims_in_the_wanted_status(start: Start, status: int) -> None:
    api = start()
    total = int(api.get("/sim").headers["x-total-count"])
    answer = api.http.patch(bic_path(api, "batch_registrable"), json={"sim_status": {"id": status}})
    ids = [sim["id"] for sim in answer.json()["sim"]]
    assert len(ids) == 10
    assert {api.get(f"/sim/{each}").json()["status"]["id"] for each in ids} == {status}
    assert int(api.get("/sim").headers["x-total-count"]) == total + 10
    event = api.found("/event", q="type:48,description:Batch of 10")[-1]
    assert event["description"] == "Batch of 10 SIM(s) registered."
    assert event["detail"]["sim_batch"]["batch_size"] == 10
    assert api.get(bic_path(api, "batch_registrable")).status_code == 400


@pytest.mark.parametrize("sent", [{"sim_status": {"id": 2}}, {"sim_status": {"id": 3}}, {"sim_status": {"id": 77}}])
def test_a_batch_is_not_registered_in_another_status(api: RoleClient, sent: object) -> None:
    answer = api.http.patch(bic_path(api, "batch_registrable"), json=sent)
    assert (answer.status_code, answer.content) == (422, b"")


@pytest.mark.parametrize(("choice", "status"), [("issued", ISSUED), ("activated", ACTIVATED)])
@pytest.mark.parametrize("sent", [b"", b"{}"])
def test_a_batch_is_registered_without_a_body(start: Start, sent: bytes, choice: str, status: int) -> None:
    api = start(sims=60, unknowns=Unknowns.parse([f"register_without_status={choice}"]))
    answer = api.http.patch(bic_path(api, "batch_second"), content=sent)
    assert answer.status_code == 200
    assert {api.get(f"/sim/{sim['id']}").json()["status"]["id"] for sim in answer.json()["sim"]} == {status}


def test_a_batch_may_show_its_status_later(start: Start) -> None:
    api = start(unknowns=Unknowns(register_lag_s=1500))
    ids = [
        sim["id"] for sim in api.http.patch(bic_path(api, "batch_second"), json={"sim_status": {"id": 1}}).json()["sim"]
    ]
    assert {api.get(f"/sim/{each}").json()["status"]["id"] for each in ids} == {ISSUED}
    api.advance(1501)
    assert {api.get(f"/sim/{each}").json()["status"]["id"] for each in ids} == {ACTIVATED}


def test_factory_test_needs_a_plan_that_has_it(start: Start) -> None:
    api = start(unknowns=Unknowns(factory_test_allowed=False, batch_answer="full"))
    assert api.http.patch(bic_path(api, "batch_second"), json={"sim_status": {"id": 4}}).status_code == 422
    assert api.set_status("fresh", FACTORY_TEST).status_code == 422
    answer = api.http.patch(bic_path(api, "batch_second"), json={"sim_status": {"id": 1}})
    assert {"iccid", "model", "status"} <= set(answer.json()["sim"][0])


# Devices


def test_a_released_sim_keeps_its_status_and_loses_its_device(start: Start) -> None:
    api = start()
    assert api.http.patch(api.device_path("healthy"), json={"sim": {"id": None}}).status_code == 204
    sim = api.sim("healthy")
    assert (sim["status"]["id"], "endpoint" in sim) == (ACTIVATED, False)
    assert "sim" not in api.get(api.device_path("healthy")).json()
    released = api.events("healthy", "type:50")
    device = api.scenario("healthy")["device_id"]
    assert [each["description"] for each in released] == [f"SIM {sim['id']} released from endpoint {device}"]
    assert released[0]["detail"] == {}
    assert len(api.events("healthy", "type:3")) > 10


def test_assigning_an_issued_sim_activates_it(start: Start) -> None:
    api = start()
    api.http.patch(api.device_path("healthy"), json={"sim": {"id": None}})
    assert api.http.patch(api.device_path("healthy"), json={"sim": {"id": api.sim_id("fresh")}}).status_code == 204
    sim = api.sim("fresh")
    assert sim["status"]["id"] == ACTIVATED
    assert sim["endpoint"]["id"] == api.scenario("healthy")["device_id"]
    assert [event["event_type"]["id"] for event in api.events("fresh")][-2:] == [8, 51]


def test_a_sim_is_in_one_device_only(start: Start) -> None:
    api = start()
    answer = api.http.patch(api.device_path("healthy"), json={"sim": {"id": api.sim_id("suspended")}})
    assert answer.status_code == 409
    foreign = api.http.patch(api.device_path("healthy"), json={"sim": {"id": api.sim_id("foreign")}})
    assert foreign.status_code == 404
    assert api.sim("healthy")["endpoint"]["id"] == api.scenario("healthy")["device_id"]


def test_disabling_a_device_leaves_its_sim_activated(start: Start) -> None:
    api = start()
    assert api.http.patch(api.device_path("healthy"), json={"status": {"id": 1}}).status_code == 204
    assert api.sim("healthy")["status"]["id"] == ACTIVATED
    assert api.get(api.device_path("healthy")).json()["status"] == {"id": 1, "description": "Disabled"}
    device = api.scenario("healthy")["device_id"]
    assert api.events("healthy")[-1]["description"] == f"Status of Endpoint {device} changed to Disabled"


@pytest.mark.parametrize(
    ("path", "sent"), [("/connectivity", {"location": None}), ("", {"status": {"id": 1}})], ids=["reset", "disable"]
)
def test_touching_a_device_ends_its_factory_test(start: Start, path: str, sent: object) -> None:
    api = start()
    assert api.http.patch(api.device_path("factory_test", path), json=sent).status_code == 204
    sim = api.sim("factory_test")
    assert sim["status"]["id"] == ACTIVATED
    assert sim["activation_date"].startswith("2026-11-22T12:00")
    event = api.events("factory_test", "type:8")[-1]
    assert event["event_source"]["description"] == "Policy Control"
    assert event["detail"]["transition"]["sim"]["status"]["from"] == {"id": 4, "description": "FACTORY TEST"}


@pytest.mark.parametrize(("choice", "status"), [("taken", 204), ("422", 422)])
@pytest.mark.parametrize("sent", [{"pdp_context": {"id": 1}}, {"location": "now", "pdp_context": None}])
def test_a_reset_may_name_what_it_resets(start: Start, sent: object, choice: str, status: int) -> None:
    api = start(sims=60, unknowns=Unknowns.parse([f"reset_values={choice}"]))
    assert api.http.patch(api.device_path("healthy", "/connectivity"), json=sent).status_code == status
    assert len(api.events("healthy", "type:68")) == (status == 204)


def test_a_device_is_renamed(start: Start) -> None:
    api = start()
    assert api.http.patch(api.device_path("healthy"), json={"name": "Lift 9", "tags": None}).status_code == 204
    device = api.sim("healthy")["endpoint"]
    assert (device["name"], device["tags"]) == ("Lift 9", None)


def test_a_foreign_device_is_not_found(api: RoleClient) -> None:
    assert api.get(api.device_path("foreign")).status_code == 404
    for rest in ("/connectivity", "/quota/data", "/stats"):
        answer = api.get(api.device_path("foreign", rest))
        assert (answer.status_code, answer.content) == (404, b"")


def test_migration_needs_a_person_and_rehearses_by_default(start: Start) -> None:
    api = start()
    wanted = {"sims": [{"id": api.sim_id("no_device")}], "target_workspace": {"id": 13888}}
    refused = api.http.post(f"{API}/sim/migration/workspace", json=wanted)
    assert (refused.status_code, refused.json()["errors"][0]["error_code"]) == (409, 1504)
    user = {"username": "admin@enterprise.example", "password": "24ef2ae3d1d1d0ca16b6dcf9d2b1a3a0"}
    assert api.http.post(f"{API}/authenticate", json=user).status_code == 401


def test_an_operation_on_an_euicc_is_created_and_listed(start: Start) -> None:
    api = start()
    wanted = {"action": {"id": 2}, "target": [{"sim": {"id": api.sim_id("euicc")}}, {"sim": {"id": 1}}]}
    answer = api.http.post(f"{API}/sim/operation", json=wanted)
    assert answer.status_code == 201
    operation = answer.json()
    assert (operation["total_count"], operation["failed_count"], operation["success_count"]) == (2, 1, 1)
    assert api.found("/sim/operation") == [operation]
    assert api.found("/sim/operation", q="action:1", sort="-creation_date") == []
    assert api.get(f"/sim/operation/{operation['id']}").json() == operation
    assert api.get("/sim/operation/none").json() == {"status_code": 404, "message": "Operation not found"}
    assert api.http.post(f"{API}/sim/operation", json={}).status_code == 400
    assert len(api.found("/sim/operation/action")) == 4
    assert len(api.found("/sim/operation/status")) == 4
