"""The approval page, offered: served from the moment it is first needed, linked to, shown, and waited for."""

from contextlib import closing
from datetime import UTC, datetime

import anyio

from sim_mcp.changes.approval_page.approvals import Approvals
from sim_mcp.changes.approval_page.browser import BrowserWindows
from sim_mcp.changes.approval_page.page import ApprovalPage
from sim_mcp.changes.approval_page.server import listening
from sim_mcp.changes.record.entries import StoredPlan
from sim_mcp.changes.report import ReportProgress

TELL_EVERY_S = 5.0


class PageOffer:
    """Offer plans on a page of this machine, by link or in the person's browser."""

    signs_in = False

    def __init__(self, *, open_browser: bool) -> None:
        self._open_browser = open_browser
        self._windows = BrowserWindows()
        self._approvals: Approvals | None = None
        self._page: ApprovalPage | None = None
        self._wanted = anyio.Event()
        self._ready = anyio.Event()
        self._address = ""
        self._offered: set[str] = set()

    async def host(self) -> None:
        """Serve the page from the moment it is first needed, until cancelled."""
        await self._wanted.wait()
        if self._approvals is None:
            raise RuntimeError("a page is wanted, but nobody said of what")
        self._page = ApprovalPage(self._approvals, now=lambda: datetime.now(UTC))
        with closing(self._windows):
            async with listening(self._page) as self._address:
                self._ready.set()
                await anyio.sleep_forever()

    def was_offered(self, plan_id: str) -> bool:
        """Tell whether somebody was given a link to a plan, one that still works."""
        return plan_id in self._offered

    def public_link(self, plan_id: str) -> str | None:
        """Return None: a link of this page is a secret, and good on this machine alone."""
        del plan_id
        return None

    async def link_to(self, stored: StoredPlan, approvals: Approvals) -> str:
        """Return a link for the model, or where the browser is opened for the person, words for that.

        Raises:
            OSError: The file that leads the browser to the page cannot be written.
        """
        self._approvals = self._approvals or approvals
        self._wanted.set()
        await self._ready.wait()
        page = self._served()
        self._offered.add(stored.id)
        if not self._open_browser:
            return self._address + await page.path_for(stored.id)
        if not self._windows.has_shown(stored.id):
            self._windows.show(stored.id, self._address + await page.path_for(stored.id))
        return "the browser window that was opened"

    async def wait(self, stored: StoredPlan, link: str, tell: ReportProgress, deadline: float) -> None:
        """Wait until the plan is decided on the page, or the moment (of the event loop's clock) has come."""
        page = self._served()
        await tell(0, len(stored.plan.items), f"waiting for approval at {link}")
        while (left := deadline - anyio.current_time()) > 0:
            if await page.wait_for_decision(stored.id, min(left, TELL_EVERY_S)) != "waiting":
                break
            await tell(0, len(stored.plan.items), f"waiting for approval at {link}")

    def look_again(self, plan_id: str) -> None:
        """Have whoever waits for a plan look whether it was decided."""
        if self._page is not None:
            self._page.look_again(plan_id)

    def _served(self) -> ApprovalPage:
        if self._page is None:
            raise RuntimeError("the page is ready but is not there")
        return self._page
