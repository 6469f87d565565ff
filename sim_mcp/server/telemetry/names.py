"""Names that clients make up, kept from becoming names of spans and labels of metrics.

A tool that is not there is called by whatever name a client sends: each would be a series of its own, and may hold
whatever a person typed.
"""

from collections.abc import Iterable
from typing import get_args

from mcp.types import ClientNotification, ClientRequest
from mcp_types.version import KNOWN_PROTOCOL_VERSIONS
from pydantic import BaseModel

OTHER = "unknown"


class KnownNames:
    """The methods, tools and prompts there are."""

    def __init__(self, tools: Iterable[str], prompts: Iterable[str]) -> None:
        self._methods = frozenset(_methods())
        self._targets = {"tools/call": frozenset(tools), "prompts/get": frozenset(prompts)}

    @staticmethod
    def version(name: object) -> str:
        """Return a version of the protocol, or the word for any other."""
        return name if isinstance(name, str) and name in KNOWN_PROTOCOL_VERSIONS else OTHER

    def method(self, name: str) -> str:
        """Return a method of the protocol, or the word for any other."""
        return name if name in self._methods else OTHER

    def target(self, method: str, name: object) -> str | None:
        """Return which tool or prompt a message is about, or the word for one that is not there; else None."""
        known = self._targets.get(method)
        if known is None or name is None:
            return None
        return name if isinstance(name, str) and name in known else OTHER


def _methods() -> Iterable[str]:
    """Return every method that a client may send, by the protocol's own types."""
    messages: tuple[type[BaseModel], ...] = (*get_args(ClientRequest), *get_args(ClientNotification))
    for message in messages:
        yield from get_args(message.model_fields["method"].annotation)
