"""What the operator allows: how many SIMs one change and one hour may touch, and which changes need whose yes."""

from sim_mcp.changes.plan import Plan
from sim_mcp.changes.policy.agreement import why_not_enough
from sim_mcp.changes.policy.rules import Approver, Decision, ForbiddenByPolicyError, read_policy
from sim_mcp.changes.record.entries import StoredPlan
from sim_mcp.emnify import InvalidValueError
from sim_mcp.formatting import format_quantity
from sim_mcp.sanitize import fence
from sim_mcp.settings import Settings


class Limits:
    """Hold plans to the operator's limits and policy."""

    def __init__(self, settings: Settings) -> None:
        self.sims_per_hour = settings.max_sims_per_hour
        self._sims_per_change = settings.max_sims_per_change
        self._policy = read_policy(settings.policy, settings.confirm)

    def approver(self, stored: StoredPlan) -> Approver:
        """Return whose yes a plan takes, where one is asked for."""
        return self._policy.approver_of(stored.plan, stored.caller)

    def decision(self, stored: StoredPlan) -> Decision:
        """Return what the operator's policy says about a plan; a form counts only where who sees it may agree."""
        decision = self._policy.decide(stored.plan, stored.caller)
        return "page" if decision == "ask" and self.approver(stored) != "requester" else decision

    def check_size(self, plan: Plan) -> None:
        """Check that one change may touch as many SIMs.

        Raises:
            InvalidValueError: It may not.
        """
        most, sims = self._sims_per_change, plan.sims_to_do or 0
        if sims > most:
            raise InvalidValueError(
                f"{sims:,} SIMs are more than one change may touch ({most:,}, "
                "SIM_MCP_MAX_SIMS_PER_CHANGE); split it, or ask the operator to raise the limit"
            )

    def check_hour(self, plan: Plan, spent: int) -> None:
        """Check that so many SIMs may be changed besides those that were within the last hour.

        Raises:
            InvalidValueError: They may not.
        """
        hourly, sims = self.sims_per_hour, plan.sims_to_do or 0
        if spent + sims > hourly:
            raise InvalidValueError(
                f"{format_quantity(spent, 'SIM')} were changed within the last hour; {sims:,} more would exceed "
                f"{hourly:,} (SIM_MCP_MAX_SIMS_PER_HOUR); wait, or ask the operator to raise the limit"
            )

    def still_agreed(self, stored: StoredPlan) -> bool:
        """Tell whether what is left of a plan that was agreed to may be sent without a new yes."""
        try:
            return stored.state == "approved" and self.why_not_enough(stored) is None
        except (ForbiddenByPolicyError, InvalidValueError):
            return False

    def why_not_enough(self, stored: StoredPlan) -> str | None:
        """Say why what is left of a change that was agreed to wants a new yes, or None where it does not.

        Raises:
            ForbiddenByPolicyError: The policy forbids it by now.
            InvalidValueError: It is larger than a change may be by now.
        """
        return why_not_enough(stored, self.decide_again(stored), self.approver(stored))

    def decide_again(self, stored: StoredPlan) -> Decision:
        """Decide on a plan that was kept before, by the policy and the limits in force now.

        Raises:
            ForbiddenByPolicyError: The policy forbids it by now.
            InvalidValueError: It is larger than a change may be by now.
        """
        self.check_size(stored.plan)
        decision = self.decision(stored)
        if decision == "never":
            raise ForbiddenByPolicyError(
                "Not done. Nothing changed by this call. list_changes tells what was done before. The operator's "
                f"policy (SIM_MCP_POLICY) forbids this now:\n{fence(f'{stored.plan.summary}.')}"
            )
        return decision
