"""Where somebody who signed in may look: the changes of the workspaces that are open to them, as who they are there."""

from collections.abc import AsyncIterator, Sequence

from sim_mcp.changes.approval_page.desk import Desk
from sim_mcp.changes.service import ChangeService
from sim_mcp.principal import Principal
from sim_mcp.server.approvals.sessions import Session
from sim_mcp.server.workspaces import Workspaces
from sim_mcp.workspaces.token_source import TokenUnavailableError


class Places:
    """Know the desks of this server; a workspace is started when somebody looks into it."""

    def __init__(self, services: Sequence[ChangeService], workspaces: Workspaces | None) -> None:
        self._services = services
        self._workspaces = workspaces

    def open_to(self, who: Principal) -> dict[str, Principal] | None:
        """Return who somebody is in each workspace that is open to them, or None where there is only one."""
        return None if self._workspaces is None else self._workspaces.open_to(who)

    async def desks(self, session: Session) -> AsyncIterator[tuple[Desk, Principal]]:
        """Yield the desks that somebody may look at, each with who they are there.

        Raises:
            JournalError: There is no place for the record.
        """
        if self._workspaces is None:
            for service in self._services[:1]:
                yield service.desk, session.who
            return
        # Who signed in on a server of one workspace is nobody here.
        for name, there in (session.here or {}).items():
            if name not in self._workspaces.names:
                continue
            try:
                changes = (await self._workspaces.services(name)).changes
            except TokenUnavailableError:
                continue
            if changes is not None:
                yield changes.desk, there

    def look_again(self, plan_id: str) -> None:
        """Have whoever waits for a plan on this server look whether it was decided."""
        for service in self._services:
            service.look_again(plan_id)
