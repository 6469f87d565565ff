"""What a client can attach to a conversation: the record of changes."""

import json
from collections import deque
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError

from sim_mcp.changes.audit import audit
from sim_mcp.changes.journal import JournalError
from sim_mcp.settings import Settings

NEWEST = 200
"""Items of the record that one resource holds; the command `sim-mcp audit` tells them all."""

_JSON = "application/json"


def add_resources(server: MCPServer[Any], settings: Settings) -> None:
    """Offer the record of changes: as a whole, of one SIM, and of one plan."""

    @server.resource("audit://changes", title="What was changed", mime_type=_JSON)
    def changes() -> str:
        """The newest changes of SIM cards, newest first: who, when, what, how agreed, what came of it."""
        return _told(settings)

    @server.resource("audit://sims/{iccid}", title="What was changed about one SIM", mime_type=_JSON)
    def changes_of_sim(iccid: str) -> str:
        """The newest changes of the SIM cards with these digits in their ICCID, newest first."""
        return _told(settings, sim=iccid)

    @server.resource("audit://plans/{plan}", title="What one plan did", mime_type=_JSON)
    def changes_of_plan(plan: str) -> str:
        """What became of each item of one plan, newest first."""
        return _told(settings, plan=plan)


def _told(settings: Settings, *, sim: str | None = None, plan: str | None = None) -> str:
    try:
        rows = audit(settings.state_directory(), sim=sim)
        found = [row._asdict() for row in rows if plan in (None, row.plan)]
    except (JournalError, OSError) as error:
        raise ResourceError(f"{error} Nothing changed.") from None
    newest = list(deque(found, maxlen=NEWEST))[::-1]
    told: dict[str, Any] = {"total": len(found), "shown": len(newest), "changes": newest}
    return json.dumps(told, ensure_ascii=False, indent=1)
