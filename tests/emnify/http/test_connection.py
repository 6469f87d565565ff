"""The way to emnify: proxies, certificates, and their faults told as what they are."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import trustme

from sim_mcp.emnify import ConnectionSettingsError, EmnifyClient, EmnifyError, Limits, SimStatus, UnreachableError
from sim_mcp.emnify.change import SimChange
from sim_mcp.emnify.http.connection import Connection
from sim_mcp.emnify.http.proxies import proxy_for
from sim_mcp.tools.errors import explain
from tests.emnify.conftest import CANARY
from tests.emnify.proxies import ProxyServer, Way, proxy_running
from tests.emnify.upstream import Upstream, upstream_running

SECRET = "pass-canary"
VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that sets none of it."""
    for name in VARIABLES:
        for spelling in (name, name.lower()):
            monkeypatch.delenv(spelling, raising=False)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path) -> str:
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(file)
    return str(file)


@pytest.fixture
async def encrypted(authority: trustme.CA) -> AsyncIterator[Upstream]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    async with upstream_running(tls) as made:
        yield made


def client_of(upstream: Upstream) -> EmnifyClient:
    return EmnifyClient(base_url=upstream.base_url, application_token=CANARY, limits=Limits(), deadline_s=20)


async def failure(upstream: Upstream) -> tuple[EmnifyError, str]:
    """What a reading call fails with, and what the model reads of it."""
    async with client_of(upstream) as client:
        with pytest.raises(EmnifyError) as failed:
            await client.list_sims()
    assert (upstream.sign_ins, upstream.calls) == ([], [])
    assert failed.value.changed == "nothing"
    text = explain(failed.value) or ""
    assert "Nothing changed" in text
    assert text.count("The operator should") == 1
    assert SECRET not in text
    assert SECRET not in repr(failed.value)
    return failed.value, text


async def test_a_certificate_nobody_vouches_for_is_told_as_such_and_the_token_stays_here(encrypted: Upstream) -> None:
    error, text = await failure(encrypted)
    assert isinstance(error, ConnectionSettingsError)
    assert "not trusted" in text
    assert "SSL_CERT_FILE" in text
    assert "emnify's fault" not in text
    assert "try again" not in text.lower()


async def test_an_authority_in_ssl_cert_file_is_trusted(
    encrypted: Upstream, trusted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", trusted)
    async with client_of(encrypted) as client:
        assert (await client.list_sims()).items == []


async def test_an_authority_that_does_not_vouch_is_named_by_its_variable(
    encrypted: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    _, text = await failure(encrypted)
    assert f"SSL_CERT_FILE={other}" in text


async def test_a_certificate_for_another_host_is_not_trusted(
    authority: trustme.CA, trusted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", trusted)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("elsewhere.example").configure_cert(tls)
    async with upstream_running(tls) as upstream:
        _, text = await failure(upstream)
    assert "mismatch" in text


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SSL_CERT_FILE", "{tmp}/missing.pem"),
        ("SSL_CERT_FILE", "{tmp}"),
        ("SSL_CERT_FILE", "{tmp}/empty.pem"),
        ("SSL_CERT_FILE", "/dev/null"),
        ("SSL_CERT_DIR", "{tmp}/missing"),
        ("SSL_CERT_DIR", "{tmp}/empty.pem"),
        ("SSLKEYLOGFILE", "{tmp}/missing/keys"),
        ("HTTPS_PROXY", "http://someone:pass-canary@proxy.example:port"),
        ("HTTPS_PROXY", "someone:pass-canary@:"),
        ("HTTPS_PROXY", "ftp://someone:pass-canary@proxy.example"),
        ("ALL_PROXY", "socks4://127.0.0.1:1080"),
        ("all_proxy", "http://"),
    ],
)
async def test_a_variable_that_cannot_be_used_is_named_by_each_call_and_nothing_is_sent(
    encrypted: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    (tmp_path / "empty.pem").touch()
    monkeypatch.setenv(variable, value.format(tmp=tmp_path))
    for _ in range(2):
        error, text = await failure(encrypted)
        assert isinstance(error, ConnectionSettingsError)
        assert f"{variable} names " in text or f"{variable} holds " in text


async def test_a_network_or_an_address_in_no_proxy_is_heeded(
    encrypted: Upstream, trusted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", trusted)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    for exceptions in ("fd00::/8,127.0.0.0/8", "::1, 127.0.0.1", "*", f"127.0.0.1:{encrypted.base_url[-5:]}"):
        monkeypatch.setenv("NO_PROXY", exceptions)
        async with client_of(encrypted) as client:
            assert (await client.list_sims()).items == []


@pytest.mark.parametrize(
    ("url", "no_proxy", "excepted"),
    [
        ("https://cdn.emnify.net", "emnify.net", True),
        ("https://cdn.emnify.net", ".emnify.net", True),
        ("https://cdn.emnify.net", "*.emnify.net", True),
        ("https://cdn.emnify.net", "https://cdn.emnify.net", True),
        ("https://cdn.emnify.net", "CDN.emnify.net:443", True),
        ("https://cdn.emnify.net", "cdn.emnify.net:8443", False),
        ("https://cdn.emnify.net", "mnify.net", False),
        ("https://cdn.emnify.net", "fd00::/8,::1,10.0.0.0/8, ,:,[", False),
        ("https://[fd00::1]:8443", "fd00::/8", True),
        ("https://[fd00::1]:8443", "[fd00::1]:8443", True),
        ("https://[fe80::1]:8443", "fd00::/8", False),
        ("https://10.1.2.3", "10.0.0.0/8", True),
    ],
)
def test_what_no_proxy_names_needs_no_proxy(
    monkeypatch: pytest.MonkeyPatch, url: str, no_proxy: str, excepted: bool
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert (proxy_for(url) is None) is excepted


@pytest.mark.parametrize(
    ("way", "variable", "scheme"),
    [
        (ProxyServer.by_connect, "HTTPS_PROXY", "http"),
        (ProxyServer.by_connect, "all_proxy", "http"),
        (ProxyServer.by_socks, "ALL_PROXY", "socks5"),
        (ProxyServer.by_socks, "https_proxy", "socks5h"),
    ],
)
async def test_the_way_leads_through_the_proxy(
    encrypted: Upstream, trusted: str, monkeypatch: pytest.MonkeyPatch, way: Way, variable: str, scheme: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", trusted)
    async with proxy_running(way) as proxy, client_of(encrypted) as client:
        monkeypatch.setenv(variable, f"{scheme}://127.0.0.1:{proxy.port}")
        assert (await client.list_sims()).items == []
        assert set(proxy.led_to) == {encrypted.base_url.removeprefix("https://")}
    assert len(encrypted.calls) == 1


@pytest.mark.parametrize(
    ("credentials", "says"), [("", "wants a name and password"), (f"someone:{SECRET}@", "does not accept the name")]
)
@pytest.mark.parametrize(
    ("way", "scheme"), [(ProxyServer.by_connect, "http"), (ProxyServer.by_socks, "socks5")], ids=["connect", "socks"]
)
async def test_a_proxy_that_wants_credentials_is_told_as_such(
    encrypted: Upstream, monkeypatch: pytest.MonkeyPatch, way: Way, scheme: str, credentials: str, says: str
) -> None:
    async with proxy_running(way, refuse_with=407) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://{credentials}127.0.0.1:{proxy.port}")
        error, text = await failure(encrypted)
        assert f"{scheme}://127.0.0.1:{proxy.port} (HTTPS_PROXY) {says}" in text
        assert len(proxy.heads) == (1 if scheme == "http" else 0), "asking again would not help"
    assert isinstance(error, ConnectionSettingsError)
    assert ("407" in text) is (scheme == "http")
    assert "emnify's fault" not in text
    assert "try again" not in text.lower()
    assert "<b>" not in text


async def test_credentials_are_offered_to_the_proxy_and_to_nobody_else(
    encrypted: Upstream, trusted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", trusted)
    async with proxy_running(ProxyServer.by_connect) as proxy, client_of(encrypted) as client:
        monkeypatch.setenv("HTTPS_PROXY", f"http://someone:{SECRET}@127.0.0.1:{proxy.port}")
        await client.list_sims()
        assert "Proxy-Authorization: Basic " in proxy.heads[0]
    assert all("proxy-authorization" not in seen.headers for seen in encrypted.sign_ins + encrypted.calls)


async def test_a_proxy_that_refuses_the_address_is_told_with_its_number(
    encrypted: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with proxy_running(ProxyServer.by_connect, refuse_with=403) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{proxy.port}")
        error, text = await failure(encrypted)
    assert isinstance(error, ConnectionSettingsError)
    assert "refused to connect to 127.0.0.1 (403)" in text
    assert "NO_PROXY" in text


@pytest.mark.usefixtures("impatient")
async def test_a_proxy_that_is_not_there_is_what_could_not_be_reached(
    encrypted: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://someone:{SECRET}@127.0.0.1:9")
    error, text = await failure(encrypted)
    assert isinstance(error, UnreachableError)
    assert "the proxy http://127.0.0.1:9 (HTTPS_PROXY) could not be reached" in text


async def test_what_does_not_speak_socks_is_told_as_such(encrypted: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    async with proxy_running(ProxyServer.as_something_else) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{proxy.port}")
        _, text = await failure(encrypted)
    assert "does not speak SOCKS" in text
    assert "ALL_PROXY" in text


async def test_a_change_that_a_proxy_turns_away_is_known_not_to_have_happened(
    encrypted: Upstream, trusted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", trusted)
    async with proxy_running(ProxyServer.by_connect) as proxy, client_of(encrypted) as client:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        await client.list_sims()
        proxy.refuse_with = 407
        await proxy.hang_up()
        with pytest.raises(ConnectionSettingsError) as failed:
            await client.update_sim(1, SimChange(status=SimStatus.SUSPENDED))
    assert failed.value.changed == "nothing"
    assert [seen.method for seen in encrypted.calls] == ["GET"]


@pytest.mark.parametrize(("readable", "variable"), [(False, "SSL_CERT_FILE"), (True, "SSLKEYLOGFILE")])
async def test_what_the_system_will_not_open_is_named(
    encrypted: Upstream, trusted: str, monkeypatch: pytest.MonkeyPatch, readable: bool, variable: str
) -> None:
    """Whoever runs the tests may read every file, so the system's refusal is made up."""

    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setenv("SSL_CERT_FILE", trusted)
    monkeypatch.setenv("SSLKEYLOGFILE", "/keys")
    with monkeypatch.context() as patch:
        patch.setattr("sim_mcp.emnify.http.certificates.ssl.create_default_context", refuse)
        patch.setattr("sim_mcp.emnify.http.certificates.os.access", lambda *_: readable)
        error, text = await failure(encrypted)
    assert isinstance(error, ConnectionSettingsError)
    assert text.startswith(f"{variable} names ")
    assert "Permission denied" in text


async def test_over_http_on_this_machine_none_of_it_is_read(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "nonsense://")
    monkeypatch.setenv("SSL_CERT_FILE", "/missing")
    async with client_of(upstream) as client:
        assert (await client.list_sims()).items == []


@pytest.mark.parametrize(("reason", "named"), [("WRONG_VERSION_NUMBER", "WRONG_VERSION_NUMBER"), ("", "SSLEOFError")])
def test_an_encryption_that_fails_is_told_with_its_reason(reason: str, named: str) -> None:
    broken = httpx.ConnectError("broken")
    broken.__cause__ = ssl.SSLEOFError(8, "EOF")
    broken.__cause__.reason = reason
    explained = Connection("https://emnify.example", "agent", None)._explain(broken)
    assert str(explained) == f"no encrypted connection to emnify.example could be made ({named})"
