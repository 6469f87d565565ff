"""Who somebody is in each workspace of the server: the pages and the audit show what is theirs there."""

from collections.abc import Mapping
from typing import Any

from sim_mcp.changes.record.storage import JournalError
from sim_mcp.principal import Principal
from sim_mcp.server.upstreams.vault import Vault
from sim_mcp.server.workspaces import Workspaces
from sim_mcp.workspaces.file import Workspace


class Reach:
    """Tell who somebody is where; with one workspace alone, they are the same everywhere."""

    def __init__(self, workspaces: Workspaces | None = None) -> None:
        self._workspaces = workspaces

    async def wake(self, who: Principal) -> None:
        """Start the workspaces that are open to somebody: their plans may have been made on another server."""
        if self._workspaces is not None:
            for name in self._workspaces.open_to(who):
                await self._workspaces.wake(name)

    def there(self, workspace: str, who: Principal) -> Principal | None:
        """Return who somebody is in a workspace, with what they may there, or None where it is closed to them."""
        if self._workspaces is None:
            return who
        holding = self._workspaces.holding(workspace)
        return None if holding is None else self._workspaces.open_to(who).get(holding.name)

    def claims_that_count(self, claims: Mapping[str, Any]) -> dict[str, list[str]]:
        """Return of somebody's claims what a workspace may be open to them for."""
        return {} if self._workspaces is None else self._workspaces.claims_that_count(claims)

    def taking_tokens(self, who: Principal) -> list[Workspace]:
        """Return the workspaces of somebody to which they bring a token of their own."""
        return [] if self._workspaces is None else self._workspaces.taking_tokens(who)

    def vault(self) -> Vault:
        """Return where those tokens are kept.

        Raises:
            JournalError: There is no place for them.
        """
        if self._workspaces is None:
            raise JournalError("This server has one workspace, with a token of the operator's.")
        return self._workspaces.own_tokens.vault

    def sees_all(self, who: Principal) -> bool:
        """Tell whether somebody sees, in some workspace, what others asked for."""
        if self._workspaces is None:
            return who.sees_all
        return any(there.sees_all for there in self._workspaces.open_to(who).values())
