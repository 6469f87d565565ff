"""Networks are listed, and blocked for a device and allowed again, as recorded."""

from .conftest import RoleClient, Start


def test_networks_are_listed_with_their_countries_and_numbers_as_strings(api: RoleClient) -> None:
    (telekom,) = [each for each in api.found("/operator") if each["id"] == 4]
    assert telekom["name_and_country"] == "Germany / Telekom"
    assert telekom["mnc"] == [{"mnc": "01", "operator_id": "4", "id": 2004}]
    assert telekom["country"]["latitude"] == "51.000000"
    assert b"Germany \\/ Telekom" in api.get("/operator").content


def test_a_network_is_blocked_for_a_device_and_allowed_again(start: Start) -> None:
    api = start()
    path = api.device_path("healthy", "/operator_blacklist")
    blocked = f"{path}/552"
    answer = api.http.put(blocked)
    assert (answer.status_code, answer.content) == (204, b"")
    assert [each["name"] for each in api.found(path)] == ["Kyivstar"]
    again = api.http.put(blocked)
    assert again.status_code == 409
    device = api.scenario("healthy")["device_id"]
    assert again.json() == {
        "error_code": 1405,
        "error_token": "Duplicated",
        "message": f"Operator with Id '552' is already blacklisted on Endpoint with Id '{device}'.",
    }
    assert api.http.delete(blocked).status_code == 204
    assert api.found(path) == []
    assert api.http.delete(blocked).status_code == 404
    assert api.http.put(f"{path}/999999").status_code == 404
