"""Quotas and traffic limits are set, used up, topped up and removed, with the events that follow."""

from typing import Any

import pytest

from .conftest import NOON, RoleClient, Start

EXPIRY = "2026-12-31T00:00:00Z"
BODY = {
    "status": {"id": 1},
    "volume": 100,
    "expiry_date": EXPIRY,
    "action_on_exhaustion": {"id": 1},
    "threshold_percentage": 20,
}


def quota_of(api: RoleClient, key: str, kind: str = "data") -> Any:
    return api.get(api.device_path(key, f"/quota/{kind}")).json()


def assign(api: RoleClient, key: str, kind: str = "data", **body: object) -> int:
    answer = api.http.post(api.device_path(key, f"/quota/{kind}"), json=BODY | body)
    assert answer.content == b"" or answer.status_code == 422
    return answer.status_code


def newest(api: RoleClient, key: str) -> tuple[int, str]:
    event = api.events(key)[-1]
    return event["event_type"]["id"], event["description"]


@pytest.mark.parametrize(("kind", "assigned", "deleted"), [("data", 56, 57), ("sms", 58, 59)])
def test_a_quota_is_set_and_removed(start: Start, kind: str, assigned: int, deleted: int) -> None:
    api = start()
    path = api.device_path("healthy", f"/quota/{kind}")
    assert api.get(path).status_code == 404
    assert assign(api, "healthy", kind, volume=500) == 201
    assert newest(api, "healthy")[0] == assigned
    set_to = quota_of(api, "healthy", kind)
    assert set_to["status"] == {"id": "1", "description": "ACTIVE"}
    assert set_to["volume"] == pytest.approx(500, abs=0.1)
    assert set_to["expiry_date"] == "2026-12-31 00:00:00"
    assert api.http.delete(path).status_code == 204
    assert newest(api, "healthy")[0] == deleted
    assert api.http.delete(path).status_code == 404


def test_a_blocked_device_is_let_in_again_by_a_new_quota(start: Start) -> None:
    api = start()
    assert api.get(api.device_path("quota_exhausted", "/connectivity")).json()["status"]["description"] == "BLOCKED"
    assert assign(api, "quota_exhausted", volume=1000) == 201
    assert api.get(api.device_path("quota_exhausted", "/connectivity")).json()["status"]["description"] != "BLOCKED"
    api.advance(86_400)
    assert {event["event_type"]["id"] for event in api.events("quota_exhausted")[-4:]} & {3, 5}
    assert quota_of(api, "quota_exhausted")["volume"] < 1000


def test_a_quota_that_is_used_up_blocks_the_device(start: Start) -> None:
    api = start()
    assert assign(api, "healthy", volume=0.001) == 201
    api.advance(2 * 86_400)
    assert quota_of(api, "healthy")["status"]["description"] == "EXHAUSTED"
    assert newest(api, "healthy")[0] == 19
    assert api.get(api.device_path("healthy", "/connectivity")).json()["status"]["description"] == "BLOCKED"


def test_a_quota_whose_time_is_over_blocks_the_device(start: Start) -> None:
    api = start()
    assert assign(api, "healthy", volume=100_000, expiry_date=f"{NOON:%Y-%m-%d}T13:00:00Z") == 201
    api.advance(7200)
    assert quota_of(api, "healthy")["status"]["description"] == "EXPIRED"
    assert newest(api, "healthy")[0] == 60


@pytest.mark.parametrize(
    "missing",
    [{"volume": None}, {"volume": -1}, {"expiry_date": "soon"}, {"status": {"id": 9}}, {"action_on_exhaustion": {}}],
)
def test_a_quota_that_lacks_something_is_refused(api: RoleClient, missing: dict[str, object]) -> None:
    answer = api.http.post(api.device_path("healthy", "/quota/data"), json=BODY | missing)
    assert answer.status_code == 422
    assert "required" in answer.json()["message"]


def test_an_extension_of_the_traffic_limit_lets_a_device_in_again(start: Start) -> None:
    api = start()
    path = api.device_path("traffic_limit", "/traffic_limit_extension")
    had = len(api.found(path))
    answer = api.http.post(path, json={"volume": 250})
    assert answer.status_code == 201
    assert answer.json()["volume"] == 250
    assert len(api.found(path)) == had + 1
    assert api.get(api.device_path("traffic_limit", "/connectivity")).json()["status"]["description"] != "BLOCKED"
    assert api.http.post(path, json={"volume": 0}).status_code == 400
    assert api.http.delete(path).status_code == 204
    assert api.found(path) == []
