"""A fake plan keeper for the approval page, which records every decision it is asked for."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from sim_mcp.changes.approval_page.page import ApprovalPage
from sim_mcp.changes.approval_page.server import listening
from sim_mcp.changes.approval_page.view import Row, View

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def rows(count: int) -> tuple[Row, ...]:
    return tuple(
        Row(f"89883030000{number:08}", f"tracker-{number}", "Acme", "Activated", "Suspended", "change", "goes offline")
        for number in range(count)
    )


def plan(plan_id: str = "p1", **changes: object) -> View:
    suspend = View(
        plan_id=plan_id,
        place="emnify",
        workspace='"Acme" (id 7)',
        act="Suspend 3 SIMs",
        summary="Set 3 SIMs to Suspended",
        rows=rows(3),
        sims=3,
        service="3 SIMs lose all connectivity until they are activated again.",
        bill="The monthly fee of suspended SIMs goes on.",
        due="nothing",
        client="Claude Desktop 1.4",
        expires_at=START + timedelta(minutes=15),
        typing_request="",
        irreversible=False,
        state="waiting",
    )
    if "rows" in changes:
        suspend = replace(suspend, rows=changes["rows"])  # type: ignore[arg-type]  # as below
        suspend = replace(suspend, sims=sum(row.verdict == "change" for row in suspend.rows))
    return replace(suspend, **changes)  # type: ignore[arg-type]  # each test names real fields


def deletion(plan_id: str = "p1") -> View:
    return plan(
        plan_id,
        act="Delete 3 SIMs",
        summary="Delete 3 SIMs for good",
        rows=tuple(replace(row, after="Deleted", effect="never connects again") for row in rows(3)),
        bill="No fee is due for a deleted SIM from next month on.",
        service="3 SIMs never connect again.",
        typing_request="To confirm, type the number of SIMs to delete.",
        irreversible=True,
    )


@dataclass
class PlanKeeper:
    """Decide as a journal would: each plan once, before it expires, with what is to be typed."""

    plans: dict[str, View] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    decided: list[str] = field(default_factory=list)
    time: datetime = START

    def now(self) -> datetime:
        return self.time

    async def view(self, plan_id: str) -> View | None:
        return self.plans.get(plan_id)

    async def approve(self, plan_id: str, typed: str) -> Literal["approved", "mistyped", "expired", "decided"]:
        self.asked.append(f"approve {plan_id} {typed!r}")
        if blocked := self._blocked(plan_id):
            return blocked
        if self.plans[plan_id].typing_request and typed.strip() != str(len(self.plans[plan_id].rows)):
            return "mistyped"
        self._decide(plan_id, "approved")
        return "approved"

    async def reject(self, plan_id: str) -> Literal["rejected", "expired", "decided"]:
        self.asked.append(f"reject {plan_id}")
        if blocked := self._blocked(plan_id):
            return blocked
        self._decide(plan_id, "rejected")
        return "rejected"

    def _blocked(self, plan_id: str) -> Literal["expired", "decided"] | None:
        if self.plans[plan_id].state != "waiting":
            return "decided"
        return "expired" if self.time >= self.plans[plan_id].expires_at else None

    def _decide(self, plan_id: str, state: Literal["approved", "rejected"]) -> None:
        self.plans[plan_id] = replace(self.plans[plan_id], state=state)
        self.decided.append(f"{state} {plan_id}")


@dataclass(frozen=True)
class Served:
    """The page, served, and the keeper behind it."""

    keeper: PlanKeeper
    page: ApprovalPage
    base_url: str

    async def link(self, view: View) -> str:
        self.keeper.plans.setdefault(view.plan_id, view)
        return self.base_url + await self.page.path_for(view.plan_id)


@asynccontextmanager
async def serve_page() -> AsyncIterator[Served]:
    keeper = PlanKeeper()
    page = ApprovalPage(keeper, now=keeper.now)
    async with listening(page) as base_url:
        yield Served(keeper, page, base_url)


def form_on(content: str) -> str:
    found = re.search(r'name="form" value="([^"]+)"', content)
    assert found is not None, content
    return found[1]
