"""Colleagues are told of a plan that waits: signed, again while it fails, without what a link of this machine holds."""

import hmac
import json
import logging
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import anyio
import pytest
from mcp import Client
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sim_mcp.server.app import build_server
from sim_mcp.settings import SettingsError, read_settings
from tests.changes.test_approval import suspend
from tests.server.approvals.people import desk_of
from tests.server.signin.issuing import issuing, listening
from tests.support import Fleet, structured

SECRET = f"whsec_{b64encode(bytes(range(32))).decode()}"


@dataclass
class Receiver:
    """A webhook that answers with one status after the other, the last again and again."""

    statuses: list[int]
    expected: int
    address: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    done: anyio.Event = field(default_factory=anyio.Event)

    async def take(self, request: Request) -> Response:
        self.got.append((dict(request.headers), await request.body()))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if len(self.got) == self.expected:
            self.done.set()
        return Response(status_code=status)

    @property
    def settings(self) -> dict[str, Any]:
        return {"notify_url": SecretStr(f"{self.address}/hook/word"), "notify_secret": SecretStr(SECRET)}

    async def body(self) -> dict[str, Any]:
        with anyio.fail_after(60):
            await self.done.wait()
        found: dict[str, Any] = json.loads(self.got[-1][1])
        return found


@asynccontextmanager
async def receiving(*statuses: int) -> AsyncIterator[Receiver]:
    receiver = Receiver([*statuses], len(statuses))
    async with listening(Starlette(routes=[Route("/hook/word", receiver.take, methods=["POST"])])) as receiver.address:
        yield receiver


async def test_a_plan_is_told_again_until_it_is_taken_signed_each_time(fleet: Fleet) -> None:
    async with (
        issuing() as issuer,
        receiving(500, 503, 204) as receiver,
        desk_of(fleet, issuer, **receiver.settings) as desk,
        desk.client("alice") as client,
    ):
        waiting = await desk.suspending(client)
        told = await receiver.body()
    assert told["link"] == waiting["approve_at"]
    assert (told["plan"], told["requester"], told["place"]) == (waiting["plan"], "alice@example.com", "sandbox")
    assert (told["act"], told["sims"], told["irreversible"]) == ("Suspend 1 SIM", 1, False)
    assert told["summary"] == waiting["summary"]
    assert len(receiver.got) == 3
    for headers, body in receiver.got:
        signed = f"{waiting['plan']}.{headers['webhook-timestamp']}.".encode() + body
        expected = b64encode(hmac.digest(b64decode(SECRET[6:]), signed, "sha256")).decode()
        assert (headers["webhook-id"], headers["webhook-signature"]) == (waiting["plan"], f"v1,{expected}")


async def test_the_link_of_a_page_on_this_machine_is_told_to_nobody(fleet: Fleet) -> None:
    async with receiving(200) as receiver, Client(build_server(fleet.settings(**receiver.settings))) as client:
        waiting = structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy")))
        told = await receiver.body()
    assert told["link"] is None
    assert urlsplit(waiting["approve_at"]).path not in receiver.got[0][1].decode()
    assert told["plan"] == waiting["plan"]


async def test_a_receiver_that_wants_none_of_it_is_left_alone_and_holds_up_nothing(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    async with receiving(410) as receiver, Client(build_server(fleet.settings(**receiver.settings))) as client:
        waiting = structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy")))
        await receiver.body()
        with anyio.fail_after(30):
            while "the answer was 410" not in caplog.text:  # noqa: ASYNC110  # the log has no event.
                await anyio.sleep(0.01)
        # A plan that was told before is not told again.
        await client.call_tool("continue_change", {"plan": waiting["plan"]})
    assert len(receiver.got) == 1
    assert waiting["state"] == "waiting for approval"
    assert "hook/word" not in caplog.text


async def test_what_a_person_agrees_to_by_policy_is_told_to_nobody(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sim_mcp")
    async with receiving(200) as receiver:
        settings = fleet.settings(**receiver.settings, policy=fleet.trusting())
        async with Client(build_server(settings)) as client:
            told = structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy")))
            assert told["counts"] == {"changed": 1}
    assert receiver.got == []


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"SIM_MCP_NOTIFY_URL": "https://hooks.example.com/word"}, "SIM_MCP_NOTIFY_URL needs SIM_MCP_NOTIFY_SECRET"),
        ({"SIM_MCP_NOTIFY_SECRET": "word-that-is-none"}, "SIM_MCP_NOTIFY_SECRET must be whsec_"),
        ({"SIM_MCP_NOTIFY_URL": "http://hooks.example.com/word"}, "SIM_MCP_NOTIFY_URL must be https"),
    ],
)
def test_a_webhook_that_cannot_be_signed_or_is_not_safe_is_refused_at_the_start(
    chosen: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(chosen)
    assert said in str(caught.value)
    assert "word" not in str(caught.value)
