"""How much may be changed: by one change, one principal or one workspace, and what happens beyond."""

from typing import Literal, Self

from pydantic import Field, model_validator

from sim_mcp.changes.plan import Plan
from sim_mcp.changes.policy.about import About
from sim_mcp.changes.record.entries import Caller
from sim_mcp.changes.record.quota import Quota

Per = Literal["change", "principal", "workspace"]
"""One change; all of one principal in a workspace; all of a workspace."""

Over = Literal["ask", "page", "never"]
"""What is decided about what goes beyond: a person is asked, or on the page alone; refused."""

LONGEST_H = 24


class Limit(About):
    """So many SIMs, of the changes that it is about."""

    sims: int = Field(ge=1, strict=True)
    per: Per
    hours: int | None = Field(default=None, ge=1, le=LONGEST_H, strict=True)
    """How long what was changed counts; by default one hour."""
    over: Over = "never"

    @model_validator(mode="after")
    def _counts_what_it_says(self) -> Self:
        if self.per == "change" and self.hours is not None:
            raise ValueError('per = "change" counts one change, so that hours says nothing; leave it out')
        return self

    def quota(self, caller: Caller, number: int) -> Quota:
        """Return what it leaves to a caller; `number` is its place among the limits of the file."""

        def counts(plan: Plan, asked: Caller) -> bool:
            return self.is_about(plan, asked) and (self.per == "workspace" or _same(asked, caller))

        return Quota(self.sims, f"limit {number} of SIM_MCP_POLICY, per {self.per}", self.hours or 1, counts)


def _same(one: Caller, other: Caller) -> bool:
    """Tell whether two who asked are one; who did not sign in, is who the account is, through whichever client."""
    if one.signed_in or other.signed_in:
        return (one.issuer, one.subject) == (other.issuer, other.subject)
    return one.principal == other.principal
