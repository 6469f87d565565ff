"""Tags are made, given to devices and taken away, and are the names in the device's own field."""

from .conftest import RoleClient, Start

TAGS = "/api/v2/tags"


def test_the_names_on_devices_are_tags_of_the_workspace(api: RoleClient) -> None:
    device = api.get(api.device_path("healthy")).json()
    names = [each.strip() for each in device["tags"].split(",")]
    listed = api.http.get(f"/api/v2/endpoint/{device['id']}/tags").json()
    assert [each["name"] for each in listed] == names
    page = api.http.get(TAGS, params={"name": names[0].upper()}).json()
    assert names[0] in [each["name"] for each in page["data"]]
    assert page["data"][0]["resource_count"] >= 1
    small = api.http.get(TAGS, params={"page_size": 1, "page": 2}).json()
    assert (small["page"], len(small["data"]), small["last_page"]) == (2, 1, small["total"])
    assert api.http.get("/api/v2/tag-colors").json()[0]["hex_color"].startswith("#")


def test_a_tag_is_made_once_and_given_to_a_device_once(start: Start) -> None:
    api = start()
    of_device = f"/api/v2/endpoint/{api.scenario('healthy')['device_id']}/tags"
    made = api.http.post(TAGS, json={"name": "winter", "color": {"id": 3}})
    assert (made.status_code, made.json()["tag_color"]) == (201, {"id": 3})
    assert api.http.post(TAGS, json={"name": "winter"}).status_code == 409
    number = made.json()["id"]
    assert api.http.post(of_device, json={"id": number}).status_code == 201
    assert api.http.post(of_device, json={"id": number}).status_code == 409
    assert api.get(api.device_path("healthy")).json()["tags"].endswith("winter")
    assert api.http.delete(f"{of_device}/{number}").status_code == 200
    assert "winter" not in api.get(api.device_path("healthy")).json()["tags"]
    assert api.http.delete(f"{of_device}/999999").status_code == 404


def test_a_tag_needs_a_name_and_a_known_color(api: RoleClient) -> None:
    for body in ({}, {"name": "a, b"}, {"name": "x", "color": {"id": 99}}):
        assert api.http.post(TAGS, json=body).status_code == 422
