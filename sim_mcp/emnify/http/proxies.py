"""Which proxy to use for emnify, by this machine's environment variables and settings."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from sim_mcp.emnify.errors import ConnectionSettingsError

_MAX_LENGTH = 80
_CREDENTIALS = re.compile(r"^([a-z][a-z0-9+.-]*://)?.*@", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class ProxyChoice:
    """A proxy, and the setting that chose it. Its text form never has the password that its address may hold."""

    proxy: httpx.Proxy
    chosen_by: str

    @property
    def is_socks(self) -> bool:
        """Tell whether it is a SOCKS proxy rather than an HTTP proxy."""
        return self.proxy.url.scheme.startswith("socks")

    @property
    def has_credentials(self) -> bool:
        """Tell whether a name and password are set for it."""
        return bool(self.proxy.raw_auth)

    def __str__(self) -> str:
        """Return the address, and the setting that chose it."""
        return f"{self.proxy.url.scheme}://{self.proxy.url.netloc.decode()} ({self.chosen_by})"

    def __repr__(self) -> str:
        """Keep the password out of logs and tracebacks."""
        return f"ProxyChoice({self})"


def proxy_for(url: str) -> ProxyChoice | None:
    """Return the proxy that is set for an address, or None.

    Raises:
        ConnectionSettingsError: The setting is not the address of a proxy.
    """
    parts = urlsplit(url)
    found = getproxies()
    kind = next((kind for kind in (parts.scheme, "all") if found.get(kind)), None)
    if kind is None or _is_excepted(parts.hostname or "", parts.port or 443, found):
        return None
    chosen_by = next(
        (name for name in sorted(os.environ) if name.lower() == f"{kind}_proxy" and os.environ[name] == found[kind]),
        "the system's proxy settings",
    )
    try:
        proxy = httpx.Proxy(found[kind] if "://" in found[kind] else f"http://{found[kind]}")
    except (ValueError, httpx.InvalidURL):
        proxy = None
    if proxy is None or not proxy.url.host:
        raise ConnectionSettingsError(
            f"{chosen_by} holds {without_credentials(found[kind])!r}, which is not the address of a proxy. "
            "The operator should make it like http://proxy.example:3128 or socks5://proxy.example:1080, or remove it, "
            "and restart the server"
        )
    return ProxyChoice(proxy, chosen_by)


def without_credentials(address: str) -> str:
    """Return an address, however malformed, without the name and password before its last @."""
    return _CREDENTIALS.sub(r"\1…@", address)[:_MAX_LENGTH]


def _is_excepted(host: str, port: int, found: Mapping[str, str]) -> bool:
    """Tell whether NO_PROXY has the host: by name or domain, with or without a port, by address or network."""
    if "no" not in found:
        return bool(proxy_bypass(host))
    host = host.lower().rstrip(".")
    return any(_matches(pattern.strip().lower(), host, port) for pattern in found["no"].split(","))


def _matches(pattern: str, host: str, port: int) -> bool:
    pattern = pattern.partition("://")[2] or pattern
    if pattern == "*" or _contains(pattern, host):
        return True
    name, _, wanted = pattern.rpartition(":")
    if wanted.isdecimal():
        if int(wanted) != port:
            return False
        pattern = name
    domain = pattern.removeprefix("*").strip(".")
    return _contains(pattern, host) or (bool(domain) and (host == domain or host.endswith(f".{domain}")))


def _contains(network: str, host: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network.strip("[]"), strict=False)
    except ValueError:
        return False
