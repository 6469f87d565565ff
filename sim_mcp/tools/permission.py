"""Whether who asks may do what they ask, in words for the model where they may not."""

from sim_mcp.principal import Principal, Scope


def why_not(who: Principal, what: str, needed: frozenset[Scope]) -> str | None:
    """Say why somebody may not do something that needs one of these scopes, or None if they may."""
    if who.workspaces is not None:
        # Until it is known which workspace this is, nobody is let into one that may be another's.
        return (
            f"{who.name} may only use certain workspaces ({', '.join(sorted(who.workspaces)) or 'none'}), and this "
            "server does not say which one it serves. Nothing was sent, nothing changed. The operator has to give "
            "access without naming workspaces, or a server that names them."
        )
    if who.has_one_of(needed):
        return None
    wanted = " or ".join(sorted(needed))
    has = ", ".join(sorted(who.scopes)) or "none"
    return (
        f"{what} needs the scope {wanted}, and {who.name} has {has}. Nothing was sent, nothing changed. Sign in again "
        f"and grant {wanted}, or ask the operator for access with it."
    )
