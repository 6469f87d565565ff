"""A SIM that moves to another device leaves its past where it happened."""

import pytest

from .conftest import NOON, RoleClient, Start

LAST_MONTH = {"start_date": "2026-10-01", "end_date": "2026-10-31"}


def move(api: RoleClient, sim: str, device_of: str) -> None:
    """Take a SIM out of its device, and put it into that of another, which gives up its own."""
    for key in (sim, device_of):
        assert api.http.patch(api.device_path(key), json={"sim": {"id": None}}).status_code == 204
    assert api.http.patch(api.device_path(device_of), json={"sim": {"id": api.sim_id(sim)}}).status_code == 204


def volume(api: RoleClient, path: str, month: str) -> float:
    return float(api.get(path).json().get(month, {}).get("data", {}).get("volume", 0))


def test_what_a_sim_used_stays_as_it_was_when_it_moves(start: Start) -> None:
    api = start()
    before = api.found(api.sim_path("healthy", "/stats/daily"), **LAST_MONTH)
    last_month = api.get(api.sim_path("healthy", "/stats")).json()["last_month"]
    move(api, "healthy", "injected_name")
    api.advance(86_400)
    assert api.found(api.sim_path("healthy", "/stats/daily"), **LAST_MONTH) == before
    assert api.get(api.sim_path("healthy", "/stats")).json()["last_month"] == last_month


def test_usage_stays_with_the_device_it_happened_in(start: Start) -> None:
    api = start()
    old, new = api.device_path("healthy", "/stats"), api.device_path("injected_name", "/stats")
    before = {path: volume(api, path, "last_month") for path in (old, new)}
    this_month = volume(api, old, "current_month")
    move(api, "healthy", "injected_name")
    api.advance(86_400)
    assert {path: volume(api, path, "last_month") for path in (old, new)} == before
    assert volume(api, old, "current_month") == pytest.approx(this_month, abs=0.1)
    sims = [volume(api, api.sim_path(key, "/stats"), "current_month") for key in ("healthy", "injected_name")]
    devices = [volume(api, path, "current_month") for path in (old, new)]
    assert sum(sims) == pytest.approx(sum(devices))
    days = api.found(api.device_path("healthy", "/stats/daily"), **LAST_MONTH)
    assert float(days[-1]["data"]["volume"]) == pytest.approx(before[old])


def test_events_stay_with_the_device_they_happened_in(start: Start) -> None:
    api = start()
    old, new = (api.scenario(key)["device_id"] for key in ("healthy", "injected_name"))
    before = api.events("healthy")
    move(api, "healthy", "injected_name")
    api.advance(86_400)
    after = api.events("healthy")
    moved = f"{NOON:%Y-%m-%dT%H:%M}"
    assert {event["endpoint"]["id"] for event in after if event["timestamp"] < moved} == {old}
    assert {event["endpoint"]["id"] for event in after if event["event_type"]["id"] == 3}.issuperset({old, new})
    kept = {event["id"] for event in after if event["timestamp"] < moved}
    assert [each for each in after if each["id"] in kept] == [each for each in before if each["id"] in kept]
    of_device = api.found(api.device_path("healthy", "/event"), per_page=1000)
    assert kept <= {event["id"] for event in of_device}
    assert {event["sim"]["id"] for event in of_device if event["event_type"]["id"] == 3} == {api.sim_id("healthy")}


def test_a_sim_that_comes_back_to_its_device_goes_on_there(start: Start) -> None:
    api = start()
    before = volume(api, api.device_path("healthy", "/stats"), "last_month")
    move(api, "healthy", "injected_name")
    api.advance(3600)
    assert api.http.patch(api.device_path("injected_name"), json={"sim": {"id": None}}).status_code == 204
    back = api.http.patch(api.device_path("healthy"), json={"sim": {"id": api.sim_id("healthy")}})
    assert back.status_code == 204
    api.advance(86_400)
    assert api.get(api.device_path("healthy", "/connectivity")).json()["status"]["description"] in {
        "ONLINE",
        "ATTACHED",
    }
    assert volume(api, api.device_path("healthy", "/stats"), "last_month") == before
