"""Who may use a workspace, and what they may there: never more than they were let in with."""

from collections.abc import Iterable, Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sim_mcp.principal import Principal, Scope

KEYS = "keys of this server"
"""The issuer of who comes with a key."""


class Grant(BaseModel):
    """Let somebody use a workspace: a key by its name, a person by what the issuer says, or whoever signs in."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    key: str | None = None
    subject: str | None = None
    issuer: str | None = None
    claim: str | None = None
    value: str | None = None
    everybody: bool = Field(default=False, strict=True)
    scopes: tuple[Scope, ...] | None = None
    """What they may of what they were let in with; None for all of it."""

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        by = [self.key is not None, self.subject is not None, self.claim is not None, self.everybody]
        if sum(by) != 1:
            raise ValueError('write one of key = "…", subject = "…", claim = "…" with value = "…", or everybody = true')
        if (self.claim is None) != (self.value is None):
            raise ValueError('claim and value go together, such as claim = "groups" and value = "field-service"')
        if self.issuer is not None and self.key is not None:
            raise ValueError("a key has no issuer")
        return self

    def fits(self, who: Principal) -> bool:
        """Tell whether this is about somebody."""
        if self.key is not None:
            return who.issuer == KEYS and who.name == self.key
        if self.issuer not in (None, who.issuer):
            return False
        if self.everybody:
            return True
        # What an issuer says is no name of a key, and the other way round.
        if who.issuer == KEYS:
            return False
        if self.subject is not None:
            return who.subject == self.subject
        return self.claim is not None and self.value in values_of(who.claims, self.claim)

    def scopes_of(self, who: Principal) -> frozenset[str]:
        """Return what somebody may whom this is about."""
        return who.scopes if self.scopes is None else who.scopes & frozenset(self.scopes)


def scopes_in(workspace: str, grants: Iterable[Grant], who: Principal) -> frozenset[str] | None:
    """Return what somebody may in a workspace, or None where it is closed to them.

    Whoever runs the server may use all; a key that was made for a workspace needs no grant there.
    """
    if not who.signed_in:
        return who.scopes
    if who.workspaces is not None and workspace not in who.workspaces:
        return None
    fitting = [grant.scopes_of(who) for grant in grants if grant.fits(who)]
    if fitting:
        return frozenset[str]().union(*fitting)
    return None if who.workspaces is None else who.scopes


def values_of(claims: Mapping[str, Any], path: str) -> list[str]:
    """Return the values of a claim, which may lie inside others: realm_access.roles."""
    found: Any = claims
    if path in claims:  # such as a name that is an address, with dots in it.
        found = claims[path]
    else:
        for name in path.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return [found]
    return [value for value in found if isinstance(value, str)] if isinstance(found, list) else []
