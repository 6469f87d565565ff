"""The rarer operations on SIMs: eSIM profile jobs, migration between workspaces, installation codes."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sim_mcp.emnify.errors import InvalidValueError
from sim_mcp.emnify.http.calls import Answer, Call
from sim_mcp.emnify.models import InstallationCode, Label, Migration, Operation, Page, ProductCount
from sim_mcp.emnify.pages import page_of, read_one, read_rows

_OPERATIONS = "/api/v1/sim/operation"
_MOST_MIGRATED = 500

Send = Callable[[Call, float | None], Awaitable[Answer]]


class Provisioning:
    """Speak of operations over several SIMs; every method takes `deadline_s`, its time in seconds."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def list_operations(
        self, *, page: int = 1, per_page: int = 100, deadline_s: float | None = None
    ) -> Page[Operation]:
        """List the jobs of this workspace (GET /api/v1/sim/operation)."""
        call = Call("GET", _OPERATIONS, "the operations", params={"page": page, "per_page": per_page})
        return page_of(Operation, await self._send(call, deadline_s), page=page, per_page=per_page)

    async def get_operation(self, operation_id: str, *, deadline_s: float | None = None) -> Operation:
        """Get one job (GET /api/v1/sim/operation/{uuid})."""
        if not operation_id.replace("-", "").isalnum():
            raise InvalidValueError(f"{operation_id[:60]!r} is no operation id; it is a UUID")
        call = Call("GET", f"{_OPERATIONS}/{{uuid}}", f"operation {operation_id}", {"uuid": operation_id})
        return read_one(Operation, await self._send(call, deadline_s))

    async def create_operation(
        self, action: int, targets: Sequence[dict[str, Any]], *, deadline_s: float | None = None
    ) -> Operation:
        """Start a job; a target is `{"sim": {"id": n}}` or `{"eid": "…"}` (POST /api/v1/sim/operation)."""
        body = {"action": {"id": action}, "target": list(targets)}
        call = Call("POST", _OPERATIONS, "the new operation", json=body)
        return read_one(Operation, await self._send(call, deadline_s))

    async def list_operation_actions(self, *, deadline_s: float | None = None) -> list[Label]:
        """List what a job can do (GET /api/v1/sim/operation/action)."""
        answer = await self._send(Call("GET", f"{_OPERATIONS}/action", "the actions"), deadline_s)
        return read_rows(Label, answer)[0]

    async def list_operation_statuses(self, *, deadline_s: float | None = None) -> list[Label]:
        """List how a job can stand (GET /api/v1/sim/operation/status)."""
        answer = await self._send(Call("GET", f"{_OPERATIONS}/status", "the statuses"), deadline_s)
        return read_rows(Label, answer)[0]

    async def migrate_sims(
        self,
        sim_ids: Sequence[int],
        target_workspace: int,
        *,
        dry_run: bool = True,
        deadline_s: float | None = None,
    ) -> Migration:
        """Move SIMs to another workspace, or by default only try (POST /api/v1/sim/migration/workspace).

        Activated SIMs are suspended by it, and it needs a user's credentials, not an application token.
        """
        if not 1 <= len(sim_ids) <= _MOST_MIGRATED:
            raise InvalidValueError(f"{len(sim_ids)} SIMs cannot be migrated at once; 1 to {_MOST_MIGRATED} can")
        body = {
            "sims": [{"id": sim_id} for sim_id in sim_ids],
            "target_workspace": {"id": target_workspace},
            "dry_run": dry_run,
        }
        call = Call("POST", "/api/v1/sim/migration/workspace", f"{len(sim_ids)} SIMs", json=body)
        return read_one(Migration, await self._send(call, deadline_s))

    async def list_unlinked_products(self, *, deadline_s: float | None = None) -> list[ProductCount]:
        """Count eSIM products without a SIM (GET /api/v1/sim/unlinked_product_stats)."""
        answer = await self._send(Call("GET", "/api/v1/sim/unlinked_product_stats", "the products"), deadline_s)
        return read_rows(ProductCount, answer)[0]

    async def get_installation_code(self, sim_id: int, *, deadline_s: float | None = None) -> InstallationCode:
        """Get what an eSIM is installed with; physical SIMs have none (GET /api/v1/sim/{id}/installation_code)."""
        return read_one(InstallationCode, await self._send(_installation_code(sim_id), deadline_s))

    async def get_installation_qr(self, sim_id: int, *, deadline_s: float | None = None) -> str:
        """Get the same as an SVG picture (GET /api/v1/sim/{id}/installation_code)."""
        return (await self._send(_installation_code(sim_id, accept="image/svg+xml"), deadline_s)).text


def _installation_code(sim_id: int, accept: str = "application/json") -> Call:
    template = "/api/v1/sim/{id}/installation_code"
    return Call("GET", template, f"SIM with id {sim_id}", {"id": sim_id}, accept=accept)
