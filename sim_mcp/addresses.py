"""Addresses that an operator sets: encrypted, or of this machine."""

import ipaddress
from urllib.parse import SplitResult, urlsplit


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def split_plain(address: str, *, example: str) -> SplitResult:
    """Take an address apart that is https, or http on this machine, and holds no user, query or fragment.

    Raises:
        ValueError: It is anything else; the message says what it has to be.
    """
    url = urlsplit(address)
    try:
        url.port  # noqa: B018  # reading it is what checks it.
    except ValueError:
        raise ValueError("must have a port between 0 and 65535") from None
    if url.username or url.password or url.query or url.fragment or not url.hostname:
        raise ValueError(f"must be a plain base address such as {example}")
    if url.scheme == "https" or (url.scheme == "http" and is_loopback(url.hostname)):
        return url
    raise ValueError("must be https, or http on this machine (127.0.0.1): a token never travels in clear")
