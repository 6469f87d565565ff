"""Which access tokens are good here: those the issuer made for this server, and nothing that only looks like one."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from mcp import Client

from sim_mcp.observing import Observer
from sim_mcp.principal import SCOPES
from sim_mcp.server.app import build_server
from sim_mcp.server.signin.tokens import principal_of
from sim_mcp.settings import Settings
from tests.server.signin.issuing import EC, OTHER_RSA, RESOURCE, RSA, Issuer, client_with, rsa_jwk, served, settings_for
from tests.support import text_of

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
ACCEPT = {"Accept": "application/json, text/event-stream"}


async def ask(address: str, *authorization: str, **more: str) -> httpx.Response:
    sent = [*ACCEPT.items(), *more.items(), *(("Authorization", value) for value in authorization)]
    headers = [(name.encode(), value.encode("latin-1")) for name, value in sent]
    initialize = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}},
    }
    async with httpx.AsyncClient(timeout=30) as http:
        return await http.post(address, json=initialize, headers=headers)


def part(content: object) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unsigned(issuer: Issuer) -> str:
    return f"{part({'alg': 'none', 'typ': 'at+jwt', 'kid': 'one'})}.{part(issuer.claims())}."


def signed_with_the_public_key(issuer: Issuer) -> str:
    """HS256, keyed with what everybody knows: the classic confusion."""
    public = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signing = f"{part({'alg': 'HS256', 'typ': 'at+jwt', 'kid': 'one'})}.{part(issuer.claims())}"
    return f"{signing}.{part(hmac.digest(public, signing.encode(), hashlib.sha256))}"


def altered(issuer: Issuer) -> str:
    header, _, signature = issuer.token().split(".")
    return f"{header}.{part(issuer.claims(scope=' '.join(SCOPES)))}.{signature}"


NOW = time.time()
HOSTILE: dict[str, Callable[[Issuer], str]] = {
    "no token at all": lambda _: "x",
    "three parts of nothing": lambda _: "a.b.c",
    "longer than any": lambda it: it.token(filler="x" * 20_000),
    "expired": lambda it: it.token(exp=int(NOW) - 60),
    "without an end": lambda it: it.token(exp=None),
    "an end that is no number": lambda it: it.token(exp="tomorrow"),
    "not valid yet": lambda it: it.token(nbf=int(NOW) + 600),
    "made in the future": lambda it: it.token(iat=int(NOW) + 600),
    "for another audience": lambda it: it.token(aud="https://other.example.com/mcp"),
    "for this address with a slash": lambda it: it.token(aud=f"{RESOURCE}/"),
    "for nobody": lambda it: it.token(aud=None),
    "for others in a list": lambda it: it.token(aud=["https://a.example", "https://b.example"]),
    "from another issuer": lambda it: it.token(iss="https://evil.example"),
    "from the issuer with a slash": lambda it: it.token(iss=f"{it.address}/"),
    "from nobody": lambda it: it.token(iss=None),
    "about nobody": lambda it: it.token(sub=None),
    "about a blank": lambda it: it.token(sub=" "),
    "about a number": lambda it: it.token(sub=7),
    "an ID token by its header": lambda it: it.token(header={"typ": "JWT"}),
    "without a type": lambda it: it.token(header={"typ": ""}),
    "of a type in strange letters": lambda it: it.token(header={"typ": '☃"\r\nX: y'}),
    "in strange letters": lambda _: "\u00fc\u00fc.\u00fc.\u00fc",
    "a header without a bottom": lambda _: f"{part(b'[' * 9000)}.e30.AA",
    "without end in a way that numbers have": lambda it: it.token(exp=float("inf")),
    "an ID token by its content": lambda it: it.token(at_hash="x"),
    "a refresh token": lambda it: it.token(typ="Refresh"),
    "neither of a client nor with a scope": lambda it: it.token(client_id=None, scope=None),
    "not signed": unsigned,
    "signed with the public key": signed_with_the_public_key,
    "altered": altered,
    "cut": lambda it: it.token()[:-20],
    "signed by somebody else under our key's name": lambda it: it.token(key=OTHER_RSA),
    "with the key it brings along": lambda it: it.token(
        key=OTHER_RSA, header={"jwk": rsa_jwk(OTHER_RSA, "one"), "jku": f"{it.address}/own", "kid": "own"}
    ),
    "with a key nobody knows": lambda it: it.token(header={"kid": "three"}),
    "without a key's name": lambda it: it.token(header={"kid": ""}),
    "by the other key's algorithm": lambda it: it.token(key=EC, alg="ES256", header={"kid": "one"}),
    "with conditions nobody understands": lambda it: it.token(header={"crit": ["exp2"], "exp2": 1}),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_no_hostile_token_opens_the_door(issuer: Issuer, address: str, name: str) -> None:
    token = HOSTILE[name](issuer)
    answer = await ask(address, f"Bearer {token}")
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert "Nothing was done" in answer.json()["error"]
    assert token not in answer.text + str(answer.headers) or len(token) == 1


@pytest.mark.parametrize(
    "authorization",
    [[], ["Basic {}"], ["{}"], ["Bearer"], ["Bearer {} {}"], ["Bearer {}", "Bearer {}"]],
)
async def test_a_good_token_counts_only_where_it_belongs(
    issuer: Issuer, address: str, authorization: list[str]
) -> None:
    good = issuer.token()
    assert (await ask(address, *(value.format(good, good) for value in authorization))).status_code == 401
    assert (await ask(f"{address}?access_token={good}")).status_code == 401
    assert (await ask(address, **{"X-Authorization": f"Bearer {good}"})).status_code == 401


async def test_reasons_are_few_however_many_kinds_of_tokens_are_tried(issuer: Issuer, tmp_path: Path) -> None:
    """They are counted by name, and whoever asks could else make up as many names as they like."""
    reasons: set[str] = set()

    class Counting(Observer):
        def caller_refused(self, reason: str) -> None:
            reasons.add(reason)

    async with served(settings_for(issuer, tmp_path), observer=Counting()) as address:
        for kind in ("one", "two", "three"):
            answer = await ask(address, f"Bearer {issuer.token(header={'typ': kind})}")
            assert kind in answer.json()["error"]
            assert (await ask(address, f"Bearer {issuer.token(header={'kid': kind + kind})}")).status_code == 401
    assert len(reasons) == 2


async def test_good_tokens_open_it(issuer: Issuer, address: str) -> None:
    for token in (
        issuer.token(),
        issuer.token(key=EC, alg="ES256", header={"kid": "two"}),
        issuer.token(aud=["https://other.example.com", RESOURCE]),
        issuer.token(header={"typ": "application/at+jwt"}),
        issuer.token(scope=None, scp=["sims:read"]),
        issuer.token(exp=int(time.time()) - 1),  # clocks differ by a little.
    ):
        answer = await ask(address, f"Bearer {token}")
        assert answer.status_code == 200, answer.text


async def test_who_does_not_sign_in_is_told_where_and_for_what(issuer: Issuer, address: str) -> None:
    answer = await ask(address)
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith("Bearer ")
    assert "error=" not in challenge
    assert 'scope="sims:read sims:write sims:delete"' in challenge
    place = "https://sims.example.com/.well-known/oauth-protected-resource/mcp"
    assert f'resource_metadata="{place}"' in challenge
    assert issuer.address in answer.json()["error"]
    async with httpx.AsyncClient() as http:
        for path in (httpx.URL(place).path, "/.well-known/oauth-protected-resource"):
            metadata = (await http.get(address.removesuffix("/mcp") + path)).json()
            assert metadata["resource"] == RESOURCE
            assert metadata["authorization_servers"] == [issuer.address]
            assert metadata["scopes_supported"] == list(SCOPES)


async def test_where_nothing_may_be_written_no_scope_to_write_is_asked_for(issuer: Issuer, tmp_path: Path) -> None:
    async with served(settings_for(issuer, tmp_path, read_only=True)) as address:
        assert 'scope="sims:read"' in (await ask(address)).headers["WWW-Authenticate"]


async def test_an_audience_and_types_of_the_operators_choice_are_accepted(issuer: Issuer, tmp_path: Path) -> None:
    chosen = {"audience": "api://sims", "token_types": "at+jwt, JWT", "scope_prefix": "api://sims/"}
    settings = settings_for(issuer, tmp_path, **chosen)
    async with served(settings) as address:
        challenge = (await ask(address)).headers["WWW-Authenticate"]
        assert 'scope="api://sims/sims:read api://sims/sims:write api://sims/sims:delete"' in challenge
        good = issuer.token(aud="api://sims", header={"typ": "JWT"}, scope=None, scp="sims:read")
        assert (await ask(address, f"Bearer {good}")).status_code == 200
        for other in (
            issuer.token(),
            issuer.token(aud="api://sims", header={"typ": "JWT"}, scope=None, client_id=None),  # an ID token, then.
            issuer.token(aud="api://sims", header={"typ": "JWT"}, typ="ID"),
        ):
            assert (await ask(address, f"Bearer {other}")).status_code == 401


@pytest.mark.parametrize(
    ("claims", "granted"),
    [
        ({"scope": "openid sims:read sims:write"}, {"sims:read", "sims:write"}),
        ({"scp": ["sims:read", "profile", 7]}, {"sims:read"}),
        ({"scp": "api://x/sims:delete"}, {"sims:delete"}),
        ({"realm_access": {"roles": ["fleet admins", "other"]}}, {"sims:read", "sims:write"}),
        ({"realm_access": {"roles": "helpdesk"}, "scope": "sims:approve"}, {"sims:read", "sims:approve"}),
        ({"realm_access": ["helpdesk"], "roles": ["helpdesk"]}, set()),
        ({"scope": {"sims:read": True}, "scp": 7}, set()),
        ({"scope": "sims:all sims:* SIMS:READ sims:readx"}, set()),
    ],
)
def test_scopes_come_from_scope_from_scp_and_from_roles_that_are_mapped(
    claims: dict[str, Any], granted: set[str]
) -> None:
    settings = Settings.model_validate(
        {
            "SIM_MCP_SCOPE_PREFIX": "api://x/",
            "SIM_MCP_SCOPE_MAP": "fleet admins=sims:read sims:write; helpdesk=sims:read",
            "SIM_MCP_ROLES_CLAIM": "realm_access.roles",
        }
    )
    who = principal_of({"iss": "https://i.example", "sub": "s", **claims}, settings)
    assert who.scopes == granted


ENTRA = {"audience": "5e6f", "token_types": "JWT", "scope_prefix": "api://5e6f/"}
OKTA = {"audience": "api://sims", "token_types": "at+jwt none"}
AUTH0 = {"roles_claim": "permissions"}
KEYCLOAK = {"token_types": "JWT", "roles_claim": "realm_access.roles", "scope_map": "desk=sims:read sims:write"}
ISSUERS: dict[str, tuple[dict[str, str], dict[str, Any], dict[str, Any], set[str]]] = {
    "Entra": (
        ENTRA,
        {"aud": "5e6f", "scp": "sims:read sims:write", "azp": "c1", "ver": "2.0", "oid": "o", "tid": "t"},
        {"aud": "5e6f", "nonce": "n", "ver": "2.0", "roles": ["sims:delete"]},
        {"sims:read", "sims:write"},
    ),
    "Okta": (
        OKTA,
        {"aud": "api://sims", "scp": ["openid", "sims:read"], "cid": "c1", "uid": "u"},
        {"aud": "c1", "at_hash": "h", "amr": ["pwd"]},
        {"sims:read"},
    ),
    "Auth0": (
        AUTH0,
        {"scope": "openid", "azp": "c1", "permissions": ["sims:read"]},
        {"aud": "c1", "sid": "s"},
        {"sims:read"},
    ),
    "Keycloak": (
        KEYCLOAK,
        {"typ": "Bearer", "azp": "c1", "scope": "openid email", "realm_access": {"roles": ["desk", "offline_access"]}},
        {"typ": "ID", "azp": "c1", "at_hash": "h"},
        {"sims:read", "sims:write"},
    ),
}
"""What docs/operating.md says to set, an access token and an ID token as they document them, and what that grants."""


@pytest.mark.parametrize("name", ISSUERS)
async def test_tokens_as_documented_by_issuers_in_use_are_read_and_their_id_tokens_refused(
    issuer: Issuer, tmp_path: Path, name: str
) -> None:
    chosen, access, identity, granted = ISSUERS[name]
    kind = {"Okta": "", "Auth0": "at+jwt"}.get(name, "JWT")
    bare = {"client_id": None, "scope": None}
    async with served(settings_for(issuer, tmp_path, **chosen)) as address:
        good = issuer.token(**{**bare, **access}, header={"typ": kind})
        async with client_with(address, good) as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
        assert ("get_sim" in names, "set_sim_status" in names) == ("sims:read" in granted, "sims:write" in granted)
        assert "delete_sims" not in names
        bad = issuer.token(**{**bare, **identity}, header={"typ": kind.replace("at+jwt", "JWT")})
        assert (await ask(address, f"Bearer {bad}")).status_code == 401


async def test_whose_sign_in_was_lost_on_the_way_may_do_nothing() -> None:
    async with Client(build_server(Settings(), all_sign_in=True)) as client:
        assert (await client.list_tools()).tools == []
        for tool in ("list_sims", "delete_sims"):
            refused = await client.call_tool(tool, {"sims": ["1"]} if tool == "delete_sims" else {})
            assert "who did not sign in has none" in text_of(refused)


def test_people_are_called_what_they_know_themselves_by_without_tricks() -> None:
    claims = {"iss": "https://i.example", "sub": "0f3a"}
    assert principal_of({**claims, "email": "a@b.example", "name": "A"}, Settings()).name == "a@b.example"
    assert principal_of({**claims, "name": "A\u202eB\n" + "x" * 90}, Settings()).name.startswith("AB x")
    assert principal_of({**claims, "email": ""}, Settings()).name == "0f3a"
