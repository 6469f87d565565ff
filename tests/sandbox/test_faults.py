"""The bad days: what goes wrong, how often, where, and whether the request was carried out all the same."""

import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_mcp.sandbox import Fault, Faults, Unknowns

from .conftest import API, RoleClient, Start

DROPPED = (httpx.RemoteProtocolError, httpx.ReadError)


def broken(api: RoleClient, *faults: str) -> RoleClient:
    assert api.http.put("/sandbox/faults", json=list(faults)).status_code == 200
    return api


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("throttle", {"kind": "throttle"}),
        ("throttle=0.1", {"kind": "throttle", "chance": 0.1}),
        ("latency=0.2", {"kind": "latency", "value": 0.2}),
        ("latency=0.2:0.5", {"kind": "latency", "value": 0.2, "chance": 0.5}),
        ("error=503:0.05", {"kind": "error", "value": 503, "chance": 0.05}),
        (
            "error=503:x3@GET /api/v1/sim",
            {"kind": "error", "value": 503, "times": 3, "method": "GET", "path": "/api/v1/sim"},
        ),
        ("drop=x1@/sim", {"kind": "drop", "times": 1, "path": "/sim"}),
        ("drop_after=0.05@patch", {"kind": "drop_after", "chance": 0.05, "method": "PATCH"}),
        ("expire_tokens", {"kind": "expire_tokens", "times": 1}),
    ],
)
def test_a_fault_is_read(text: str, fault: dict[str, object]) -> None:
    (found,) = Faults.parse([text]).rules
    for name, value in fault.items():
        assert getattr(found, name) == value


@pytest.mark.parametrize(
    "text", ["", "gremlins", "error", "error=200", "error=x", "latency", "throttle=2", "throttle=-1", "throttle=often"]
)
def test_a_fault_that_is_none_is_explained(text: str) -> None:
    with pytest.raises(ValueError, match=r"fault '.*'"):
        Faults.parse([text])


@given(
    st.sampled_from(["throttle", "drop", "truncate", "empty", "malformed", "expire_tokens", "latency", "error"]),
    st.sampled_from(["", "0.25", "1", "x3"]),
    st.sampled_from(["", "@GET", "@/sim", "@PATCH /api/v1/sim"]),
)
def test_a_fault_is_written_as_it_is_read(kind: str, often: str, where: str) -> None:
    value = {"latency": "0.5", "error": "503"}.get(kind, "")
    parts = ":".join(part for part in (value, often) if part)
    fault = Fault.parse(f"{kind}{'=' if parts else ''}{parts}{where}")
    assert Fault.parse(str(fault)) == fault


def test_throttling_answers_429_and_ends_after_its_count(start: Start) -> None:
    api = start(faults=Faults.parse(["throttle=x2@/api/v1/sim"]))
    answers = [api.get("/sim", per_page=1) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].json() == {"message": "Too Many Requests"}
    assert "retry-after" not in answers[0].headers


@pytest.mark.parametrize(("choice", "size"), [("error", True), ("empty", False)])
def test_how_throttling_answers_can_be_chosen(start: Start, choice: str, size: bool) -> None:
    unknowns = Unknowns.parse([f"throttle_body={choice}", "retry_after=7"])
    api = start(unknowns=unknowns, faults=Faults.parse(["throttle@/api/v1/sim"]))
    answer = api.get("/sim")
    assert (answer.status_code, answer.headers["retry-after"], bool(answer.content)) == (429, "7", size)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_error_is_answered_without_acting(start: Start, status: int) -> None:
    api = broken(start(), f"error={status}:x1@PATCH")
    answer = api.set_status("healthy", 2)
    assert (answer.status_code, list(answer.json())) == (status, ["message"])
    assert api.sim("healthy")["status"]["id"] == 1


def test_an_error_may_come_after_acting(start: Start) -> None:
    api = broken(start(), "error_after=504:x1@PATCH")
    assert api.set_status("healthy", 2).status_code == 504
    assert api.sim("healthy")["status"]["id"] == 2


@pytest.mark.parametrize(("kind", "status"), [("drop", 1), ("drop_after", 2)])
def test_a_dropped_connection_says_nothing_of_the_outcome(start: Start, kind: str, status: int) -> None:
    api = broken(start(), f"{kind}=x1@PATCH")
    with pytest.raises(DROPPED):
        api.set_status("healthy", 2)
    assert api.sim("healthy")["status"]["id"] == status


def test_a_truncated_answer_ends_too_soon(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    api = broken(start(), "truncate=x1")
    with api.http.stream("GET", f"{API}/sim") as answer:
        assert answer.status_code == 200
        assert int(answer.headers["content-length"]) > 1000
        with pytest.raises(DROPPED):
            answer.read()
    assert capfd.readouterr() == ("", "")
    assert len(api.found("/sim", per_page=4)) == 4


def test_an_answer_may_be_empty_or_no_json(start: Start) -> None:
    api = broken(start(), "empty=x1")
    answer = api.get(api.sim_path("healthy"))
    assert (answer.status_code, answer.content) == (200, b"")
    broken(api, "malformed=x1")
    with pytest.raises(json.JSONDecodeError):
        api.get(api.sim_path("healthy")).json()
    assert api.sim("healthy")


def test_an_expired_token_is_refused_until_renewed(start: Start) -> None:
    api = broken(start(), "expire_tokens")
    for _ in range(2):
        answer = api.get("/sim")
        assert (answer.status_code, answer.json()) == (401, {"message": "Token is expired"})
    assert api.as_role("enterprise").get("/sim").status_code == 200


def test_latency_delays_one_request_and_not_the_others(start: Start) -> None:
    api = broken(start(), "latency=30:x1@/api/v1/sim/1")
    with pytest.raises(httpx.ReadTimeout):
        api.http.get(f"{API}/sim/1", timeout=0.3)
    assert api.get("/sim", per_page=1).status_code == 200


def test_chance_is_the_same_for_the_same_seed(start: Start) -> None:
    runs = []
    for seed in (5, 5, 6):
        api = start(seed=seed, faults=Faults.parse(["error=503:0.5@/sim/status"]))
        runs.append([api.get("/sim/status").status_code for _ in range(40)])
    assert runs[0] == runs[1] != runs[2]
    assert 8 < runs[0].count(503) < 32


def test_faults_may_hit_authentication(start: Start) -> None:
    api = broken(start(), "error=503:x1@POST /api/v1/authenticate")
    sent = {"application_token": api.sandbox.tokens["enterprise"]}
    assert [api.http.post(f"{API}/authenticate", json=sent).status_code for _ in range(2)] == [503, 200]


def test_the_control_plane_is_never_hit(start: Start) -> None:
    api = broken(start(), "throttle", "drop")
    assert api.http.get("/sandbox/faults").json() == ["throttle", "drop"]
    broken(api)
    assert api.get("/sim").status_code == 200
