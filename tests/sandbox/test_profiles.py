"""Service and tariff profiles are read, with the countries in which a SIM works."""

from .conftest import RoleClient


def test_profiles_are_those_that_devices_name(api: RoleClient) -> None:
    device = api.get(api.device_path("healthy")).json()
    for kind in ("service_profile", "tariff_profile"):
        number = device[kind]["id"]
        assert [each["id"] for each in api.found(f"/{kind}")] == [number]
        assert api.get(f"/{kind}/{number}").json()["name"] == device[kind]["name"]
        assert api.get(f"/{kind}/1").status_code == 404


def test_coverage_counts_the_networks_of_each_country(api: RoleClient) -> None:
    number = api.found("/tariff_profile")[0]["id"]
    countries = {
        each["country"]["name"]: each["redundancy_count"] for each in api.found(f"/tariff_profile/{number}/coverage")
    }
    assert countries["Germany"] == 3
    assert countries["Turkey"] == 1
    assert api.get("/tariff_profile/1/coverage").status_code == 404
