"""The pages and the audit to download, with several workspaces: to each person those that are open to them."""

from pathlib import Path

import httpx

from tests.changes.test_approval import suspend
from tests.server.approvals.people import ALL, Browser
from tests.server.signin.issuing import client_with, issuing, served
from tests.server.workspaces.desk import desk_of
from tests.support import free_port, structured


def may(*subjects: str) -> str:
    return "\n".join(f'[[workspace.allow]]\nsubject = "{subject}"' for subject in subjects)


async def test_nobody_sees_decides_on_or_downloads_what_is_of_a_workspace_that_is_not_open_to_them(
    tmp_path: Path,
) -> None:
    public = f"http://127.0.0.1:{free_port()}"
    async with (
        issuing() as issuer,
        desk_of(tmp_path) as desk,
        httpx.AsyncClient(timeout=30) as bobs,
        httpx.AsyncClient(timeout=30) as carols,
    ):
        desk.grants = {"acme": may("alice", "carol"), "borg": may("bob")}
        desk.variables = {
            "SIM_MCP_ISSUER": issuer.address,
            "SIM_MCP_PUBLIC_URL": public,
            "SIM_MCP_CLIENT_ID": "the-pages",
        }
        policy = tmp_path / "policy.toml"
        policy.write_text('approver = "another"\n')
        settings = desk.settings(policy=policy)

        def token(name: str) -> str:
            return issuer.token(sub=name, email=f"{name}@example.com", scope=ALL, aud=settings.resource)

        async with (
            served(settings, port=int(public.rpartition(":")[2])) as address,
            client_with(address, token("alice")) as client,
        ):
            asked = suspend(desk.fleets["acme"], "healthy")
            waiting = structured(await client.call_tool("set_sim_status", asked))
            bob, carol = Browser(bobs, issuer, "bob", ALL), Browser(carols, issuer, "carol", ALL)
            assert (await bob.open(waiting["approve_at"])).status_code == 404
            assert waiting["plan"] not in (await bob.open(f"{public}/approvals")).text
            page = await carol.open(waiting["approve_at"])
            assert "workspace acme" in page.text
            assert "Approved" in (await carol.press(page, "approve")).text
            told = structured(await client.call_tool("continue_change", {"plan": waiting["plan"]}))
            assert told["agreed"] == "a person, on the approval page: carol@example.com"
            for name, holds in (("bob", False), ("carol", True)):
                with_token = {"Authorization": f"Bearer {token(name)}"}
                audit = (await bobs.get(f"{public}/audit.csv", headers=with_token)).text
                assert (waiting["plan"] in audit) is holds
            assert waiting["plan"] not in (await bob.open(f"{public}/approvals/audit.csv")).text
            assert waiting["plan"] in (await carol.open(f"{public}/approvals/audit.csv")).text
