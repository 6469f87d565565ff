"""What the images promise, by the same commands and variables as processes of this machine."""

import subprocess
from urllib.parse import urlsplit

import httpx
import pytest

from tests.company.topology import SERVERS, Company
from tests.deploy.compose import DEPLOY
from tests.deploy.dockerfile import Image


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_is_healthy_by_the_check_of_its_image_and_of_its_service(ours: Company, server: str) -> None:
    image = Image(DEPLOY.parent / "Dockerfile")
    assert image.entrypoint == ["sim-mcp"]
    program, *words = image.health
    assert program == "sim-mcp"
    assert ours.command(server, *words).returncode == 0
    assert ours.healthy(server)


async def test_the_approval_page_is_at_the_public_address_behind_a_sign_in(ours: Company) -> None:
    async with httpx.AsyncClient(follow_redirects=True) as browser:
        seen = await browser.get(f"{ours.address}/approvals")
    asked_in = [f"{urlsplit(str(each.url)).netloc}" for each in [*seen.history, seen]]
    assert asked_in[0] == urlsplit(ours.address).netloc
    assert asked_in[-1] == urlsplit(ours.issuer).netloc
    assert 'name="login"' in seen.text


async def test_each_server_serves_its_metrics_on_a_port_of_their_own(ours: Company) -> None:
    async with httpx.AsyncClient() as http:
        for server in SERVERS:
            told = (await http.get(f"http://127.0.0.1:{ours.compose.port(server, 9464)}/metrics")).text
            assert "\nsim_mcp_intents_unsettled " in told
        # They are for who is inside.
        assert (await http.get(f"{ours.address}/metrics")).status_code in (401, 404)


def test_the_issuer_is_healthy_by_the_check_of_its_image(ours: Company) -> None:
    image = Image(DEPLOY / "issuer/Dockerfile")
    check = {"PORT": str(ours.compose.port("issuer", 4000))}
    subprocess.run(image.health, env=ours.environment("issuer") | check, check=True)


@pytest.mark.parametrize("name", ["ISSUER", "SIMS"])
@pytest.mark.parametrize("address", ["https://login.example.com", "https://localhost.example.com", ""])
def test_the_sample_issuer_lets_nobody_in_elsewhere(ours: Company, name: str, address: str) -> None:
    env = ours.environment("issuer") | {name: address}
    done = subprocess.run(
        ["node", "server.mjs"], cwd=DEPLOY / "issuer", env=env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, f"{name} has to be an address on localhost" in done.stderr) == (2, True)
