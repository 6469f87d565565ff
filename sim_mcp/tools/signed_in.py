"""Who signed in for the request that is being answered, by the SDK's own context."""

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken

from sim_mcp.principal import Principal


class SignedIn(AccessToken):
    """A token that was accepted, and who it stands for; the SDK ties sessions and open forms to it."""

    principal: Principal

    @classmethod
    def of(cls, principal: Principal, client_id: str, expires_at: int | None = None) -> "SignedIn":
        """Return what stands for a principal; the token itself is kept nowhere."""
        return cls(
            token="",  # the name of a field.
            client_id=client_id,
            scopes=sorted(principal.scopes),
            expires_at=expires_at,
            subject=principal.subject,
            claims={"iss": principal.issuer},
            principal=principal,
        )


def signed_in_principal() -> Principal | None:
    """Return who signed in, or None where nobody had to: on stdio, or without a key."""
    token = get_access_token()
    return token.principal if isinstance(token, SignedIn) else None
