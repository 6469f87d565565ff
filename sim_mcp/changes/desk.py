"""The change desk: plans kept, agreed to by the best route there is, carried out once, and told about."""

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn

import anyio
from filelock import FileLock, Timeout

from sim_mcp.changes.apply import Progress, Run
from sim_mcp.changes.approvals import Approvals
from sim_mcp.changes.browser import BrowserWindows
from sim_mcp.changes.journal import Caller, Journal, JournalError, Outcome, StoredPlan
from sim_mcp.changes.page import ApprovalPage
from sim_mcp.changes.page_server import listening
from sim_mcp.changes.plan import Plan, Planned, counted
from sim_mcp.changes.policy import Decision, read_policy
from sim_mcp.emnify import EmnifyClient, InvalidValueError
from sim_mcp.fleet.inventory import Inventory
from sim_mcp.settings import Settings

RUN_FOR_S = 45.0
"""How long one call waits and works; many clients give up on a call after 60 s, and the next call goes on."""

_LOCK_RETRY_S = 0.1
_TELL_EVERY_S = 5.0
_LEAST_S = 5.0
"""What a call works on a plan at least, however late it was approved."""


class NotConfirmedError(Exception):
    """Nobody agreed, so nothing changed; the message says why and what can be done."""


@dataclass(frozen=True)
class Report:
    """How a plan stands: what became of each item that is settled, and where to approve it if it waits."""

    stored: StoredPlan
    outcomes: tuple[tuple[Planned, Outcome], ...]
    link: str | None = None
    paused: str | None = None
    """Why it stopped before its end, if something made it."""

    @property
    def open_items(self) -> int:
        """Return how many items are not settled yet."""
        return len(self.stored.plan.items) - len(self.outcomes)


class ChangeDesk:
    """Take plans in, see that somebody agreed, and carry them out."""

    def __init__(
        self,
        client: EmnifyClient,
        settings: Settings,
        inventory: Inventory | None = None,
        *,
        run_for_s: float = RUN_FOR_S,
    ) -> None:
        self._client = client
        self._run_for_s = run_for_s
        self._inventory = inventory
        self._settings = settings
        self._policy = read_policy(settings.policy, settings.confirm)
        self._opened: Journal | None = None
        self._page: ApprovalPage | None = None
        self._page_wanted = anyio.Event()
        self._page_ready = anyio.Event()
        self._page_address = ""
        self._windows = BrowserWindows()

    def keep(self, plan: Plan, caller: Caller) -> StoredPlan:
        """Keep a plan durably, within the limits an operator set.

        Raises:
            InvalidValueError: It concerns more SIMs than one change, or one hour, may.
            JournalError: The record cannot be kept.
        """
        most, hourly = self._settings.max_sims_per_change, self._settings.max_sims_per_hour
        if len(plan.to_do) > most:
            raise InvalidValueError(
                f"{len(plan.to_do):,} SIMs are more than one change may touch ({most:,}, "
                "SIM_MCP_MAX_SIMS_PER_CHANGE); split it, or ask the operator to raise the limit"
            )
        spent = self._journal.sent_within_the_hour()
        if spent + len(plan.to_do) > hourly:
            raise InvalidValueError(
                f"{counted(spent, 'SIM')} were changed within the last hour; {len(plan.to_do):,} more would exceed "
                f"{hourly:,} (SIM_MCP_MAX_SIMS_PER_HOUR); wait, or ask the operator to raise the limit"
            )
        return self._journal.keep(plan, caller)

    def insist_on_record(self) -> None:
        """Open the record now, so that nothing is planned that could not be recorded.

        Raises:
            JournalError: The record cannot be kept.
        """
        self._journal.sent_within_the_hour()

    def decision(self, plan: Plan) -> Decision:
        """Return what the operator's policy says about a plan."""
        return self._policy.decide(plan)

    async def carry_out(self, stored: StoredPlan, how: str, progress: Progress, started: float) -> Report:
        """Record that a plan was agreed to and carry it out, as far as the time of a call begun then allows.

        Raises:
            NotConfirmedError: It expired, or was decided otherwise, meanwhile.
            JournalError: The record cannot be kept.
        """
        if stored.plan.to_do and not self._journal.decide(stored.id, approved=True, how=how):
            self._insist_on_approval(stored.id)
        return await self._run(stored.id, progress, self._deadline(started))

    def reject(self, stored: StoredPlan, how: str) -> NoReturn:
        """Record a person's no.

        Raises:
            NotConfirmedError: Always; it tells how the plan was decided.
            JournalError: The record cannot be kept.
        """
        self._journal.decide(stored.id, approved=False, how=how)
        self._insist_on_approval(stored.id)
        raise NotConfirmedError(
            f"The no came too late: plan {stored.id} had been approved before. Nothing was changed by this call; "
            f'continue_change(plan="{stored.id}") tells how it stands, and carries out what is left of it.'
        )

    async def offer_page(
        self, stored: StoredPlan, progress: Progress, started: float, *, asked: bool = False, wait: bool = True
    ) -> Report:
        """Show the plan on a page of this machine; wait for a person as long as a call begun then may, then go on.

        Raises:
            NotConfirmedError: There is no page to offer, or the person rejected the plan.
        """
        if not self._settings.approval_page:
            raise NotConfirmedError(not_confirmed(stored.plan) if asked else no_way_to_ask(stored.plan))
        page, address = await self._open_page()
        link = self._shown(stored, page, address)
        deadline = started + self._settings.approval_wait_s if wait else started
        return await self._await_decision(stored, page, link, progress, started, deadline)

    async def go_on(self, plan_id: str, caller: Caller, progress: Progress) -> Report:
        """Tell how a plan stands, and carry out what is approved and not done yet.

        Raises:
            NotConfirmedError: There is no such plan of this caller, or it was rejected or expired.
        """
        stored = self._journal.plan(plan_id)
        if stored is None or stored.caller != caller:
            raise NotConfirmedError(f"There is no plan {plan_id[:20]!r} of this client. Nothing changed.")
        if stored.state == "waiting":
            return await self.offer_page(stored, progress, anyio.current_time())
        self._insist_on_approval(plan_id)
        return await self._run(plan_id, progress, self._deadline(anyio.current_time()))

    async def host_page(self) -> None:
        """Serve the approval page from the moment it is first needed, until cancelled."""
        await self._page_wanted.wait()
        self._page = ApprovalPage(Approvals(self._journal), now=lambda: datetime.now(UTC))
        with closing(self._windows):
            async with listening(self._page) as self._page_address:
                self._page_ready.set()
                await anyio.sleep_forever()

    def close(self) -> None:
        """Close the record."""
        if self._opened is not None:
            self._opened.close()

    @property
    def _journal(self) -> Journal:
        # Opened when first needed: who only reads needs no record.
        if self._opened is None:
            try:
                self._opened = Journal(self._settings.state_directory())
            except OSError as error:
                raise JournalError(
                    f"There is no place to keep the record of changes in ({error}), so nothing can be changed. "
                    "The operator has to set SIM_MCP_STATE_DIR to a directory that exists."
                ) from None
        return self._opened

    async def _open_page(self) -> tuple[ApprovalPage, str]:
        self._page_wanted.set()
        await self._page_ready.wait()
        if self._page is None:
            raise RuntimeError("the page is ready but is not there")
        return self._page, self._page_address

    async def _await_decision(
        self,
        stored: StoredPlan,
        page: ApprovalPage,
        link: str,
        progress: Progress,
        started: float,
        deadline: float,
    ) -> Report:
        await progress(0, len(stored.plan.items), f"waiting for approval at {link}")
        while (left := deadline - anyio.current_time()) > 0:
            if await page.wait_for_decision(stored.id, min(left, _TELL_EVERY_S)) != "waiting":
                break
            await progress(0, len(stored.plan.items), f"waiting for approval at {link}")
        now = self._journal.plan(stored.id) or stored
        if now.state == "waiting":
            return Report(now, (), link)
        self._insist_on_approval(stored.id)
        return await self._run(stored.id, progress, self._deadline(started))

    def _shown(self, stored: StoredPlan, page: ApprovalPage, address: str) -> str:
        """Return a link for the model, or none where the browser is opened for the person."""
        if not self._settings.open_browser:
            return address + page.path_for(stored.id)
        if not self._windows.has_shown(stored.id):
            self._windows.show(stored.id, address + page.path_for(stored.id))
        return "the browser window that was opened"

    def _insist_on_approval(self, plan_id: str) -> None:
        stored = self._journal.plan(plan_id)
        if stored is not None and stored.state == "approved":
            return
        how = (stored.agreed or "" if stored else "").removeprefix("a person, ")
        words = {
            "rejected": f"was rejected {how}".rstrip(),
            "expired": "expired: plans, and approvals not acted on, lapse",
        }
        state = words.get(stored.state if stored else "", "was not agreed to")
        raise NotConfirmedError(f"Not done: plan {plan_id} {state}. Nothing changed. A new call makes a new plan.")

    async def _run(self, plan_id: str, progress: Progress, deadline: float) -> Report:
        """Carry out what is left of a plan until the deadline, one run at a time on this machine."""
        lock = FileLock(self._journal.directory / "changes.lock", thread_local=False)
        while True:
            try:
                lock.acquire(timeout=0)
                break
            except Timeout:
                if anyio.current_time() >= deadline:
                    return self._report(plan_id)
                await anyio.sleep(_LOCK_RETRY_S)
        try:
            stored = self._journal.plan(plan_id)
            if stored is None:
                return self._report(plan_id)
            run = Run(self._client, self._journal, stored, progress, self._inventory)
            await run.until(deadline)
        except JournalError as error:
            raise JournalError(
                f"{error} Plan {plan_id} was stopped there; SIMs before that point may have been changed. Once the "
                f'record can be written again, continue_change(plan="{plan_id}") reads how each SIM stands and goes on.'
            ) from None
        finally:
            lock.release()
        return self._report(plan_id, str(run.paused) if run.paused else None)

    def _deadline(self, started: float) -> float:
        return max(started + self._run_for_s, anyio.current_time() + min(_LEAST_S, self._run_for_s))

    def _report(self, plan_id: str, paused: str | None = None) -> Report:
        stored = self._journal.plan(plan_id)
        if stored is None:
            raise NotConfirmedError(f"There is no plan {plan_id}. Nothing changed.")
        _, settled = self._journal.progress(plan_id)
        outcomes = tuple((item, settled[n]) for n, item in enumerate(stored.plan.items) if n in settled)
        return Report(stored, outcomes, paused=paused)


def not_confirmed(plan: Plan) -> str:
    """Word that a form came back without a yes; who, if anybody, saw it is not known."""
    return (
        f"Not confirmed: {plan.summary}. Nothing changed. The form came back without a clear yes; perhaps nobody saw "
        "it, and the approval page is switched off. If a person wants this change, call again."
    )


def no_way_to_ask(plan: Plan) -> str:
    """Word the refusal where a person can be asked neither by form nor by page."""
    lines = "\n".join(f"- {line}" for line in plan.lines[:10])
    return (
        f"Not done: {plan.summary}. Nothing changed. A person has to agree first, and this client cannot show a form "
        f"and the approval page is switched off. It would have been:\n{lines}\n"
        "What the operator can do: leave SIM_MCP_APPROVAL_PAGE on, use a client that shows forms, or set "
        "SIM_MCP_CONFIRM=host where the host asks a person before each call."
    )
