"""What a rule or a limit of the operator is about: which changes, of whom, where."""

from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from sim_mcp.changes.kinds import STATUSES, StatusWord, ToolName
from sim_mcp.changes.plan import Plan
from sim_mcp.changes.record.entries import Caller
from sim_mcp.principal import Scope


class About(BaseModel):
    """The changes that something is about; what is left out matches anything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tool: ToolName | None = None
    status: StatusWord | None = None
    principal: str | None = None
    """Who asks: the subject, or issuer and subject, as the audit has them; of who did not sign in the account."""
    scope: Scope | None = None
    """What who asks may do."""
    workspace: str | None = None
    """The workspace as a plan names it, or its id alone."""

    @model_validator(mode="after")
    def _may_fit(self) -> Self:
        # What is about another status would never fit, and nobody would notice.
        if self.tool is not None and self.status is not None and self.status not in STATUSES[self.tool]:
            known = ", ".join(STATUSES[self.tool]) or "no status at all"
            raise ValueError(f'it never fits: {self.tool} does not set status "{self.status}", but {known}')
        return self

    def is_about(self, plan: Plan, caller: Caller | None) -> bool:
        """Tell whether it is about a plan of a caller; the items of the plan do not matter."""
        status = plan.change.status.word if plan.change.status is not None else None
        return (
            self.tool in (None, plan.tool)
            and self.status in (None, status)
            and self.workspace in (None, plan.workspace, _id_of(plan.workspace), plan.workspace_name or None)
            and self._is_of(caller)
        )

    def _is_of(self, caller: Caller | None) -> bool:
        if caller is None:
            return self.principal is None and self.scope is None
        names = (caller.subject, caller.identity) if caller.signed_in else (caller.principal,)
        return self.principal in (None, *names) and (self.scope is None or self.scope in caller.scopes)


def _id_of(workspace: str) -> str | None:
    """Return the id in a workspace as plans name it: "Acme" (id 7), or id 7."""
    return workspace.removesuffix(")").rpartition("id ")[2] or None
