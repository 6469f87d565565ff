"""The issuer's keys: rotated, asked for seldom, kept while it is away; and its word about itself."""

import sys

import anyio
import httpx
import pytest

from sim_mcp.server.signin.issuer import COOLDOWN_S, FRESH_FOR_S, KEPT_FOR_S, IssuerKeys
from sim_mcp.server.signin.refusals import IssuerAwayError, RefusedTokenError
from tests.processes.test_serving import environment
from tests.server.signin.issuing import OTHER_RSA, RESOURCE, issuing, rsa_jwk, served, settings_for
from tests.server.signin.test_tokens import ask


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_a_rotated_key_is_found_and_one_taken_back_is_not() -> None:
    clock = Clock()
    async with issuing() as issuer:
        keys = IssuerKeys(issuer.address, None, clock)
        assert (await keys.key("one")).key_id == "one"
        issuer.published = [rsa_jwk(OTHER_RSA, "three")]
        with pytest.raises(RefusedTokenError):
            await keys.key("three")  # asked a moment ago.
        clock.now += COOLDOWN_S
        assert (await keys.key("three")).key_id == "three"
        with pytest.raises(RefusedTokenError):
            await keys.key("one")


async def test_junk_does_not_make_the_issuer_be_asked() -> None:
    clock = Clock()
    async with issuing() as issuer:
        keys = IssuerKeys(issuer.address, None, clock)
        await keys.key("one")
        for number in range(50):
            with pytest.raises(RefusedTokenError):
                await keys.key(f"junk {number}")
        assert issuer.asked == 1
        clock.now += FRESH_FOR_S
        await keys.key("one")
        assert issuer.asked == 2


async def test_keys_are_kept_while_the_issuer_is_away_but_not_for_ever() -> None:
    clock = Clock()
    async with issuing() as issuer:
        keys = IssuerKeys(issuer.address, None, clock)
        await keys.key("one")
        issuer.away = True
        clock.now += KEPT_FOR_S - 1
        assert (await keys.key("one")).key_id == "one"
        asked = issuer.asked
        assert (await keys.key("two")).key_id == "two"
        assert issuer.asked == asked  # a failure is not repeated at once either.
        clock.now += COOLDOWN_S
        with pytest.raises(IssuerAwayError):
            await keys.key("one")
        issuer.away = False
        clock.now += COOLDOWN_S
        assert (await keys.key("one")).key_id == "one"


async def test_an_issuer_that_is_away_at_the_start_is_told_as_that_and_signs_nobody_out(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async with issuing() as issuer:
        issuer.away = True
        async with served(settings_for(issuer, tmp_path_factory.mktemp("state"))) as address:
            answer = await ask(address, f"Bearer {issuer.token()}")
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
            assert "WWW-Authenticate" not in answer.headers
            assert "Nothing was done" in answer.json()["error"]
            assert (await ask(address, "Bearer junk")).status_code == 401
            assert (await ask(address)).status_code == 401


async def test_a_wrong_setting_is_told_at_the_start(tmp_path_factory: pytest.TempPathFactory) -> None:
    state = tmp_path_factory.mktemp("state")
    public = RESOURCE.removesuffix("/mcp")
    async with issuing() as issuer:
        issuer.metadata = {"issuer": "https://other.example.com"}
        env = environment(None, SIM_MCP_STATE_DIR=str(state), SIM_MCP_ISSUER=issuer.address, SIM_MCP_PUBLIC_URL=public)
        command = [sys.executable, "-m", "sim_mcp", "serve", "--http", "--port", "0"]
        async with await anyio.open_process(command, env=env) as process:
            assert process.stderr is not None
            told = ""
            with anyio.fail_after(60):
                while "set SIM_MCP_ISSUER to that" not in told or "sign in at" not in told:
                    told += (await process.stderr.receive()).decode()
            process.terminate()
    assert RESOURCE in told
    assert not (state / "http-key").exists()  # where people sign in, no key opens everything.


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"])
async def test_both_kinds_of_metadata_lead_to_the_keys(path: str) -> None:
    async with issuing(path) as issuer:
        assert (await IssuerKeys(issuer.address, None).key("one")).key_id == "one"


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://other.example.com"},
        {"jwks_uri": "http://keys.example.com/keys"},
        {"jwks_uri": "file:///etc/passwd"},
    ],
)
async def test_metadata_of_another_issuer_or_with_unsafe_keys_is_not_believed(metadata: dict[str, str]) -> None:
    async with issuing() as issuer:
        issuer.metadata = metadata
        with pytest.raises(IssuerAwayError):
            await IssuerKeys(issuer.address, None).key("one")
        assert issuer.asked == 0


async def test_the_operator_may_say_where_the_keys_are() -> None:
    async with issuing("/nowhere") as issuer:
        assert (await IssuerKeys(issuer.address, f"{issuer.address}/keys").key("one")).key_id == "one"
        with pytest.raises(IssuerAwayError):
            await IssuerKeys(issuer.address, None).key("one")


async def test_the_public_address_is_answered_and_no_other(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with (
        issuing() as issuer,
        served(settings_for(issuer, tmp_path_factory.mktemp("state"))) as address,
        httpx.AsyncClient() as http,
    ):
        good = {"Authorization": f"Bearer {issuer.token()}", "Accept": "application/json, text/event-stream"}
        listing = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        origin = RESOURCE.removesuffix("/mcp")
        for headers, expected in (
            ({"Host": "sims.example.com"}, {200, 400}),
            ({"Host": "SIMS.example.com", "Origin": origin}, {200, 400}),
            ({"Host": "sims.example.com.evil.example"}, {421}),
            ({"Host": "sims.example.com:8443"}, {421}),
            ({"Host": "sims.example.com", "Origin": "https://evil.example"}, {403}),
            ({"Host": "sims.example.com", "Origin": "http://sims.example.com"}, {403}),
            ({"Host": "sims.example.com", "Origin": "http://127.0.0.1"}, {403}),
            ({"Origin": origin}, {403}),
        ):
            answer = await http.post(address, json=listing, headers={**good, **headers})
            assert answer.status_code in expected, headers


async def test_keys_are_not_read_over_an_unsafe_way_that_leads_to_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In clear anybody on the way could be the issuer: here a proxy that answers with keys."""
    async with issuing() as issuer:
        monkeypatch.setenv("HTTP_PROXY", issuer.address)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        issuer.metadata = {"jwks_uri": "http://keys.example.com/keys"}
        with pytest.raises(IssuerAwayError):
            await IssuerKeys(issuer.address, None).key("one")
        assert issuer.asked == 0
