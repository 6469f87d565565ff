"""SMS are taken, delivered, kept for devices that are away, given up, and cancelled."""

from typing import Any

import pytest

from .conftest import RoleClient, Start


def sent(api: RoleClient, key: str, **body: object) -> str:
    answer = api.http.post(api.device_path(key, "/sms"), json={"payload": "reboot"} | body)
    assert (answer.status_code, answer.content) == (201, b"")
    assert answer.headers["content-type"].startswith("text/html")
    return f"{api.device_path(key, '/sms')}/{answer.headers['location'].rpartition('/')[2]}"


def message(api: RoleClient, path: str) -> Any:
    return api.get(path).json()


def test_an_sms_is_delivered_to_a_device_that_networks_know(start: Start) -> None:
    api = start()
    path = sent(api, "healthy", source_address="12345689")
    assert message(api, path)["status"] == {"description": "DELIVERY ATTEMPT PENDING", "id": 1}
    api.advance(5)
    delivered = message(api, path)
    assert delivered["status"] == {"description": "DELIVERED", "id": 4}
    assert delivered["source_address_type"] == {"description": "International", "id": 145}
    assert (delivered["sim_id"], delivered["retry_count"]) == (str(api.sim_id("healthy")), "0")
    assert api.found(api.device_path("healthy", "/sms"))[0] == delivered
    assert api.http.delete(path).status_code == 409


def test_an_sms_waits_for_a_device_that_is_away_and_is_given_up_after_a_day(start: Start) -> None:
    api = start()
    path = sent(api, "went_silent")
    api.advance(60)
    assert message(api, path)["status"]["description"] == "BUFFERED"
    assert message(api, path)["final_date"] is None
    api.advance(86_400)
    assert message(api, path)["status"]["description"] == "EXPIRED"


def test_an_sms_that_waits_can_be_cancelled(start: Start) -> None:
    api = start()
    path = sent(api, "went_silent")
    answer = api.http.delete(path)
    assert (answer.status_code, answer.content) == (200, b"")
    api.advance(86_400)
    assert message(api, path)["status"]["description"] == "CANCELED"


def test_the_last_sms_of_a_quota_is_delivered_and_the_next_is_not(start: Start) -> None:
    api = start()
    quota = {"status": {"id": 1}, "volume": 1, "expiry_date": "2026-12-31T00:00:00Z", "threshold_percentage": 20}
    assert api.http.post(api.device_path("healthy", "/quota/sms"), json=quota).status_code == 201
    paths = [sent(api, "healthy") for _ in range(2)]
    api.advance(5)
    assert [message(api, path)["status"]["description"] for path in paths] == ["DELIVERED", "FAILED"]
    assert api.get(api.device_path("healthy", "/quota/sms")).json()["status"]["description"] == "EXHAUSTED"


@pytest.mark.parametrize(
    ("key", "body"),
    [
        ("healthy", {"payload": ""}),
        ("healthy", {"payload": "x" * 161}),
        ("healthy", {"payload": "x", "source_address": "A long company", "source_address_type": {"id": 208}}),
        ("healthy", {"payload": "x", "source_address_type": {"id": 7}}),
        ("suspended", {"payload": "x"}),
    ],
)
def test_an_sms_that_cannot_be_taken_is_refused_without_a_body(
    api: RoleClient, key: str, body: dict[str, object]
) -> None:
    answer = api.http.post(api.device_path(key, "/sms"), json=body)
    assert (answer.status_code, answer.content) == (422, b"")


def test_a_long_sms_is_taken_in_parts(start: Start) -> None:
    api = start()
    path = sent(api, "healthy", payload="x" * 300, udh="050003CC0201")
    assert message(api, path)["udh"] == "050003CC0201"


def test_an_sms_of_another_device_is_not_found(api: RoleClient) -> None:
    answer = api.get(api.device_path("healthy", "/sms/1"))
    assert (answer.status_code, answer.content) == (404, b"")
