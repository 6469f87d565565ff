"""Telling colleagues that a plan waits, by webhook: signed, repeated while it fails, and in nobody's way."""

import asyncio
import json
import logging
import time
from datetime import timedelta
from typing import Any

import anyio
import httpx
import stamina

from sim_mcp.changes.approval_page.webhook import signed
from sim_mcp.changes.record.entries import StoredPlan
from sim_mcp.formatting import format_timestamp
from sim_mcp.logs import hide
from sim_mcp.settings import Settings

log = logging.getLogger(__name__)

_WAITING_TO_BE_SENT = 200
_AT_A_TIME = 8
_TIMEOUT_S = 5.0
_TRIES = 6
_TRIES_TAKE = timedelta(minutes=2)
_FIRST_WAIT_S = 0.5


class Notifier:
    """Send plans to the operator's address. What it holds no more is lost, and the log says so."""

    def __init__(self, settings: Settings) -> None:
        self._url, self._secret = settings.notify_url, settings.notify_secret
        self._to_send: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(_WAITING_TO_BE_SENT)
        for secret in (self._url, self._secret):
            if secret is not None:
                hide(secret.get_secret_value())

    def tell(self, stored: StoredPlan, link: str | None) -> None:
        """Have a plan sent, without waiting for it."""
        if self._url is None:
            return
        try:
            self._to_send.put_nowait((stored.id, json.dumps(_body(stored, link)).encode()))
        except asyncio.QueueFull:
            log.warning("Plan %s: nobody was notified; too many notices wait to be sent", stored.id)

    async def run(self) -> None:
        """Send what is there to be sent, until cancelled."""
        if self._url is None:
            return
        room = anyio.CapacityLimiter(_AT_A_TIME)
        async with httpx.AsyncClient(timeout=_TIMEOUT_S) as http, anyio.create_task_group() as group:
            while True:
                group.start_soon(self._deliver, http, room, *await self._to_send.get())

    async def _deliver(self, http: httpx.AsyncClient, room: anyio.CapacityLimiter, plan_id: str, body: bytes) -> None:
        try:
            async with room:
                await self._post(http, plan_id, body)
        except httpx.HTTPStatusError as error:
            log.warning("Plan %s: nobody was notified; the answer was %d", plan_id, error.response.status_code)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Its text may hold the address, and the path of many a webhook is its secret.
            log.warning("Plan %s: nobody was notified (%s)", plan_id, type(error).__name__)
        else:
            log.info("Plan %s: colleagues were notified", plan_id)

    async def _post(self, http: httpx.AsyncClient, plan_id: str, body: bytes) -> None:
        if self._url is None or self._secret is None:
            return
        async for attempt in stamina.retry_context(
            on=_may_pass, attempts=_TRIES, timeout=_TRIES_TAKE, wait_initial=_FIRST_WAIT_S
        ):
            with attempt:
                headers = signed(self._secret.get_secret_value(), plan_id, int(time.time()), body)
                answer = await http.post(self._url.get_secret_value().strip(), content=body, headers=headers)
                answer.raise_for_status()


def _may_pass(error: Exception) -> bool:
    """Tell whether a failure may be over the next time: not where the receiver says that it wants none of it."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in (408, 425, 429) or error.response.is_server_error
    return isinstance(error, httpx.TransportError)


def _body(stored: StoredPlan, link: str | None) -> dict[str, Any]:
    plan = stored.plan
    return {
        "type": "approval.wanted",
        "plan": stored.id,
        "act": plan.act,
        "summary": plan.summary,
        "sims": plan.sims_to_do,
        "irreversible": plan.change.irreversible,
        "place": plan.place,
        "workspace": plan.workspace,
        "requester": stored.caller.principal,
        "client": stored.caller.client,
        "expires_at": format_timestamp(stored.expires_at),
        "link": link,
    }
