"""The pages of who signs in show and decide plans of their workspaces, and of no other."""

import csv
import io

import pytest
from pydantic import SecretStr

from sim_mcp.workspaces.file import claims_that_count
from tests.server.approvals.people import ALL, ANY_HOLDER, free_port
from tests.server.approvals.people import Desk as Pages
from tests.server.signin.issuing import issuing, served
from tests.server.workspaces.desk import NAMES, Desk, mark_of
from tests.support import structured

GRANTS = {"acme": ("alice", "boss"), "borg": ("bob",)}


def grants_of(name: str) -> str:
    return "\n".join(f'[[workspace.allow]]\nsubject = "{subject}"' for subject in GRANTS[name])


async def test_somebody_of_one_workspace_neither_sees_nor_decides_what_is_of_another(desk: Desk) -> None:
    desk.grants = {name: grants_of(name) for name in NAMES}
    port, policy = free_port(), desk.directory / "policy.toml"
    policy.write_text(ANY_HOLDER)
    async with issuing() as issuer:
        settings = desk.settings(
            public_url=f"http://127.0.0.1:{port}",
            issuer=issuer.address,
            policy=policy,
            client_id="the-pages",
            client_secret=SecretStr("the secret"),
        )
        async with served(settings, port=port) as address:
            pages = Pages(desk.fleets["acme"], issuer, settings, address)
            async with (
                pages.client("alice", ALL) as alice,
                pages.client("bob", ALL) as bob,
                pages.browser("boss", ALL) as boss,
                pages.browser("bob", ALL) as browser,
            ):
                waiting = {"acme": await pages.suspending(alice), "borg": await pages.suspending(bob)}
                for person, name, other in ((boss, "acme", "borg"), (browser, "borg", "acme")):
                    plan = waiting[name]
                    seen = [await person.open(pages.url), page := await person.open(plan["approve_at"])]
                    assert mark_of(name) in page.text
                    assert f"workspace {name} (" in page.text
                    foreign = await person.open(waiting[other]["approve_at"])
                    assert foreign.status_code == 404
                    found = await person.send(f"{page.url}/decision", {"decision": "approve"})
                    assert found.status_code == 403  # not without the form of the page.
                    assert "Approved" in (await person.press(page, "approve")).text
                    rows = await person.open(f"{pages.url}/audit.csv")
                    assert {row["workspace"] for row in csv.DictReader(io.StringIO(rows.text))} == {name}
                    everything = "\n".join(each.text for each in (*seen, rows))
                    assert plan["plan"] in everything
                    for secret in (waiting[other]["plan"], mark_of(other), f"workspace {other}"):
                        assert secret not in everything
                assert structured(await alice.call_tool("continue_change", {}))["counts"] == {"changed": 1}
                assert structured(await bob.call_tool("continue_change", {}))["counts"] == {"changed": 1}
    assert [len(await desk.changed(name)) for name in NAMES] == [1, 1]


@pytest.mark.parametrize(
    ("claims", "kept"),
    [
        ({"groups": ["field", "secret"], "email": "a@b.example"}, {"groups": ["field"]}),
        ({"groups": "field"}, {"groups": ["field"]}),
        ({"groups": ["secret"]}, {}),
    ],
)
async def test_of_what_an_issuer_says_a_cookie_keeps_what_opens_a_workspace(
    desk: Desk, claims: dict[str, object], kept: dict[str, list[str]]
) -> None:
    desk.grants = {"acme": '[[workspace.allow]]\nclaim = "groups"\nvalue = "field"'}
    assert claims_that_count(desk.settings().workspaces, claims) == kept
