"""The whole of it: one person asks, another approves in a browser, a server is killed, another one finishes, once."""

import csv
import json
import os
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from io import StringIO
from typing import Any

import anyio
import anyio.to_thread
import httpx
import psycopg
import pytest
from mcp import Client
from playwright.async_api import Browser, Page, expect

from tests.company.topology import SERVERS, Company
from tests.processes.test_serving import Era
from tests.signin.signing_in import Memory, Person, signed_in
from tests.signin.test_in_a_browser import sign_in
from tests.support import structured, unencrypted

SIMS = 40
SUSPENDED = 2
BY_BOB = "a person, on the approval page: bob@example.com"


@pytest.mark.parametrize(("asks", "looks", "after"), [("auto", "legacy", 7), ("legacy", "auto", 25)])
async def test_what_one_asks_for_another_approves_and_a_killed_server_leaves_another_finishes_once(
    ours: Company, browser: Browser, asks: Era, looks: Era, after: int
) -> None:
    alice = partial(signed_in, f"{ours.address}/mcp", Person("alice"), Memory(), asks)
    bobs = Memory()
    async with unencrypted(ours.sandbox) as emnify:
        sims = await activated(emnify, SIMS)
        # emnify takes its time, so that what is killed is killed with a write on its way.
        (await emnify.put("/sandbox/faults", json=["latency=0.2@PATCH"])).raise_for_status()
        async with alice() as client:
            waiting = structured(await client.call_tool("set_sim_status", {"sims": [*sims], "status": "suspended"}))
        plan = waiting["plan"]
        assert (waiting["state"], waiting["approve_at"]) == (
            "waiting for approval",
            f"{ours.address}/approvals/{plan}",
        )
        async with signed_in(f"{ours.address}/mcp", Person("bob"), bobs, looks) as client:
            # Approving is for the pages: a model that Bob commands does not even see it.
            assert structured(await client.call_tool("list_changes", {}))["total"] == 0

        context = await browser.new_context(ignore_https_errors=True)
        page = await context.new_page()
        await open_as_bob(page, ours, plan)
        async with anyio.create_task_group() as calls:
            calls.start_soon(go_on, alice, plan)
            await page.get_by_role("button", name=f"Suspend {SIMS} SIMs").click()
            await expect(page.get_by_role("heading", name="Approved")).to_be_visible()
            await written(emnify, sims, after)
            killed = await kill_who_works_on(ours, plan)
            await finished(ours, plan)
            calls.cancel_scope.cancel()
        assert worker(ours, plan) != killed
        await expect(page.get_by_text(f"{SIMS} of {SIMS} SIMs done")).to_be_visible()

        async with alice() as client:
            told = structured(await client.call_tool("continue_change", {"plan": plan}))
        assert told["agreed"] == BY_BOB
        outcomes = assert_audited(ours, plan, sims)
        assert told["counts"] == Counter(outcomes.values())
        await assert_once(emnify, sims, outcomes)
        assert await downloaded(page, ours) == by_command(ours)
        await context.close()
        assert read_csv((await audit_for(ours, key_to_approve(ours, asks))).text) == by_command(ours)
        assert bobs.tokens is not None
        assert (await audit_for(ours, bobs.tokens.access_token)).status_code == 403
        await restart(ours)


async def open_as_bob(page: Page, ours: Company, plan: str) -> None:
    """Sign in, find the plan among what waits, and read it."""
    page.set_default_timeout(30_000)
    await page.goto(f"{ours.address}/approvals")
    await sign_in(page, "bob")
    await page.locator(f'a[href="/approvals/{plan}"]').click()
    await expect(page.get_by_text("alice@example.com")).to_be_visible()


async def go_on(connect: Callable[[], AbstractAsyncContextManager[Client]], plan: str) -> None:
    """Wait for the approval, as a client does whose server is then killed."""
    with suppress(Exception):
        async with connect() as client:
            await client.call_tool("continue_change", {"plan": plan})


async def activated(emnify: httpx.AsyncClient, number: int) -> dict[str, int]:
    """Return SIMs that are in service, by ICCID."""
    found = await asked(emnify, "/sim", q="status:1", per_page="1000")
    return {sim["iccid"]: sim["id"] for sim in found[-number:]}


async def asked(emnify: httpx.AsyncClient, path: str, **query: str) -> Any:
    """Ask emnify behind the servers' back."""
    tokens = {"application_token": "sandbox-enterprise-5525e2d76892a8c72acdab660aef210b"}
    login = (await emnify.post("/api/v1/authenticate", json=tokens)).json()
    headers = {"Authorization": f"Bearer {login['auth_token']}"}
    return (await emnify.get(f"/api/v1{path}", params=query, headers=headers)).json()


async def writes(emnify: httpx.AsyncClient, sims: dict[str, int]) -> list[str]:
    """Return the SIMs that were written to, once for each time."""
    ids = {f"/api/v1/sim/{sim_id}": iccid for iccid, sim_id in sims.items()}
    found = (await emnify.get("/sandbox/requests")).json()
    return [ids[each["path"]] for each in found if each["method"] != "GET" and each["path"] in ids]


async def written(emnify: httpx.AsyncClient, sims: dict[str, int], number: int) -> None:
    with anyio.fail_after(60):
        while len(await writes(emnify, sims)) < number:  # noqa: ASYNC110  # the sandbox tells nobody.
            await anyio.sleep(0.005)


def worker(ours: Company, plan: str) -> str:
    """Return which server worked on a plan last, as the record has it."""
    with psycopg.connect(ours.database.url("sim_mcp")) as db:
        found = db.execute("SELECT holder FROM turns WHERE plan = %s", (plan,)).fetchone()
    assert found is not None
    number = int(found[0].rpartition(":")[2])
    (name,) = [name for name in SERVERS if ours.processes[name].pid == number]
    return name


async def kill_who_works_on(ours: Company, plan: str) -> str:
    name = await anyio.to_thread.run_sync(worker, ours, plan)
    os.kill(ours.processes[name].pid, signal.SIGKILL)
    return name


async def finished(ours: Company, plan: str) -> None:
    """Wait until the record has an outcome of every SIM."""
    with anyio.fail_after(120):
        while await anyio.to_thread.run_sync(count_outcomes, ours, plan) < SIMS:  # noqa: ASYNC110  # it tells nobody.
            await anyio.sleep(0.2)


def count_outcomes(ours: Company, plan: str) -> int:
    with psycopg.connect(ours.database.url("sim_mcp")) as db:
        counted = db.execute("SELECT count(*) FROM entries WHERE plan = %s AND kind = 'outcome'", (plan,)).fetchone()
    return int(counted[0]) if counted else 0


async def assert_once(emnify: httpx.AsyncClient, sims: dict[str, int], outcomes: dict[str, str]) -> None:
    """Compare what is told with what emnify has, and count what each SIM was sent.

    A server that was killed just before it sent what it had written down leaves one SIM of which that is not known.
    """
    sent = Counter(await writes(emnify, sims))
    assert set(sent.values()) == {1}
    assert set(outcomes.values()) <= {"changed", "unknown"}
    assert Counter(outcomes.values())["changed"] >= SIMS - 1
    for iccid, sim_id in sims.items():
        suspended = (await asked(emnify, f"/sim/{sim_id}"))["status"]["id"] == SUSPENDED
        assert (suspended, sent[iccid]) == ((True, 1) if outcomes[iccid] == "changed" else (False, 0))


def by_command(ours: Company) -> list[dict[str, str]]:
    """Return what `sim-mcp audit` tells whoever runs the servers."""
    told = ours.command("server-1", "audit", "--json")
    assert told.returncode == 0, told.stderr
    rows: list[dict[str, str]] = json.loads(told.stdout)
    return rows


def read_csv(text: str) -> list[dict[str, str]]:
    return [dict(row) for row in csv.DictReader(StringIO(text.removeprefix("\ufeff")))]


async def downloaded(page: Page, ours: Company) -> list[dict[str, str]]:
    """Take the audit from the page of who is signed in and may approve."""
    await page.goto(f"{ours.address}/approvals")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="The audit, as CSV").click()
    file = anyio.Path(await (await download.value).path())
    return read_csv(await file.read_text(encoding="utf-8"))


def key_to_approve(ours: Company, name: str) -> str:
    """Make a key for a program that fetches the audit."""
    made = ours.command("server-1", "keys", "add", name, "--scope", "sims:approve")
    assert made.returncode == 0, made.stderr
    return made.stdout.split()[0]


async def audit_for(ours: Company, secret: str) -> httpx.Response:
    async with httpx.AsyncClient(timeout=30) as http:
        return await http.get(f"{ours.address}/audit.csv", headers={"Authorization": f"Bearer {secret}"})


def assert_audited(ours: Company, plan: str, sims: dict[str, int]) -> dict[str, str]:
    """Look in the audit alone for who asked, who approved and how; return what came of each SIM."""
    about = [row for row in by_command(ours) if row["plan"] == plan]
    assert {(row["principal"], row["client"], row["tool"]) for row in about} == {
        ("alice@example.com", about[0]["client"], "set_sim_status")
    }
    assert {row["identity"] for row in about} == {f"{ours.issuer} alice"}
    assert {row["agreed"] for row in about} == {BY_BOB}
    assert [row["outcome"] for row in about if row["event"] == "decided"] == ["approved"]
    settled = {row["sim"][:19]: row for row in about if row["event"] in ("outcome", "read again")}
    assert set(settled) == set(sims)
    changed = [row for row in settled.values() if row["outcome"] == "changed"]
    assert {(row["before"], row["after"]) for row in changed} == {("Activated", "Suspended")}
    assert len([row for row in changed if row["request"]]) >= SIMS - 1, "by emnify's own id of the request"
    return {iccid: row["outcome"] for iccid, row in settled.items()}


async def restart(ours: Company) -> None:
    """Start again what was killed, as Compose does."""
    for name in SERVERS:
        if ours.processes[name].poll() is not None:
            ours.start(name)
    await anyio.to_thread.run_sync(ours.wait_until_all_answer)
