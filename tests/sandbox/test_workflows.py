"""What others automate over emnify's API works here, request by request: seventeen published workflows.

They are those of the public `api-evangelist/emnify` repository (`arazzo/`), whose steps these follow.
"""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from .conftest import RoleClient, Start

PROFILES = {"service_profile": {"id": 438035}, "tariff_profile": {"id": 424560}, "status": {"id": 0}}
QUOTA = {
    "status": {"id": "1"},
    "volume": 500,
    "expiry_date": "2026-12-31 00:00:00",
    "action_on_exhaustion": {"id": "1"},
    "threshold_percentage": 20,
}


class Run:
    """Send the requests of a workflow; each has to answer as the workflow expects."""

    def __init__(self, api: RoleClient) -> None:
        self.api = api

    def __call__(self, status: int, method: str, path: str, body: object = None) -> httpx.Response:
        path = path if path.startswith("/api/") else f"/api/v1{path}"
        answer = self.api.http.request(method, path, json=body)
        assert answer.status_code == status, (method, path, answer.text)
        return answer

    def device(self, key: str) -> str:
        return f"/endpoint/{self.api.scenario(key)['device_id']}"

    def created(self, **body: object) -> str:
        return "/endpoint/" + self(201, "POST", "/endpoint", PROFILES | body).headers["location"].rpartition("/")[2]


def block_operator(run: Run) -> None:
    operator = run(200, "GET", "/operator").json()[0]["id"]
    run(204, "PUT", f"{run.device('healthy')}/operator_blacklist/{operator}")


def check_connectivity(run: Run) -> None:
    assert run(200, "GET", run.device("healthy")).json()["status"]["id"] == 0
    assert run(200, "GET", f"{run.device('healthy')}/connectivity").json()["status"]["description"]


def create_and_tag(run: Run) -> None:
    tag = run(201, "POST", "/api/v2/tags", {"name": "field"}).json()["id"]
    device = run.created(name="Pump 7")
    run(201, "POST", f"/api/v2{device}/tags", {"id": tag})
    assert run(200, "GET", device).json()["tags"] == "field"


def decommission(run: Run) -> None:
    device = run(200, "GET", run.device("healthy")).json()
    run(204, "PATCH", f"/sim/{device['sim']['id']}", {"status": {"id": 2}})
    run(409, "DELETE", f"/endpoint/{device['id']}")
    run(204, "PATCH", f"/endpoint/{device['id']}", {"sim": {"id": None}})
    run(204, "DELETE", f"/endpoint/{device['id']}")


def extend_limit_when_blocked(run: Run) -> None:
    device = run.device("traffic_limit")
    assert run(200, "GET", f"{device}/connectivity").json()["status"]["description"] == "BLOCKED"
    assert run(201, "POST", f"{device}/traffic_limit_extension", {"volume": 100}).json()["volume"] == 100


def find_sim_and_provision(run: Run) -> None:
    sim = run(200, "GET", "/sim?q=status:0,endpoint:null&per_page=1&sort=id&page=1").json()[0]
    assert run(200, "GET", run.created(name="Pump 7", sim={"id": sim["id"]})).json()["sim"]["id"] == sim["id"]


def usage_of_device(run: Run) -> None:
    device = run.device("healthy")
    assert run(200, "GET", f"{device}/stats").json()["current_month"]["data"]["volume"]
    assert run(200, "GET", f"{device}/stats/daily").json()[-1]["date"] == "TOTAL"


def locate(run: Run) -> None:
    assert run(200, "GET", f"{run.device('healthy')}/connectivity_info").json()["subscriber_info"]["success"]


def volume_report(run: Run) -> None:
    assert run(200, "GET", "/organisation/my").json()["name"] == "Alpenwerk Devices"
    assert run(200, "GET", "/organisation/my/inclusive_volume/active").json() == []
    assert run(200, "GET", "/stats/daily").json()[-1]["date"] == "TOTAL"


def provision_and_activate(run: Run) -> None:
    sim = run(200, "GET", "/sim?q=status:0,endpoint:null&per_page=1").json()[0]["id"]
    run.created(name="Pump 7", sim={"id": sim, "activate": False})
    run(204, "PATCH", f"/sim/{sim}", {"status": {"id": 1}})


def register_batch(run: Run) -> None:
    bic = run.api.scenario("batch_registrable")["bic"].replace("#", "%23")
    assert run(200, "GET", f"/sim_batch/bic/{bic}").json()["quantity"]
    assert run(200, "PATCH", f"/sim_batch/bic/{bic}", {"sim_status": {"id": 1}}).json()["sim"]


def reset_when_blocked(run: Run) -> None:
    device = run.device("traffic_limit")
    assert run(200, "GET", f"{device}/connectivity").json()["status"]["description"] == "BLOCKED"
    run(204, "PATCH", f"{device}/connectivity", {"location": None, "pdp_context": None})


def send_sms_and_track(run: Run) -> None:
    device = run.device("healthy")
    run(201, "POST", f"{device}/sms", {"payload": "reboot"})
    run.api.advance(5)
    assert run(200, "GET", f"{device}/sms").json()[0]["status"]["description"] == "DELIVERED"


def send_sms(run: Run) -> None:
    assert run(200, "GET", run.device("healthy")).json()["sim"]
    run(201, "POST", f"{run.device('healthy')}/sms", {"payload": "reboot", "source_address": "12345"})


def set_data_quota(run: Run) -> None:
    run(404, "GET", f"{run.device('healthy')}/quota/data")
    run(201, "POST", f"{run.device('healthy')}/quota/data", QUOTA)


def set_sms_quota(run: Run) -> None:
    run(404, "GET", f"{run.device('healthy')}/quota/sms")
    run(201, "POST", f"{run.device('healthy')}/quota/sms", QUOTA)


def suspend_when_active(run: Run) -> None:
    sim = f"/sim/{run.api.sim_id('healthy')}"
    assert run(200, "GET", sim).json()["status"]["id"] == 1
    run(204, "PATCH", sim, {"status": {"id": 2}})


WORKFLOWS: list[Callable[[Run], Any]] = [
    block_operator,
    check_connectivity,
    create_and_tag,
    decommission,
    extend_limit_when_blocked,
    find_sim_and_provision,
    usage_of_device,
    locate,
    volume_report,
    provision_and_activate,
    register_batch,
    reset_when_blocked,
    send_sms_and_track,
    send_sms,
    set_data_quota,
    set_sms_quota,
    suspend_when_active,
]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda each: each.__name__)
def test_a_published_workflow_runs_to_its_end(start: Start, workflow: Callable[[Run], Any]) -> None:
    workflow(Run(start()))
