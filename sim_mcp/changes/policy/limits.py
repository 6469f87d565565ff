"""What the operator allows: how many SIMs may be changed, at once and in a time, and which changes need whose yes."""

from collections.abc import Iterable, Iterator

from sim_mcp.changes.backend import Backend
from sim_mcp.changes.item import PlannedItem
from sim_mcp.changes.plan import Plan
from sim_mcp.changes.policy.agreement import is_enough, why_not_enough
from sim_mcp.changes.policy.limit import Over
from sim_mcp.changes.policy.rules import Approver, Decision, ForbiddenByPolicyError, read_policy
from sim_mcp.changes.record.entries import Caller, StoredPlan
from sim_mcp.changes.record.quota import Quota
from sim_mcp.emnify import InvalidValueError
from sim_mcp.formatting import format_quantity
from sim_mcp.sanitize import fence
from sim_mcp.settings import Settings

_STRICTER: tuple[Decision, ...] = ("allow", "ask", "page", "never")


class Limits:
    """Hold plans to the operator's limits and policy."""

    def __init__(self, settings: Settings) -> None:
        self._sims_per_hour = settings.max_sims_per_hour
        self._sims_per_change = settings.max_sims_per_change
        self._policy = read_policy(settings.policy, settings.confirm)

    def approver(self, stored: StoredPlan) -> Approver:
        """Return whose yes a plan takes, where one is asked for."""
        return self._policy.approver_of(stored.plan, stored.caller)

    async def decision(
        self, backend: Backend, stored: StoredPlan, left: Iterable[PlannedItem] | None = None
    ) -> Decision:
        """Return what the operator decided about a plan, or what is left of it, by what was changed of late.

        Raises:
            JournalError: The record cannot be read.
        """
        decision = self._decision(stored)
        sims = _weight(stored.plan, stored.plan.to_do if left is None else left)
        for over, quota in self._beyond(stored.plan, stored.caller):
            if _is_stricter(over, decision) and sims + await backend.record(backend.journal.sent, quota) > quota.sims:
                decision = over
        return self._shown_to_who_may(decision, stored)

    async def check(self, backend: Backend, plan: Plan, caller: Caller) -> None:
        """Check that one change may touch as many SIMs, besides those that were changed of late.

        Raises:
            InvalidValueError: It may not.
            JournalError: The record cannot be read.
        """
        self._check_size(plan, caller)
        sims = plan.sims_to_do or 0
        for quota in self._never_beyond(plan, caller):
            spent = await backend.record(backend.journal.sent, quota)
            if spent + sims > quota.sims:
                changed = f"{format_quantity(spent, 'SIM')} {'was' if spent == 1 else 'were'} changed"
                raise InvalidValueError(
                    f"{changed} {quota.past}; {sims:,} more would exceed "
                    f"{quota.sims:,} ({quota.set_by}); wait, or ask the operator to raise the limit"
                )

    def binding(self, stored: StoredPlan) -> list[Quota]:
        """Return what a plan may not go beyond by the yes that it has, as its SIMs are sent."""
        asked = [
            quota
            for over, quota in self._beyond(stored.plan, stored.caller)
            if over != "never" and not is_enough(stored, over)
        ]
        return [*self._never_beyond(stored.plan, stored.caller), *asked]

    def still_agreed(self, stored: StoredPlan) -> bool:
        """Tell whether what is left of a plan that was agreed to may be sent without a new yes, within its limits."""
        try:
            self._check_size(stored.plan, stored.caller)
        except InvalidValueError:
            return False
        decision = self._shown_to_who_may(self._decision(stored), stored)
        return stored.state == "approved" and why_not_enough(stored, decision, self.approver(stored)) is None

    async def why_not_enough(self, backend: Backend, stored: StoredPlan, left: Iterable[PlannedItem]) -> str | None:
        """Say why what is left of a change that was agreed to wants a new yes, or None where it does not.

        Raises:
            ForbiddenByPolicyError: The policy forbids it by now.
            InvalidValueError: It is larger than a change may be by now.
            JournalError: The record cannot be read.
        """
        return why_not_enough(stored, await self.decide_again(backend, stored, left), self.approver(stored))

    async def decide_again(
        self, backend: Backend, stored: StoredPlan, left: Iterable[PlannedItem] | None = None
    ) -> Decision:
        """Decide on a plan that was kept before, by the policy and the limits in force now.

        Raises:
            ForbiddenByPolicyError: The policy forbids it by now.
            InvalidValueError: It is larger than a change may be by now.
            JournalError: The record cannot be read.
        """
        self._check_size(stored.plan, stored.caller)
        decision = await self.decision(backend, stored, left)
        if decision == "never":
            raise ForbiddenByPolicyError(
                "Not done. Nothing changed by this call. list_changes tells what was done before. The operator's "
                f"policy (SIM_MCP_POLICY) forbids this now:\n{fence(f'{stored.plan.summary}.')}"
            )
        return decision

    def _decision(self, stored: StoredPlan) -> Decision:
        """Return what the rules say, and the limits for one change; that it is too large for any, is another matter."""
        decision, sims = self._policy.decide(stored.plan, stored.caller), stored.plan.sims_to_do
        for _, limit in self._policy.limits_of(stored.plan, stored.caller):
            too_many = limit.per == "change" and limit.over != "never" and (sims is None or sims > limit.sims)
            if too_many and _is_stricter(limit.over, decision):
                decision = limit.over
        return decision

    def _shown_to_who_may(self, decision: Decision, stored: StoredPlan) -> Decision:
        # A form counts only where who sees it may agree.
        return "page" if decision == "ask" and self.approver(stored) != "requester" else decision

    def _check_size(self, plan: Plan, caller: Caller) -> None:
        mosts = [(self._sims_per_change, "SIM_MCP_MAX_SIMS_PER_CHANGE")]
        for number, limit in self._policy.limits_of(plan, caller):
            if limit.per == "change" and limit.over == "never":
                mosts.append((limit.sims, f"limit {number} of SIM_MCP_POLICY"))
        (most, set_by), sims = min(mosts), plan.sims_to_do or 0
        if sims > most:
            raise InvalidValueError(
                f"{sims:,} SIMs are more than one change may touch ({most:,}, {set_by}); split it, or ask the operator "
                "to raise the limit"
            )

    def _never_beyond(self, plan: Plan, caller: Caller) -> list[Quota]:
        return [Quota(self._sims_per_hour), *(quota for over, quota in self._beyond(plan, caller) if over == "never")]

    def _beyond(self, plan: Plan, caller: Caller) -> Iterator[tuple[Over, Quota]]:
        """Yield what the policy file leaves for a time, and what is decided about what goes beyond."""
        for number, limit in self._policy.limits_of(plan, caller):
            if limit.per != "change":
                yield limit.over, limit.quota(caller, number)


def _is_stricter(one: Decision, other: Decision) -> bool:
    return _STRICTER.index(one) > _STRICTER.index(other)


def _weight(plan: Plan, items: Iterable[PlannedItem]) -> int:
    return sum(plan.change.weigh(item) for item in items)
