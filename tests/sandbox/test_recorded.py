"""What was recorded of emnify: headers and their casing, key order, dates, empty bodies, error objects."""

import base64
import gzip
import http.client
import json
import re
from urllib.parse import urlsplit

import jwt
import pytest

from .conftest import API, RoleClient, Start

OFFSET_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+0000")
ZULU_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def raw(
    api: RoleClient, method: str, path: str, body: object = None, **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    """Ask without a client that tidies header names."""
    connection = http.client.HTTPConnection(urlsplit(api.sandbox.base_url).netloc, timeout=20)
    sent = {"Authorization": api.http.headers["authorization"]} | headers
    connection.request(method, path, None if body is None else json.dumps(body), sent)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def names(answer: http.client.HTTPResponse) -> list[str]:
    return [name for name, _ in answer.getheaders()]


def test_a_sim_has_its_keys_in_the_recorded_order(api: RoleClient) -> None:
    sim = api.sim("healthy")
    assert list(sim)[:11] == [
        "id", "iccid", "production_date", "activation_date", "status", "customer_org", "issuer_org", "endpoint", "imsi",
        "msisdn", "model",
    ]  # fmt: skip
    assert list(sim["endpoint"])[:11] == [
        "id", "name", "imei", "created", "last_updated", "organisation_id", "service_profile_id", "tariff_profile_id",
        "tags", "ip_address", "ip_address_space_id",
    ]  # fmt: skip
    assert list(sim["model"]) == ["id", "description", "memory_size", "formfactor", "manufacturer"]
    assert OFFSET_DATE.fullmatch(sim["production_date"])
    assert OFFSET_DATE.fullmatch(sim["activation_date"])
    assert sim["status"] == {"id": 1, "description": "Activated"}


def test_a_listed_sim_is_the_same_as_its_details(api: RoleClient) -> None:
    sim = api.sim("healthy")
    assert api.found("/sim", q=f"id:{sim['id']}") == [sim]


def test_what_a_sim_lacks_has_no_key(api: RoleClient) -> None:
    assert "endpoint" not in api.sim("no_device")
    assert "activation_date" not in api.sim("fresh")
    assert "reseller_org" not in api.sim("healthy")
    assert "eid" not in api.sim("healthy")
    assert re.fullmatch(r"89[0-9]{30}", api.sim("euicc")["eid"])


def test_names_keep_their_trailing_blanks(api: RoleClient) -> None:
    formfactors = {sim["model"]["formfactor"]["name"] for sim in api.found("/sim", q="model:4")}
    assert formfactors == {"1/2/3FF (3in1) "}


def test_iccids_have_19_digits_and_a_valid_check_digit_apart(api: RoleClient) -> None:
    for sim in api.found("/sim"):
        assert re.fullmatch(r"8988303[0-9]{12}", sim["iccid"])
        digits = [int(digit) for digit in sim["iccid_with_luhn"]]
        doubled = [sum(divmod(2 * digit, 10)) if at % 2 == 0 else digit for at, digit in enumerate(digits)]
        assert sum(doubled) % 10 == 0
        assert sim["iccid_with_luhn"][:19] == sim["iccid"]
        assert re.fullmatch(r"[0-9]{15}", sim["imsi"])
        assert re.fullmatch(r"4236639?[0-9]{8,9}|55119[0-9]{8}", sim["msisdn"])


def test_the_backend_of_sims_writes_its_charset_in_capitals(api: RoleClient) -> None:
    answer, _ = raw(api, "GET", api.sim_path("healthy"))
    assert ("Content-Type", "application/json; charset=UTF-8") in answer.getheaders()
    assert "P3P" not in names(answer)


def test_the_backend_of_usage_is_the_old_one(api: RoleClient) -> None:
    answer, body = raw(api, "GET", api.sim_path("healthy", "/stats"))
    assert ("Content-Type", "application/json") in answer.getheaders()
    assert {"P3P", "x-amzn-Remapped-Server", "Expires"} <= set(names(answer))
    assert body.isascii()


def test_the_backend_of_events_writes_its_headers_small(api: RoleClient) -> None:
    answer, _ = raw(api, "GET", api.sim_path("healthy", "/event"))
    assert {
        ("Content-Type", "application/json; charset=utf-8"),
        ("x-count-per-page", "100"),
        ("x-sort", "id"),
        ("Link", ""),
        ("x-dns-prefetch-control", "off"),
        ("x-download-options", "noopen"),
        ("x-xss-protection", "1; mode=block"),
        ("x-amzn-Remapped-connection", "close"),
    } <= set(answer.getheaders())
    assert any(name == "etag" and value.startswith('W/"') for name, value in answer.getheaders())


def test_the_backend_of_devices_and_tokens_is_express(api: RoleClient) -> None:
    device, _ = raw(api, "GET", api.device_path("healthy"))
    assert {("X-Powered-By", "Express")} <= set(device.getheaders())
    assert "Etag" in names(device)
    sent = {"application_token": api.sandbox.tokens["enterprise"]}
    token, _ = raw(api, "POST", f"{API}/authenticate", sent)
    assert {("x-powered-by", "Express")} <= set(token.getheaders())
    assert "etag" in names(token)


def test_the_oldest_backend_says_what_it_does_with_what_it_knows(api: RoleClient) -> None:
    found, _ = raw(api, "GET", api.sim_path("healthy", "/stats"))
    p3p = ("P3P", 'CP="NOI ADM DEV PSAi COM NAV OUR OTRo STP IND DEM"')
    remapped = {("x-amzn-Remapped-Connection", "keep-alive"), ("x-amzn-Remapped-Server", "nginx")}
    assert {p3p, *remapped, ("Expires", found.getheader("Date"))} <= set(found.getheaders())
    refused, _ = raw(api, "PATCH", f"{API}/sim_batch/bic/%230000", {})
    assert refused.status == 422
    assert p3p in refused.getheaders()
    assert "Expires" not in names(refused)


def test_the_gateway_allows_the_headers_and_methods_that_were_recorded(api: RoleClient) -> None:
    allowed = (
        "Authorization,DNT,X-CustomHeader,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,"
        "Content-Type,X-Count-Per-Page,X-Current-Page,X-Sort,X-Total-Count,X-Total-Pages"
    )
    for path in (f"{API}/sim/1", f"{API}/event", f"{API}/endpoint", api.sim_path("healthy", "/stats")):
        answer, _ = raw(api, "GET", path)
        assert {
            ("Access-Control-Allow-Headers", allowed),
            ("Access-Control-Allow-Methods", "GET, POST, PATCH, PUT, DELETE"),
            ("Access-Control-Allow-Origin", "*"),
            ("Access-Control-Expose-Headers", f"{allowed},Location,X-Count,X-Per-Page,X-Pages,X-Page"),
            ("Access-Control-Max-Age", "86400"),
        } <= set(answer.getheaders())


def test_the_old_backend_escapes_slashes(api: RoleClient) -> None:
    _, body = raw(api, "GET", f"{API}/sim_batch/bic/%237K2M9QWE4RTZ8AB")
    assert b"4in1 1\\/2 size" in body


def test_every_answer_came_through_cloudfront(api: RoleClient) -> None:
    for path, cache in ((api.sim_path("healthy"), "Miss"), (f"{API}/sim/1", "Error"), (f"{API}/event", "Miss")):
        answer, _ = raw(api, "GET", path)
        headers = dict(answer.getheaders())
        assert headers["X-Cache"] == f"{cache} from cloudfront"
        assert headers["Server"] == "CloudFront"
        assert headers["Via"].endswith("(CloudFront)")
        assert {"X-Amz-Cf-Id", "X-Amz-Cf-Pop", "x-amz-apigw-id", "x-amzn-RequestId"} <= set(headers)
        assert names(answer).count("Date") == 1
        lower = {name.lower(): value for name, value in headers.items()}
        assert lower["cache-control"] == "max-age=0"
        assert lower["strict-transport-security"] == "max-age=31536000"
        assert lower["x-frame-options"] == "DENY"
        assert "X-Total-Pages" in lower["access-control-expose-headers"]
        assert not [name for name in lower if "ratelimit" in name]


def test_answers_are_zipped_for_those_who_accept_it(api: RoleClient) -> None:
    zipped, body = raw(api, "GET", api.sim_path("healthy"), **{"Accept-Encoding": "gzip, deflate"})
    assert (zipped.getheader("Content-Encoding"), zipped.getheader("Vary")) == ("gzip", "Accept-Encoding")
    plain, same = raw(api, "GET", api.sim_path("healthy"))
    assert plain.getheader("Content-Encoding") is None
    assert gzip.decompress(body) == same


def test_an_update_answers_204_with_length_0_and_json(start: Start) -> None:
    api = start()
    answer, body = raw(api, "PATCH", api.sim_path("healthy"), {"status": {"id": 2, "description": "Suspended"}})
    assert (answer.status, body) == (204, b"")
    assert answer.getheader("Content-Length") == "0"
    assert answer.getheader("Content-Type") == "application/json"


def test_a_float_id_is_tolerated(start: Start) -> None:
    api = start()
    assert api.http.patch(api.device_path("healthy"), json={"status": {"id": 1.0}}).status_code == 204
    assert api.http.patch(api.sim_path("healthy"), json={"status": {"id": 2.0}}).status_code == 204
    assert api.sim("healthy")["status"]["id"] == 2


def test_422_has_an_empty_reason(api: RoleClient) -> None:
    answer, body = raw(api, "GET", f"{API}/sim?q=nonsense:1")
    assert (answer.status, answer.reason) == (422, "")
    assert json.loads(body) == {
        "error_code": 1301, "error_token": "InvalidQueryCriteria", "message": "Search criteria nonsense:1 is invalid",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["None", "1.5", "abc", "9" * 30])
def test_an_id_that_is_no_number_is_a_bad_request(api: RoleClient, text: str) -> None:
    answer = api.get(f"/sim/{text}")
    assert answer.status_code == 400
    assert answer.json() == {
        "error_code": 1000,
        "error_token": "BadRequest",
        "message": f'Cannot parse parameter id as Long: For input string: "{text}"',
    }


def test_an_unknown_device_is_an_invalid_reference(api: RoleClient) -> None:
    answer = api.http.patch(f"{API}/endpoint/-1", json={"name": "x"})
    assert answer.status_code == 404
    message = "Endpoint with Id '-1' not found."
    assert answer.json() == {"error_code": 1401, "error_token": "InvalidReference", "message": message}


def test_an_unknown_profile_is_named_inside_the_error(api: RoleClient) -> None:
    answer = api.http.patch(api.device_path("healthy"), json={"service_profile": {"id": -1}})
    assert answer.status_code == 422
    assert answer.json() == {
        "error_code": 1400,
        "error_token": "InputValidationFailed",
        "message": "Update endpoint validation error",
        "errors": [
            {
                "error_code": 1401,
                "error_token": "InvalidReference",
                "message": "Service profile with Id '-1' not found.",
            }
        ],
    }


def test_registering_answers_id_and_iccid_only(start: Start) -> None:
    api = start()
    answer, body = raw(api, "PATCH", f"{API}/sim_batch/bic/%2331F6E2S6XTR3NEY", {"sim_status": {"id": 1}})
    assert answer.status == 200
    assert {tuple(sim) for sim in json.loads(body)["sim"]} == {("id", "iccid")}


@pytest.mark.parametrize("scenario", ["batch_unknown", "batch_registered", "batch_foreign"])
def test_a_registration_that_is_refused_does_not_say_why(api: RoleClient, scenario: str) -> None:
    bic = str(api.scenario(scenario)["bic"]).replace("#", "%23")
    answer, body = raw(api, "PATCH", f"{API}/sim_batch/bic/{bic}", {"sim_status": {"id": 1}})
    assert (answer.status, answer.reason, body) == (422, "", b"")
    assert answer.getheader("Content-Type") == "text/html; charset=UTF-8"


def test_an_event_has_its_keys_in_the_recorded_order(start: Start) -> None:
    api = start()
    assert api.set_status("fresh", 1).status_code == 204
    event = api.events("fresh")[-1]
    assert list(event) == [
        "timestamp", "alert", "description", "id", "event_type", "event_source", "event_severity", "organisation",
        "sim", "imsi",
    ]  # fmt: skip
    assert ZULU_DATE.fullmatch(event["timestamp"])
    assert event["description"] == "Status of SIM changed from 'Issued' to 'Activated'"
    assert event["event_type"] == {"id": 8, "description": "SIM activation"}
    assert event["event_source"] == {"id": 2, "description": "API"}
    assert event["event_severity"] == {"id": 0, "description": "Info"}
    assert list(event["sim"]) == ["iccid", "id", "production_date"]
    assert list(event["imsi"]) == ["id", "import_date", "imsi"]


def test_event_ids_are_up_to_16_digits_and_follow_time(api: RoleClient) -> None:
    events = api.found("/event", per_page=1000)
    ids = [event["id"] for event in events]
    assert ids == sorted(set(ids))
    assert max(ids) < 10**16
    assert [event["timestamp"] for event in events] == sorted(event["timestamp"] for event in events)


def test_an_offline_device_has_neither_id_nor_location(api: RoleClient) -> None:
    answer = api.get(api.device_path("went_silent", "/connectivity"))
    assert answer.text == '{"status":{"description":"OFFLINE"},"services":[]}'


def test_a_reset_of_connectivity_answers_204_as_html(start: Start) -> None:
    api = start()
    answer, body = raw(api, "PATCH", api.device_path("healthy", "/connectivity"), {"pdp_context": None})
    assert (answer.status, body) == (204, b"")
    assert answer.getheader("Content-Type") == "text/html; charset=UTF-8"
    assert api.events("healthy", "type:68")


def test_a_device_has_its_keys_in_the_recorded_order(api: RoleClient) -> None:
    device = api.get(api.device_path("disabled_device")).json()
    assert list(device) == [
        "id", "created", "last_updated", "name", "tags", "ip_address", "imei", "imei_lock", "status", "tariff_profile",
        "service_profile", "ip_address_space", "sim",
    ]  # fmt: skip
    assert device["status"] == {"id": 1, "description": "Disabled"}
    assert re.fullmatch(r"[0-9]{16}", device["imei"])
    assert list(device["sim"]) == ["id", "iccid", "iccid_with_luhn", "sim_profile_type_id", "status", "imsi", "msisdn"]
    assert list(device["ip_address_space"]) == ["id", "ip_address_space", "ip_address_version"]


def test_a_list_of_devices_has_the_newer_page_headers_too(api: RoleClient) -> None:
    answer = api.get("/endpoint", per_page=5)
    headers = answer.headers
    assert (headers["x-per-page"], headers["x-page"]) == ("5", "1")
    assert (headers["x-count"], headers["x-pages"]) == (headers["x-total-count"], headers["x-total-pages"])
    assert list(answer.json()[0]["ip_address_space"]) == ["id"]


def test_a_token_is_an_hs512_jwt_of_four_hours(api: RoleClient) -> None:
    answer = api.http.post(f"{API}/authenticate", json={"application_token": api.sandbox.tokens["enterprise"]})
    assert list(answer.json()) == ["auth_token"]
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    head, body, _ = answer.json()["auth_token"].split(".")
    assert base64.urlsafe_b64decode(head + "==") == b'{"alg":"HS512","typ":"JWT"}'
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    assert list(claims) == [
        "esc.org", "esc.orgName", "api_key", "esc.app", "esc.mainOrg", "iat", "exp", "aud", "iss",
    ]  # fmt: skip
    assert claims["exp"] - claims["iat"] == 14_400
    assert (claims["aud"], claims["iss"]) == ("/api/v1/authentication", "esa-api")


@pytest.mark.parametrize("path", ["/sim", "/sim/1", "/event", "/nothing/here"])
def test_a_bearer_that_is_no_token_is_refused_by_the_gateway(api: RoleClient, path: str) -> None:
    answer, body = raw(api, "GET", API + path, Authorization="Bearer None")
    assert (answer.status, answer.reason) == (401, "Unauthorized")
    assert answer.getheader("Content-Type") == "application/json"
    assert answer.getheader("x-amzn-ErrorType") == "AccessDeniedException"
    assert answer.getheader("X-Cache") == "Error from cloudfront"
    assert json.loads(body) == {"message": "token contains an invalid number of segments"}


def test_a_foreign_signature_is_refused(api: RoleClient) -> None:
    forged = jwt.encode({"esc.org": 13886, "exp": 9_999_999_999, "aud": "/api/v1/authentication"}, "k" * 64, "HS512")
    answer = api.http.get(f"{API}/sim", headers={"Authorization": f"Bearer {forged}"})
    assert (answer.status_code, answer.json()) == (401, {"message": "signature is invalid"})
