"""What is tried again, what never, and what is said of a write whose answer got lost."""

import asyncio
import gzip
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import httpx
import pytest

from sim_mcp.emnify import (
    Bic,
    ConflictError,
    DeadlineExceededError,
    EmnifyClient,
    EmnifyError,
    ForbiddenError,
    Limits,
    NotFoundError,
    OutcomeUnknownError,
    RuleError,
    SimChange,
    SimStatus,
    UnreachableError,
    UnreadableAnswerError,
    UpstreamError,
)
from tests.emnify.upstream import Reply, Upstream

GOOD = Reply(json=[{"id": 1}])
HTML = Reply(body=b"<html>Bad day</html>", headers={"Content-Type": "text/html"})
PASSING = {
    "dropped": Reply(drop=True),
    "cut short": Reply(body=b'[{"id"', missing=20),
    "502": Reply(502),
    "503": Reply(503, body=b"<html>busy</html>"),
    "504": Reply(504, json={"message": "Endpoint request timed out"}),
    "empty": Reply(),
    "html": HTML,
    "half of a gzip": Reply(body=gzip.compress(b"[]" * 500)[:20], headers={"Content-Encoding": "gzip"}),
    "no gzip": Reply(body=b"[]", headers={"Content-Encoding": "gzip"}),
    "nested too deep": Reply(body=b"[" * 100_000),
    "no text": Reply(body=b'["\xff\xfe"]', headers={"Content-Type": "application/json; charset=utf-8"}),
}
WRITES: list[Callable[[EmnifyClient], Awaitable[Any]]] = [
    lambda c: c.update_sim(1, SimChange(status=SimStatus.SUSPENDED)),
    lambda c: c.delete_sim(1),
    lambda c: c.delete_sims([1, 2]),
    lambda c: c.batches.register(Bic.parse("#31F6E2S6XTR3NEY"), SimStatus.ISSUED),
]
pytestmark = pytest.mark.usefixtures("impatient")


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
async def test_a_read_gets_over_a_fault_that_passes(client: EmnifyClient, upstream: Upstream, fault: Reply) -> None:
    upstream.script(fault, fault, GOOD)
    assert [sim.id for sim in (await client.list_sims()).items] == [1]
    assert len(upstream.calls) == 3


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
async def test_a_read_gives_up_on_a_fault_that_stays(client: EmnifyClient, upstream: Upstream, fault: Reply) -> None:
    upstream.script(fault)
    with pytest.raises((UpstreamError, UnreadableAnswerError)) as failed:
        await client.list_sims()
    assert failed.value.changed == "nothing"
    assert failed.value.operation == "GET /api/v1/sim"
    assert len(upstream.calls) == 5


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RuleError),
        (403, ForbiddenError),
        (404, NotFoundError),
        (409, ConflictError),
        (418, RuleError),
        (422, RuleError),
        (500, UpstreamError),
        (501, UpstreamError),
        (302, UnreadableAnswerError),
    ],
)
async def test_a_refusal_is_final(
    client: EmnifyClient, upstream: Upstream, status: int, kind: type[EmnifyError]
) -> None:
    upstream.script(Reply(status, headers={"Content-Type": "text/html; charset=UTF-8"}))
    for ask in (client.get_sim(7), client.update_sim(7, SimChange(status=SimStatus.SUSPENDED))):
        upstream.calls.clear()
        with pytest.raises(EmnifyError) as failed:
            await ask
        assert failed.value.status == status
        assert len(upstream.calls) == 1
        if upstream.calls[0].method == "GET":
            assert isinstance(failed.value, kind)


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("fault", [Reply(drop=True), Reply(500), Reply(502), Reply(504), Reply(body=b"{", missing=5)])
async def test_a_write_whose_answer_got_lost_is_sent_once_and_its_outcome_unknown(
    client: EmnifyClient, upstream: Upstream, fault: Reply, write: Callable[[EmnifyClient], Awaitable[Any]]
) -> None:
    upstream.script(fault, Reply(204))
    with pytest.raises(OutcomeUnknownError) as failed:
        await write(client)
    assert failed.value.changed == "unknown"
    assert len(upstream.calls) == 1


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("body", [Reply(), HTML, Reply(200, json=[1]), Reply(200, json="done"), Reply(204)])
async def test_a_write_has_happened_whatever_its_body_says(
    client: EmnifyClient, upstream: Upstream, body: Reply, write: Callable[[EmnifyClient], Awaitable[Any]]
) -> None:
    upstream.script(body)
    await write(client)
    assert len(upstream.calls) == 1


async def test_a_write_is_sent_again_after_429_for_it_was_not_acted_upon(
    client: EmnifyClient, upstream: Upstream
) -> None:
    upstream.script(Reply(429, headers={"Retry-After": "0"}), Reply(204))
    await client.delete_sim(1)
    assert upstream.lines == ["DELETE /api/v1/sim/1"] * 2


class Unlucky(httpx.AsyncBaseTransport):
    """A way out on which the first connections fail."""

    def __init__(self, *failures: Exception) -> None:
        self._failures = list(failures)
        self._way_out = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._failures and not request.url.path.endswith("/authenticate"):
            raise self._failures.pop(0)
        return await self._way_out.handle_async_request(request)

    async def aclose(self) -> None:
        await self._way_out.aclose()


async def test_a_write_is_sent_again_if_no_connection_could_be_made(upstream: Upstream) -> None:
    upstream.script(Reply(204))
    unlucky = Unlucky(httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), httpx.PoolTimeout("full"))
    async with EmnifyClient(
        base_url=upstream.base_url, application_token="x", limits=Limits(), transport=unlucky
    ) as client:
        await client.delete_sim(1)
    assert upstream.lines == ["DELETE /api/v1/sim/1"]


@pytest.mark.parametrize("fault", [httpx.ReadTimeout("slow"), httpx.WriteError("gone"), httpx.ReadError("gone")])
async def test_a_write_that_may_have_left_is_not_sent_again(upstream: Upstream, fault: Exception) -> None:
    async with EmnifyClient(
        base_url=upstream.base_url, application_token="x", limits=Limits(), transport=Unlucky(fault)
    ) as client:
        with pytest.raises(OutcomeUnknownError):
            await client.delete_sim(1)
    assert upstream.calls == []


async def test_where_nobody_listens_nothing_changed() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        async with EmnifyClient(
            base_url=f"http://127.0.0.1:{port}", application_token="x", limits=Limits(), deadline_s=20
        ) as client:
            with pytest.raises(UnreachableError) as failed:
                await client.delete_sim(1)
    assert failed.value.changed == "nothing"


async def test_a_read_waits_no_longer_than_its_time(client: EmnifyClient, upstream: Upstream) -> None:
    upstream.script(Reply(json=[], after=asyncio.Event()))
    with anyio.fail_after(15), pytest.raises(DeadlineExceededError, match=r"within 0.2 s") as failed:
        await client.list_sims(deadline_s=0.2)
    assert failed.value.changed == "nothing"


async def test_a_write_that_was_under_way_when_its_time_was_over_may_have_happened(
    client: EmnifyClient, upstream: Upstream
) -> None:
    await client.list_sims()
    upstream.script(Reply(204, after=asyncio.Event()))
    with pytest.raises(OutcomeUnknownError):
        await client.delete_sim(1, deadline_s=0.3)
    assert upstream.lines[1:] == ["DELETE /api/v1/sim/1"]


async def test_a_write_that_never_left_when_its_time_was_over_changed_nothing(
    client: EmnifyClient, upstream: Upstream
) -> None:
    upstream.script_sign_in(Reply(after=asyncio.Event()))
    with pytest.raises(DeadlineExceededError) as failed:
        await client.delete_sim(1, deadline_s=0.3)
    assert failed.value.changed == "nothing"
    assert upstream.calls == []


async def test_the_last_fault_is_told_when_the_time_is_over(client: EmnifyClient, upstream: Upstream) -> None:
    upstream.script(Reply(503), Reply(json=[], after=asyncio.Event()))
    with pytest.raises(UpstreamError, match="503"):
        await client.list_sims(deadline_s=0.3)


async def test_looking_whether_a_sim_exists_is_part_of_the_same_deadline(
    client: EmnifyClient, upstream: Upstream
) -> None:
    upstream.script(Reply(json=[]), Reply(json={"id": 1}, after=asyncio.Event()))
    with pytest.raises(DeadlineExceededError, match=r"within 0\.[0-4]"):
        await client.list_sim_events(1, deadline_s=0.4)
    assert len(upstream.calls) == 2


async def test_a_cancelled_call_leaves_the_client_usable(client: EmnifyClient, upstream: Upstream) -> None:
    upstream.script(Reply(json=[], after=asyncio.Event()), GOOD)
    with anyio.move_on_after(5) as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(client.list_sims)
            await upstream.called.wait()
            group.cancel_scope.cancel()
    assert not scope.cancelled_caught
    assert (await client.list_sims()).items[0].id == 1
