"""The connections to emnify: opened with the first request, through proxies, and with failures explained."""

import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
from anyio.abc import AsyncResource
from socksio import SOCKSError

from sim_mcp.emnify.errors import ConnectionSettingsError, UnreachableError
from sim_mcp.emnify.http.calls import Call
from sim_mcp.emnify.http.certificates import trust_decided_by, trusted_certificates
from sim_mcp.emnify.http.proxies import ProxyChoice, proxy_for
from sim_mcp.emnify.limits.pacer import MAX_AT_ONCE

_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_CREDENTIALS_REQUIRED, _TEMPORARY = 407, frozenset({"500", "502", "503", "504"})
_NOT_YET_VALID, _EXPIRED = 9, 10
"""OpenSSL's codes for a certificate that is not valid at this time."""


class Connection:
    """The connections to one base address.

    They are opened with the first request: that reads the machine's proxy and certificate settings, and an error in
    them must not keep a server from starting. Over http, which is to this machine, they are not read at all.
    """

    def __init__(self, base_url: str, user_agent: str, transport: httpx.AsyncBaseTransport | None) -> None:
        self._base_url, self._user_agent, self._transport = base_url, user_agent, transport
        self._host = urlsplit(base_url).hostname or base_url
        self._proxy: ProxyChoice | None = None
        self._http: httpx.AsyncClient | None = None

    @property
    def route(self) -> str:
        """Return through which proxy connections are made, as the end of a sentence; empty where without one."""
        return f" by way of the proxy {self._proxy}" if self._proxy is not None else ""

    async def close(self) -> None:
        """Close every connection."""
        if self._http is not None:
            await self._http.aclose()

    async def request(self, call: Call, headers: httpx.Headers) -> httpx.Response:
        """Send one call and return the response, whatever its status.

        Raises:
            UnreachableError: No connection could be made, so nothing was sent.
            ConnectionSettingsError: As above, because of a proxy or certificate setting.
            httpx.TransportError: The connection broke after the call may have been sent.
        """
        if self._http is None:
            self._http = self._open()
        if self._proxy is not None and self._proxy.is_socks:
            return await self._by_socks(self._http, call, headers)
        try:
            return await self._http.request(call.method, call.target, headers=headers, json=call.json)
        except _NOTHING_SENT as error:
            raise self._explain(error) from None

    async def _by_socks(self, http: httpx.AsyncClient, call: Call, headers: httpx.Headers) -> httpx.Response:
        """Send one call through a SOCKS proxy, and close the connection that httpx leaves open where it refuses."""
        opened: list[AsyncResource] = []

        async def note(event: str, facts: dict[str, Any]) -> None:
            if event == "socks.connect_tcp.complete":
                opened.append(facts["return_value"])

        request = http.build_request(
            call.method, call.target, headers=headers, json=call.json, extensions={"trace": note}
        )
        try:
            return await http.send(request)
        except (*_NOTHING_SENT, SOCKSError, AssertionError) as error:
            for stream in opened:
                await stream.aclose()
            if isinstance(error, httpx.TransportError):
                raise self._explain(error) from None
            # httpx only asserts that the proxy speaks SOCKS.
            raise ConnectionSettingsError(
                f"the proxy {self._proxy} does not speak SOCKS 5, so emnify was not asked. {self._proxy_advice()}"
            ) from None

    def _open(self) -> httpx.AsyncClient:
        on_this_machine = urlsplit(self._base_url).scheme == "http"
        if on_this_machine:
            # Certificates are not needed, and loading them would take longer than all else at the start.
            verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        else:
            verify = trusted_certificates()
            self._proxy = proxy_for(self._base_url) if self._transport is None else None
        proxy = self._proxy.proxy if self._proxy is not None else None
        if proxy is not None and proxy.url.scheme == "https":
            proxy.ssl_context = verify
        return httpx.AsyncClient(
            base_url=self._base_url,
            trust_env=False,
            proxy=proxy,
            verify=verify,
            headers={"User-Agent": self._user_agent},
            timeout=httpx.Timeout(20.0, connect=5.0),
            limits=httpx.Limits(max_connections=2 * MAX_AT_ONCE, max_keepalive_connections=MAX_AT_ONCE),
            follow_redirects=False,
            transport=self._transport,
        )

    def _explain(self, error: httpx.TransportError) -> UnreachableError:
        secured = next((each for each in _causes(error) if isinstance(each, ssl.SSLError)), None)
        if isinstance(secured, ssl.SSLCertVerificationError):
            return self._untrusted(secured)
        if secured is not None:
            reason = secured.reason or type(secured).__name__
            return UnreachableError(f"no encrypted connection to {self._host} could be made{self.route} ({reason})")
        if self._proxy is None:
            return UnreachableError(f"emnify could not be reached ({type(error).__name__})")
        if isinstance(error, httpx.ProxyError):
            return self._proxy_refusal(self._proxy, str(error))
        return UnreachableError(
            f"the proxy {self._proxy} could not be reached ({type(error).__name__}), so emnify was not asked. "
            f"{self._proxy_advice()}"
        )

    def _untrusted(self, error: ssl.SSLCertVerificationError) -> ConnectionSettingsError:
        if error.verify_code in {_NOT_YET_VALID, _EXPIRED}:
            advice = "The operator should check this machine's clock."
        elif decided := trust_decided_by():
            advice = (
                f"Only authorities of {decided} are trusted here: the operator should add the one that signed it, "
                "or remove the variable, and restart the server."
            )
        else:
            advice = (
                "Where a proxy or virus scanner of your own opens encrypted connections, the operator should set "
                "SSL_CERT_FILE to a PEM file with its authority and restart the server; otherwise somebody may be "
                "listening in."
            )
        return ConnectionSettingsError(
            f"{self._host} was answered for{self.route} with a certificate that is not trusted here "
            f"({error.verify_message.rstrip('.')}), so the token was not sent. {advice}"
        )

    def _proxy_refusal(self, proxy: ProxyChoice, answer: str) -> UnreachableError:
        """Return a proxy's refusal; its text comes from outside, so only its status is repeated."""
        status = answer.partition(" ")[0]
        socks_wants_credentials = answer.startswith(("Requested ", "Invalid username"))
        if status == str(_CREDENTIALS_REQUIRED) or socks_wants_credentials:
            problem = (
                "does not accept the name and password it was given"
                if proxy.has_credentials
                else "wants a name and password"
            )
            return ConnectionSettingsError(
                f"the proxy {proxy} {problem}{'' if socks_wants_credentials else ' (407)'}, so emnify was not asked. "
                f"The operator should put them into {proxy.chosen_by}, as in http://name:password@host:port with "
                "special characters percent-encoded, and restart the server"
            )
        if not status.isdecimal():
            return UnreachableError(
                f"the proxy {proxy} could not connect to {self._host}, so emnify was not asked. {self._proxy_advice()}"
            )
        kind = UnreachableError if status in _TEMPORARY else ConnectionSettingsError
        return kind(f"the proxy {proxy} refused to connect to {self._host} ({status[:3]}). {self._proxy_advice()}")

    def _proxy_advice(self) -> str:
        chosen_by = self._proxy.chosen_by if self._proxy is not None else "the proxy"
        return (
            f"The operator should check that proxy and {chosen_by}, or name {self._host} in NO_PROXY if it needs none, "
            "and restart the server"
        )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
