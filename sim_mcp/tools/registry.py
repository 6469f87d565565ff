"""Every tool the server offers: a module of a room below this one that has a `TOOL` is one."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from inspect import getdoc
from typing import Any, Literal

import sim_mcp.tools
from sim_mcp.principal import Scope

Effect = Literal["reads", "files", "writes", "deletes", "continues"]
"""Nothing changes; a file is left on this machine; SIMs change, or go for good; a change begun before goes on."""

_NEEDED: dict[Effect, frozenset[Scope]] = {
    "reads": frozenset({"sims:read"}),
    "files": frozenset({"sims:read"}),
    "writes": frozenset({"sims:write"}),
    "deletes": frozenset({"sims:delete"}),
    "continues": frozenset({"sims:write", "sims:delete"}),
}


@dataclass(frozen=True)
class Entry:
    """Describe one tool; its description is the docstring of its function."""

    function: Callable[..., Any]
    title: str
    effect: Effect = "reads"
    idempotent: bool = True

    @property
    def name(self) -> str:
        """Return the name the model calls it by."""
        return self.function.__name__

    @property
    def reads(self) -> bool:
        """Tell whether a call leaves everything as it was."""
        return self.effect == "reads"

    @property
    def destroys(self) -> bool:
        """Tell whether a call may change what is at emnify."""
        return self.effect not in ("reads", "files")

    @property
    def scopes(self) -> frozenset[Scope]:
        """Return the scopes of which a caller has to have one."""
        return _NEEDED[self.effect]

    @property
    def description(self) -> str:
        """Return what the model reads about it."""
        return " ".join((getdoc(self.function) or "").split())


def tools(*, may_write: bool) -> Sequence[Entry]:
    """Return the tools to offer, by name; those that write to emnify only where the operator allows writing."""
    return tuple(entry for entry in _all_tools() if may_write or not entry.destroys)


def scopes_of(tool: str) -> frozenset[Scope]:
    """Return the scopes of which a caller of the tool has to have one."""
    return _scopes().get(tool, frozenset())


@cache
def _all_tools() -> tuple[Entry, ...]:
    return tuple(sorted(_discovered(), key=lambda entry: (entry.destroys, entry.name)))


@cache
def _scopes() -> dict[str, frozenset[Scope]]:
    return {entry.name: entry.scopes for entry in _all_tools()}


def _discovered() -> Iterator[Entry]:
    for module in pkgutil.walk_packages(sim_mcp.tools.__path__, f"{sim_mcp.tools.__name__}."):
        found = getattr(importlib.import_module(module.name), "TOOL", None)
        if isinstance(found, Entry):
            yield found
