"""Input that nobody would send on purpose: answered as an error, and the server lives on."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .conftest import API, RoleClient, Start

IDS = st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=5))
VALUES = st.one_of(IDS, st.fixed_dictionaries({"id": IDS}), st.lists(IDS, max_size=3))
FIELDS = [
    "name", "tags", "status", "sim", "sims", "iccids", "iccid_range", "target_workspace", "action", "target",
    "service_profile", "pdp_context", "sim_status", "issuer_org", "application_token", "username", "dry_run", "product",
]  # fmt: skip
BODIES = st.one_of(VALUES, st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5))
UNKNOWN = [
    ("PATCH", "/sim/2500065"),
    ("PATCH", "/endpoint/11380000"),
    ("PATCH", "/endpoint/11380000/connectivity"),
    ("PATCH", "/sim_batch/bic/%235A1BC2DE3FG4HJ5"),
    ("DELETE", "/sim/multi"),
    ("POST", "/sim/operation"),
    ("POST", "/sim/migration/workspace"),
    ("POST", "/authenticate"),
]


@pytest.fixture(scope="module")
def rough(start_once: Start) -> RoleClient:
    return start_once()


@settings(max_examples=150)
@given(body=BODIES, where=st.sampled_from(UNKNOWN))
def test_no_body_breaks_the_server(rough: RoleClient, body: object, where: tuple[str, str]) -> None:
    method, path = where
    content = json.dumps(body)
    assert rough.http.request(method, API + path, content=content).status_code < 500
    assert rough.http.get("/sandbox/requests", params={"since": 0}).status_code == 200
    rough.http.delete("/sandbox/requests")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"name": "\\ud800"}',
        b'{"name": NaN}',
        b'{"name": null}',
        b'{"name": ""}',
    ],
)
def test_a_body_that_cannot_be_is_refused(rough: RoleClient, content: bytes) -> None:
    assert rough.http.patch(f"{API}/endpoint/11380000", content=content).status_code in {400, 422}
    assert rough.http.get("/sandbox/requests").status_code == 200


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2026-02-30", "\u0661\u0662\u0663\u0664-01-01", ""])
@pytest.mark.parametrize("name", ["start_date", "end_date"])
def test_no_date_breaks_the_server(rough: RoleClient, name: str, day: str) -> None:
    assert rough.get("/sim/2500000/stats/daily", **{name: day}).status_code in {200, 400}


@pytest.mark.parametrize("sort", ["id\n", " id", "id,\r\nX-Evil: 1", "-id\t"])
@pytest.mark.parametrize("path", ["/sim", "/endpoint", "/event", "/sim/operation"])
def test_no_order_writes_a_header(rough: RoleClient, path: str, sort: str) -> None:
    answer = rough.get(path, sort=sort)
    assert answer.status_code in {200, 400, 422}
    assert "x-evil" not in answer.headers
