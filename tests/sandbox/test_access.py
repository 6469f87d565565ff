"""Who may ask, how often, and what is written down about it."""

import hashlib
import json

import anyio
import httpx
import pytest

from sim_mcp.sandbox import Sandbox, SandboxSettings, Unknowns, running
from sim_mcp.sandbox.api.limits import Limits

from .conftest import API, NOON, RoleClient, Start


def authenticate(api: RoleClient, body: object) -> httpx.Response:
    return api.http.post(f"{API}/authenticate", json=body)


def test_a_revoked_token_is_refused_with_an_empty_body_and_an_event(start: Start) -> None:
    api = start()
    answer = authenticate(api, {"application_token": api.sandbox.tokens["revoked"]})
    assert (answer.status_code, answer.content) == (401, b"")
    (event,) = api.found("/event", q="type:7")
    assert "Reason: TokenStatus Revoked from IP 127.0.0.1" in event["description"]
    assert "sim" not in event


@pytest.mark.parametrize("body", [{}, [], None, {"application_token": 5}, {"application_token": ""}])
def test_a_request_for_a_token_that_names_none_is_malformed(api: RoleClient, body: object) -> None:
    assert authenticate(api, body).status_code == 400


def test_three_failures_lock_the_account_for_five_minutes(start: Start) -> None:
    api = start()
    wrong = {"application_token": "no such token"}
    answers = [authenticate(api, wrong) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [401] * 4
    assert [bool(answer.content) for answer in answers] == [False, False, False, True]
    assert answers[3].json()["error_code"] == 1105
    assert authenticate(api, {"application_token": api.sandbox.tokens["enterprise"]}).status_code == 200
    api.advance(301)
    assert authenticate(api, wrong).content == b""


def test_a_person_gets_a_token_to_refresh_and_appears_in_events(start: Start) -> None:
    api = start()
    name, password = next(iter(api.http.get("/sandbox").json()["users"].items()))
    digest = hashlib.sha1(password.encode()).hexdigest()  # noqa: S324  # that is how the API wants it
    first = authenticate(api, {"username": name, "password": digest}).json()
    assert list(first) == ["auth_token", "refresh_token"]
    again = authenticate(api, {"refresh_token": first["refresh_token"]}).json()
    api.http.headers["Authorization"] = f"Bearer {again['auth_token']}"
    api.set_status("healthy", 2)
    assert api.events("healthy")[-1]["user"]["username"] == name
    sims = [{"id": api.sim_id(key)} for key in ("no_device", "new_device")]
    wanted = {"sims": sims, "target_workspace": {"id": 13888}, "auto_detach_devices": True}
    rehearsed = api.http.post(f"{API}/sim/migration/workspace", json=wanted).json()
    assert (rehearsed["sim_count"], rehearsed["dry_run"]) == (2, True)
    assert api.sim("no_device")["status"]["id"] == 1
    assert api.http.post(f"{API}/sim/migration/workspace", json=wanted | {"dry_run": False}).status_code == 200
    assert api.get(api.sim_path("new_device")).status_code == 404
    migrated = api.as_role("issuer").sim("new_device")
    assert (migrated["customer_org"]["id"], migrated["status"]["id"], "endpoint" in migrated) == (13888, 2, False)


def test_a_token_lives_for_four_hours_of_the_sandbox(start: Start) -> None:
    api = start()
    token = dict(api.http.headers)
    api.http.post("/sandbox/clock", json={"advance_s": 14_300})
    assert api.http.get(f"{API}/sim/status", headers=token).status_code == 200
    api.http.post("/sandbox/clock", json={"advance_s": 101})
    answer = api.http.get(f"{API}/sim/status", headers=token)
    assert (answer.status_code, answer.json()) == (401, {"message": "Token is expired"})


def test_a_lapsed_token_may_be_refused_by_the_application(start: Start) -> None:
    api = start(unknowns=Unknowns(expired_token="application"))
    api.http.post("/sandbox/clock", json={"advance_s": 20_000})
    assert api.get("/sim").json()["error_token"] == "TokenExpired"


@pytest.mark.parametrize(("choice", "text"), [("unauthorized", "Unauthorized"), ("segments", "invalid number")])
def test_no_token_at_all_is_refused(start: Start, choice: str, text: str) -> None:
    api = start(unknowns=Unknowns.parse([f"missing_token={choice}"]))
    answer = httpx.get(f"{api.sandbox.base_url}{API}/sim")
    assert answer.status_code == 401
    assert text in answer.json()["message"]


def test_an_unknown_path_is_not_found(api: RoleClient) -> None:
    for path in ("/sim/1/stats/month", "/sim/1/stats/day", "/nothing"):
        assert api.get(path).status_code == 404


# Limits


def test_without_limits_nobody_is_slowed_down(api: RoleClient) -> None:
    assert {api.get("/sim", per_page=1).status_code for _ in range(30)} == {200}


def test_the_burst_of_a_path_is_kept(start: Start) -> None:
    api = start(limits=True)
    answers = [api.get("/sim", per_page=1).status_code for _ in range(40)]
    assert answers[:5] == [200] * 5
    assert 429 in answers
    assert api.get(api.sim_path("healthy")).status_code == 200
    assert api.as_role("issuer").get("/sim", per_page=1).status_code == 200


def test_an_address_authenticates_a_hundred_times(start: Start) -> None:
    api = start(limits=True)
    body = {"application_token": api.sandbox.tokens["issuer"]}
    answers = [authenticate(api, body).status_code for _ in range(101)]
    assert answers.count(200) == 99  # the api itself has authenticated once
    assert answers[99:] == [429, 429]


# The control plane


def test_requests_are_written_down_without_secrets(start: Start) -> None:
    api = start()
    api.set_status("healthy", 2)
    api.get("/sim", q="status:1")
    authenticate(api, {"application_token": api.sandbox.tokens["enterprise"]})
    log = api.http.get("/sandbox/requests").json()
    assert [(entry["method"], entry["path"], entry["query"], entry["status"]) for entry in log] == [
        ("PATCH", api.sim_path("healthy"), "", 204),
        ("GET", f"{API}/sim", "q=status%3A1", 200),
        ("POST", f"{API}/authenticate", "", 200),
    ]
    assert log[0]["body"] == {"status": {"id": 2}}
    assert log[2]["body"] == {"application_token": "***"}
    assert api.sandbox.tokens["enterprise"] not in json.dumps(log)
    assert "Bearer" not in json.dumps(log)
    assert api.http.get("/sandbox/requests", params={"since": log[1]["n"]}).json() == log[2:]
    assert api.http.delete("/sandbox/requests").status_code == 204
    assert api.http.get("/sandbox/requests").json() == []


def test_the_sandbox_says_what_it_is(api: RoleClient) -> None:
    about = api.http.get("/sandbox").json()
    assert about["base_url"] == api.sandbox.base_url
    assert about["tokens"] == dict(api.sandbox.tokens)
    assert about["settings"]["unknowns"]["q_match"] == "substring"
    assert "GET /api/v1/sim/{id}/event" in about["routes"]
    page = api.http.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "quota_exhausted" in page.text


@pytest.mark.parametrize("body", [{"advance_s": -1}, {}, [], {"advance_s": "soon"}, {"advance_s": 1e400}])
def test_a_clock_only_moves_forward(api: RoleClient, body: object) -> None:
    answer = api.http.post("/sandbox/clock", content=json.dumps(body))
    assert answer.status_code == 422


@pytest.mark.parametrize("body", ["throttle", [1], ["gremlins"], {"throttle": 1}])
def test_faults_that_are_none_change_nothing(api: RoleClient, body: object) -> None:
    assert api.http.put("/sandbox/faults", json=body).status_code == 422
    assert api.http.get("/sandbox/faults").json() == []


def test_other_web_pages_are_kept_out_of_the_control_plane(api: RoleClient) -> None:
    for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
        assert api.http.get("/sandbox", headers=headers).status_code == 403


async def test_it_runs_in_the_loop_of_a_caller_that_is_busy() -> None:
    async with running(SandboxSettings(clock=NOON, sims=40)) as sandbox, httpx.AsyncClient() as client:
        sent = {"application_token": sandbox.tokens["enterprise"]}
        answer = await client.post(f"{sandbox.base_url}{API}/authenticate", json=sent)
        client.headers["Authorization"] = f"Bearer {answer.json()['auth_token']}"
        statuses: list[int] = []

        async def ask() -> None:
            statuses.append((await client.get(f"{sandbox.base_url}{API}/sim/2500000")).status_code)

        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(ask)
        assert statuses == [200] * 50
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(sandbox.base_url)


async def fail_beside(sandboxes: list[Sandbox]) -> None:
    async with running(SandboxSettings(sims=40)) as sandbox:
        sandboxes.append(sandbox)
        raise KeyError


async def test_a_failing_caller_still_ends_the_sandbox() -> None:
    sandboxes: list[Sandbox] = []
    with pytest.raises(KeyError):
        await fail_beside(sandboxes)
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(sandboxes[0].base_url)


def test_a_shorter_window_allows_as_much_less(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    limits = Limits(window_s=3.0)
    monkeypatch.setattr("sim_mcp.sandbox.api.limits.time.monotonic", lambda: now)

    def allowed() -> int:
        return sum(limits.address_allows("127.0.0.1", authenticating=False) for _ in range(100))

    assert allowed() == 20
    now += 2.9
    assert allowed() == 0
    now += 0.1
    assert allowed() == 20
