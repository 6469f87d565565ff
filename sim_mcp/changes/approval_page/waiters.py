"""Whoever waits for a decision, and is told to look."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import anyio

from sim_mcp.changes.approval_page.view import State, View


class Waiters:
    """Wait for decisions, made on this server or another."""

    def __init__(self) -> None:
        self._awaited: dict[str, anyio.Event] = {}

    async def wait(
        self,
        plan_id: str,
        view_of: Callable[[str], Awaitable[View | None]],
        now: Callable[[], datetime],
        timeout_s: float,
    ) -> State:
        """Wait until the plan is decided, expires, or the seconds are over; return its state then."""
        # Before looking, or a decision between looking and waiting would go unnoticed.
        event = self._awaited.setdefault(plan_id, anyio.Event())
        view = await view_of(plan_id)
        if view is None:
            return "expired"
        if view.state == "waiting":
            left = (view.expires_at - now()).total_seconds()
            with anyio.move_on_after(max(0.0, min(timeout_s, left))):
                await event.wait()
            view = await view_of(plan_id)
        if view is None or (view.state == "waiting" and now() >= view.expires_at):
            return "expired"
        return view.state

    def look_again(self, plan_id: str) -> None:
        """Have whoever waits for a plan look whether it was decided."""
        if event := self._awaited.pop(plan_id, None):
            event.set()
