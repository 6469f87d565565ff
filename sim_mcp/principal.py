"""Who asks: a person or a program, as whoever vouches for them names them, and what they may."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self, get_args

Scope = Literal["sims:read", "sims:write", "sims:delete", "sims:approve"]
"""Ask, and export; change SIMs; delete SIMs; see and approve what others of the workspace asked for."""

SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True)
class Principal:
    """Who asks. Without an issuer it is whoever runs the server: nobody signed in, nobody vouches."""

    issuer: str
    subject: str
    name: str
    """What people call them; no two principals are told apart by it."""
    scopes: frozenset[str]
    workspaces: frozenset[str] | None = None
    """The workspaces they may work on; None where nothing limits them."""
    claims: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """What the issuer says of them, by which workspaces may be opened to them."""

    @property
    def signed_in(self) -> bool:
        """Tell whether somebody vouches for who this is."""
        return bool(self.issuer)

    @property
    def sees_all(self) -> bool:
        """Tell whether they see what others of the workspace asked for."""
        return "sims:approve" in self.scopes

    @property
    def key(self) -> str:
        """Return what tells this principal from every other."""
        return f"{self.issuer} {self.subject}"

    def has_one_of(self, scopes: frozenset[Scope]) -> bool:
        """Tell whether one of these scopes is among theirs."""
        return not self.scopes.isdisjoint(scopes)

    def only_with(self, scopes: frozenset[str]) -> Self:
        """Return the same principal where they may only this, in a workspace that was found to be open to them."""
        return replace(self, scopes=scopes, workspaces=None)


NOBODY = Principal("nobody", "nobody", "who did not sign in", frozenset())


def local_principal(account: str) -> Principal:
    """Return whoever runs the server, under the name of the account; they may do all that the operator allows."""
    return Principal("", account, account, frozenset(SCOPES))
