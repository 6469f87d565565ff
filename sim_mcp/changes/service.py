"""The service for changes: keep plans, have them agreed to by the best route there is, carry them out once, report."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import NoReturn

import anyio

from sim_mcp.changes.apply import Run
from sim_mcp.changes.approval_page.approvals import Approvals
from sim_mcp.changes.approval_page.desk import Desk
from sim_mcp.changes.approval_page.notifier import Notifier
from sim_mcp.changes.approval_page.offer import PageOffer
from sim_mcp.changes.approval_page.public_offer import PublicOffer
from sim_mcp.changes.backend import Backend, open_journal
from sim_mcp.changes.decision import decide, tell_made
from sim_mcp.changes.kinds.fees import word_due
from sim_mcp.changes.plan import Plan, remake
from sim_mcp.changes.policy.agreement import BY_POLICY
from sim_mcp.changes.policy.approver import WHOSE_YES
from sim_mcp.changes.policy.limits import Limits
from sim_mcp.changes.policy.open_plans import check_open_plans
from sim_mcp.changes.policy.rules import Decision
from sim_mcp.changes.record.entries import Caller, StoredPlan
from sim_mcp.changes.record.history import Change, changes
from sim_mcp.changes.record.journal import Journal
from sim_mcp.changes.record.last_change import LastChange
from sim_mcp.changes.record.storage import JournalError, Record, TurnLostError
from sim_mcp.changes.record.unsettled import count_unsettled
from sim_mcp.changes.recovery import Recovery
from sim_mcp.changes.refusals import (
    NotConfirmedError,
    no_too_late,
    no_way_to_ask,
    nobody_signs_in,
    not_agreed,
    not_confirmed,
    stopped,
)
from sim_mcp.changes.report import Report, ReportProgress, hears_nothing
from sim_mcp.emnify import EmnifyClient, Sim
from sim_mcp.fleet.inventory.inventory import Inventory
from sim_mcp.formatting import format_counts, format_quantity
from sim_mcp.observing import NOBODY, Observer
from sim_mcp.recorder import Recorder
from sim_mcp.settings import Settings

log = logging.getLogger(__name__)

RUN_FOR_S = 45.0
"""How long one call waits and works; many clients give up on a call after 60 s, and the next call goes on."""

_LEAST_S = 5.0
"""What a call works on a plan at least, however late it was approved."""


class ChangeService:
    """Keep plans, see that somebody agreed, and carry them out."""

    def __init__(
        self,
        client: EmnifyClient,
        settings: Settings,
        inventory: Inventory | None = None,
        *,
        run_for_s: float = RUN_FOR_S,
        observer: Observer = NOBODY,
        people_sign_in: bool = False,
        record: Record | None = None,
    ) -> None:
        """Make changes through a client, by the settings; `record` is shared with what else keeps something there."""
        self._client = client
        self._run_for_s = run_for_s
        self._inventory = inventory
        self._observer = observer
        self._settings = settings
        self._limits = Limits(settings)
        self._record = Recorder()
        self._shared = record
        self._opened: Backend | None = None
        public = settings.approvals_url if people_sign_in else None
        self._page = PublicOffer(public) if public else PageOffer(open_browser=settings.open_browser)
        self._notifier = Notifier(settings)

    async def keep(self, plan: Plan, caller: Caller) -> StoredPlan:
        """Keep a plan durably, within the limits an operator set.

        Raises:
            InvalidValueError: It concerns more SIMs than one change, or one hour, may, or the caller has too many open.
            JournalError: The record cannot be kept.
        """
        await self._limits.check(self._backend, self._placed(plan), caller)
        plan = await self._described(plan)
        await check_open_plans(self._backend, plan, caller, self._settings.open_plans)
        stored = await self._record(self._journal.keep, plan, caller)
        tell_made(self._observer, stored)
        return stored

    async def require_journal(self) -> None:
        """Check that the journal can be written, so that nothing is planned that could not be recorded.

        Raises:
            JournalError: The record cannot be kept.
        """
        await self._record(self._journal.check_writable)

    async def decision(self, stored: StoredPlan) -> Decision:
        """Return what the operator's policy says about a plan.

        Raises:
            JournalError: The record cannot be read.
        """
        return await self._limits.decision(self._backend, stored)

    async def carry_out(self, stored: StoredPlan, how: str, progress: ReportProgress, started: float) -> Report:
        """Record that a plan was agreed to and carry it out, as far as the time of a call begun then allows.

        Raises:
            NotConfirmedError: It expired, or was decided otherwise, meanwhile.
            JournalError: The record cannot be kept.
        """
        if stored.plan.to_do and not await decide(self._backend, stored, approved=True, how=how):
            await self._require_approval(stored.id)
        return await self._run(stored.id, progress, self._deadline(started))

    async def reject(self, stored: StoredPlan, how: str) -> NoReturn:
        """Record that a person refused the plan.

        Raises:
            NotConfirmedError: Always; it says how the plan was decided.
            JournalError: The record cannot be kept.
        """
        await decide(self._backend, stored, approved=False, how=how)
        await self._require_approval(stored.id)
        raise NotConfirmedError(no_too_late(stored.id))

    async def offer_page(
        self, stored: StoredPlan, progress: ReportProgress, started: float, *, asked: bool = False, wait: bool = True
    ) -> Report:
        """Show the plan on a page of this machine, wait for a person within the time of the call, then carry it out.

        Args:
            stored: the plan, as it waits.
            progress: what reports how far it is.
            started: when the call began, by the event loop's clock.
            asked: whether a form was shown for it before.
            wait: whether to wait for a person at all.

        Raises:
            NotConfirmedError: There is no page to offer, or the person rejected the plan.
        """
        if not self._settings.approval_page:
            raise NotConfirmedError(not_confirmed(stored.plan) if asked else no_way_to_ask(stored.plan))
        if not self._page.signs_in and self._limits.approver(stored) != "requester":
            raise NotConfirmedError(nobody_signs_in(stored.plan))
        if not self._page.was_offered(stored.id):
            self._notifier.tell(stored, self._page.public_link(stored.id))
        link = await self._page.link_to(stored, Approvals(self._backend))
        await self._page.wait(stored, link, progress, started + (self._settings.approval_wait_s if wait else 0))
        now = await self._record(self._journal.plan, stored.id) or stored
        if now.state == "waiting":
            return await self._report(stored.id, link=link)
        await self._require_approval(stored.id)
        return await self._run(stored.id, progress, self._deadline(started))

    async def go_on(
        self,
        plan_id: str | None,
        caller: Caller,
        progress: ReportProgress,
        *,
        may_call: Callable[[str], str | None] = lambda _: None,
        unasked: bool = True,
        heard: bool = False,
    ) -> Report:
        """Carry out what is approved and not done yet, and return how the plan stands.

        Args:
            plan_id: the plan; without one, the only open one of the caller.
            caller: who asks.
            progress: what reports how far it is.
            may_call: says why the caller may not call a tool, by its name, or None if they may.
            unasked: whether the operator's policy may agree by itself, as it may where callers are known.
            heard: whether the client hears of progress, and so of a link, while it waits.

        Raises:
            NotConfirmedError: There is no such plan of this caller, or it was rejected or expired, or several are open,
                or the caller may not make such a change.
            ForbiddenByPolicyError: The operator's policy forbids it by now.
            InvalidValueError: It is larger than a change may be by now.
        """
        started, recovery = anyio.current_time(), Recovery(self._backend)
        stored = await recovery.plan_of(plan_id or await recovery.only_open_one(caller), caller)
        if (refused := may_call(stored.plan.tool)) is not None:
            raise NotConfirmedError(refused)
        if stored.state == "waiting" and stored.plan.to_do:
            decision = await self._limits.decide_again(self._backend, stored)
            if decision == "allow" and unasked:
                return await self.carry_out(stored, BY_POLICY, progress, started)
            # A link that nobody was given yet comes at once, instead of after a wait in silence. Where people sign in,
            # it may have been given by another server, and the plan is listed anyway.
            known = self._page.signs_in or self._page.was_offered(stored.id)
            return await self.offer_page(stored, progress, started, wait=heard or known)
        if stored.plan.items and not stored.plan.to_do:
            return await self._report(stored.id)
        if stored.state not in ("approved", "lapsed"):
            await self._require_approval(stored.id)
        left = await recovery.never_sent(stored)
        if left and (why := await self._limits.why_not_enough(self._backend, stored, left)):
            return await self._ask_anew(stored, why, progress, started, heard=heard)
        return await self._run(stored.id, progress, self._deadline(started))

    async def changes(
        self, *, sim: str | None = None, start: datetime | None = None, end: datetime | None = None
    ) -> list[Change]:
        """Return the changes on record, newest first, after reading again what is in doubt.

        Raises:
            JournalError: The record cannot be read.
        """
        await Recovery(self._backend).reread_doubts()
        return await self._record(changes, self._journal, sim=sim, start=start, end=end, details=True)

    async def last_change(self, sim: Sim) -> LastChange | None:
        """Return the last change that was sent for a SIM, or None where the record has or tells none."""
        try:
            return await Recovery(self._backend).last_change(sim)
        except JournalError as error:
            # It is told beside other facts, which do not depend on it.
            log.warning("%s", error)
            return None

    async def recover(self) -> None:
        """Log which changes are not finished, and read again what was left in doubt."""
        try:
            backend = self._backend
            if not backend.token_owner:  # what is unsettled is counted once for all callers.
                self._observer.watch_unsettled(partial(count_unsettled, backend.journal.record))
            await Recovery(backend).at_start()
        except JournalError as error:
            log.warning("%s", error)

    def forget(self, sim_id: int | None) -> None:
        """Have a SIM read anew, which somebody else wrote to; without one, all."""
        self._client.forget(sim_id)

    async def go_on_with(self, plan_id: str) -> None:
        """Go on with a plan that another server left in the middle, if emnify may be asked about it here.

        Raises:
            JournalError: The record cannot be read or written.
            EmnifyError: emnify does not answer.
        """
        if not await self._is_ours(plan_id):
            return
        log.warning("Plan %s: another server left it in the middle; going on with it", plan_id)
        self._observer.lease_taken_over()
        while await self._finish(plan_id):
            log.info("Plan %s: going on", plan_id)

    async def host_page(self) -> None:
        """Serve the approval page from the moment it is first needed, and notify colleagues, until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._page.host)
            group.start_soon(self._notifier.run)

    def look_again(self, plan_id: str) -> None:
        """Have whoever waits for a plan look whether it was decided."""
        self._page.look_again(plan_id)

    @property
    def workspace(self) -> str:
        """Return what the operator calls the workspace; empty where there is one alone."""
        return self._settings.workspace

    @property
    def is_somebodys(self) -> bool:
        """Tell whether this works with one caller's own token, for that caller alone."""
        return bool(self._settings.token_owner)

    @property
    def desk(self) -> Desk:
        """Return the plans as people see and decide them who signed in for that.

        Raises:
            JournalError: There is no place for the record.
        """
        return Desk(self._backend, self._limits.approver)

    @property
    def _backend(self) -> Backend:
        # Opened when first needed: reading needs no journal.
        if self._opened is None:
            self._opened = Backend(
                self._client,
                open_journal(self._settings, self._shared),
                self._record,
                self._inventory,
                self._observer,
                self._settings.token_owner,
            )
        return self._opened

    @property
    def _journal(self) -> Journal:
        return self._backend.journal

    async def _described(self, plan: Plan) -> Plan:
        """Return a plan that says where it would be done, and what falls due at once."""
        due = await word_due(self._client, plan.change.fees_due(plan.to_do))
        return self._placed(plan).model_copy(update={"due": due})

    def _placed(self, plan: Plan) -> Plan:
        return plan.model_copy(update={"place": self._settings.place, "workspace_name": self._settings.workspace})

    async def _ask_anew(
        self, stored: StoredPlan, why: str, progress: ReportProgress, started: float, *, heard: bool
    ) -> Report:
        """Plan what is left of a change once more, as it is now, and ask for a new approval."""
        if not self._settings.approval_page:
            raise NotConfirmedError(
                f"Not done: what is left of plan {stored.id} wants a new yes, because {why}, and the approval page is "
                f"switched off. Nothing changed by this call. A new call of {stored.plan.tool} plans it anew."
            )
        left = await Recovery(self._backend).never_sent(stored)
        async with self._backend.turn(stored.id, self._deadline(started)) as backend:
            if backend is None:
                return await self._report(stored.id)
            plan = await remake(self._client, stored.plan, left)
            anew = await self._record(self._journal.keep, await self._described(plan), stored.caller)
            await self._runner(backend, stored, progress).drop(f"{why}; it is asked for anew in plan {anew.id}")
        report = await self.offer_page(anew, progress, started, wait=heard)
        unsent = format_quantity(len(left), "SIM")
        note = f"It follows plan {stored.id}, of which {unsent} had not been sent, because {why}."
        return replace(report, note=" ".join(filter(None, (note, report.note))))

    async def _require_approval(self, plan_id: str) -> None:
        stored = await self._record(self._journal.plan, plan_id)
        if stored is None or stored.state != "approved":
            raise NotConfirmedError(not_agreed(plan_id, stored))

    def _runner(self, backend: Backend, stored: StoredPlan, progress: ReportProgress) -> Run:
        return Run(backend, stored, progress, quotas=self._limits.binding(stored))

    async def _run(self, plan_id: str, progress: ReportProgress, deadline: float) -> Report:
        """Carry out what is left of a plan until the deadline."""
        paused = None
        async with self._backend.turn(plan_id, deadline) as backend:
            stored = await self._record(self._journal.plan, plan_id) if backend is not None else None
            if backend is not None and stored is not None and backend.may_ask_for(stored.caller):
                run = self._runner(backend, stored, progress)
                try:
                    # A yes may lapse while this waits for its turn: what was sent is read all the same.
                    await run.until(deadline if stored.state == "approved" or not stored.plan.to_do else 0.0)
                except TurnLostError as error:
                    log.warning("%s", error)
                    run.paused = str(error)
                except JournalError as error:
                    raise JournalError(stopped(plan_id, error)) from None
                paused = run.paused
        report = await self._report(plan_id, paused=paused)
        log.info("Plan %s: %s; %d to go", plan_id, format_counts(report.counts), report.open_items)
        return report

    async def _is_ours(self, plan_id: str) -> bool:
        stored = await self._record(self._journal.plan, plan_id)
        return stored is not None and self._backend.may_ask_for(stored.caller)

    async def _finish(self, plan_id: str) -> bool:
        """Go on with a plan that was left, as far as its yes still reaches; return whether there is more to do now."""
        stored = await self._record(self._journal.plan, plan_id)
        if stored is None:
            return False
        goes_on = self._limits.still_agreed(stored)
        deadline = anyio.current_time() + (self._run_for_s if goes_on else 0.0)
        report = await self._run(plan_id, hears_nothing, deadline)
        return goes_on and report.paused is None and report.open_items > 0

    def _deadline(self, started: float) -> float:
        return max(started + self._run_for_s, anyio.current_time() + min(_LEAST_S, self._run_for_s))

    async def _report(self, plan_id: str, *, link: str | None = None, paused: str | None = None) -> Report:
        report = await Recovery(self._backend).report(plan_id, link=link, paused=paused)
        return replace(report, note=WHOSE_YES[self._limits.approver(report.stored)]) if link else report
