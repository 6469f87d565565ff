"""What several callers want is asked for once; a write of ours divides time, and nobody's end is anybody else's."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from sim_mcp.emnify import (
    DeadlineExceededError,
    EmnifyClient,
    NotFoundError,
    RateLimitedError,
    Sim,
    SimChange,
    SimStatus,
    anew,
    asked_by,
    for_a_change,
    in_background,
)
from sim_mcp.emnify.http.calls import Answer, Call, on_sim
from sim_mcp.emnify.http.clock import UpstreamClock
from sim_mcp.emnify.http.shared_reads import KNOWN_FOR_S, REUSED_FOR_S, SharedReads
from tests.emnify.upstream import Reply, Upstream

ISSUED, ACTIVE = {"id": 7, "status": {"id": 0}}, {"id": 7, "status": {"id": 1}}


async def statuses(*asked: Any) -> list[int | None]:
    found: list[Sim] = await asyncio.gather(*asked)
    return [sim.status_id for sim in found]


async def test_twenty_who_ask_the_same_at_once_are_one_request(client: EmnifyClient, upstream: Upstream) -> None:
    upstream.script(Reply(json=ISSUED))
    with asked_by("anna"):
        assert await statuses(*[client.get_sim(7) for _ in range(20)]) == [0] * 20
    assert upstream.lines == ["GET /api/v1/sim/7"]


async def test_different_questions_stay_different_requests(client: EmnifyClient, upstream: Upstream) -> None:
    upstream.script(Reply(json=ISSUED))
    with asked_by("anna"):
        await statuses(client.get_sim(7), client.get_sim(8), client.get_sim(7))
    assert sorted(upstream.lines) == ["GET /api/v1/sim/7", "GET /api/v1/sim/8"]


@pytest.mark.parametrize("goes_away", [0, 1, 2])
async def test_who_goes_away_takes_nobody_along(client: EmnifyClient, upstream: Upstream, goes_away: int) -> None:
    hold = asyncio.Event()
    upstream.script(Reply(json=ISSUED, after=hold), Reply(json=ISSUED))
    with asked_by("anna"):
        waiting = [asyncio.ensure_future(client.get_sim(7)) for _ in range(3)]
        await upstream.called.wait()
        waiting[goes_away].cancel()
        await asyncio.sleep(0.01)
        hold.set()
        found = await asyncio.gather(*waiting, return_exceptions=True)
    assert [isinstance(each, asyncio.CancelledError) for each in found] == [n == goes_away for n in range(3)]
    assert len(upstream.calls) == (2 if goes_away == 0 else 1), "sent again only where the sender went away"


async def test_each_waits_no_longer_than_its_own_time(client: EmnifyClient, upstream: Upstream) -> None:
    hold = asyncio.Event()
    upstream.script(Reply(json=ISSUED, after=hold))

    async def hurried() -> None:
        with pytest.raises(DeadlineExceededError):
            await client.get_sim(7, deadline_s=0.1)
        hold.set()

    with asked_by("anna"), anyio.fail_after(15):
        async with anyio.create_task_group() as group:
            patient = asyncio.ensure_future(client.get_sim(7))
            await upstream.called.wait()
            group.start_soon(hurried)
        assert (await patient).status_id == 0


async def test_who_has_more_time_than_the_sender_asks_again(client: EmnifyClient, upstream: Upstream) -> None:
    upstream.script(Reply(json=ISSUED, after=asyncio.Event()), Reply(json=ISSUED))
    with asked_by("anna"):
        hurried = asyncio.ensure_future(client.get_sim(7, deadline_s=0.1))
        await upstream.called.wait()
        assert (await client.get_sim(7)).status_id == 0
        with pytest.raises(DeadlineExceededError):
            await hurried


async def test_a_no_is_a_no_to_all_who_asked_together_and_to_nobody_later(
    client: EmnifyClient, upstream: Upstream
) -> None:
    upstream.script(Reply(404), Reply(json=ISSUED))
    with asked_by("anna"):
        found = await asyncio.gather(*[client.get_sim(7) for _ in range(3)], return_exceptions=True)
        assert [type(each) for each in found] == [NotFoundError] * 3
        assert len({id(each) for each in found}) == 3, "each caller words its own"
        assert (await client.get_sim(7)).status_id == 0


async def test_an_answer_is_reused_by_others_of_the_workspace_and_never_across_a_write(
    client: EmnifyClient, upstream: Upstream
) -> None:
    upstream.script(Reply(json=ISSUED), Reply(204), Reply(json=ACTIVE))
    with asked_by("anna"):
        await client.get_sim(7)
    with asked_by("ben"):
        assert await statuses(client.get_sim(7)) == [0]
        await client.update_sim(7, SimChange(status=SimStatus.ACTIVATED))
        assert await statuses(client.get_sim(7)) == [1]
    assert upstream.lines == ["GET /api/v1/sim/7", "PATCH /api/v1/sim/7", "GET /api/v1/sim/7"]


async def test_what_was_asked_before_a_write_answers_nobody_who_asks_after_it(
    client: EmnifyClient, upstream: Upstream
) -> None:
    slow = asyncio.Event()
    upstream.script(Reply(json=ISSUED, after=slow), Reply(204), Reply(json=ACTIVE))
    with asked_by("anna"):
        before = asyncio.ensure_future(client.get_sim(7))
        await upstream.called.wait()
        await client.update_sim(7, SimChange(status=SimStatus.ACTIVATED))
        assert await statuses(client.get_sim(7)) == [1]
        slow.set()
        assert (await before).status_id == 0
        assert await statuses(client.get_sim(7)) == [1], "what was asked before it is not kept either"


async def test_while_a_write_is_under_way_nobody_is_answered_by_what_was_before(
    client: EmnifyClient, upstream: Upstream
) -> None:
    written = asyncio.Event()
    upstream.script(Reply(json=ISSUED), Reply(204, after=written), Reply(json=ACTIVE))
    with asked_by("anna"):
        await client.get_sim(7)
        upstream.called.clear()
        writing = asyncio.ensure_future(client.update_sim(7, SimChange(status=SimStatus.ACTIVATED)))
        await upstream.called.wait()
        assert await statuses(client.get_sim(7)) == [1]
        written.set()
        await writing


async def test_a_change_and_a_scan_are_answered_by_emnify_itself(client: EmnifyClient, upstream: Upstream) -> None:
    upstream.script(Reply(json=ISSUED))
    with asked_by("anna"):
        await client.get_sim(7)
        for straight in (for_a_change, in_background, anew):
            with straight():
                await statuses(client.get_sim(7), client.get_sim(7))
    assert len(upstream.calls) == 7


async def test_what_hardly_ever_changes_is_read_once_an_hour_also_across_writes(
    client: EmnifyClient, upstream: Upstream
) -> None:
    upstream.script(Reply(json=[{"id": 1, "description": "Activated"}]))
    for _ in range(3):
        assert (await client.list_sim_statuses())[0].id == 1
        await client.update_sim(7, SimChange(status=SimStatus.ACTIVATED))
    with anew():
        await client.list_sim_statuses()
    assert [line for line in upstream.lines if "status" in line] == ["GET /api/v1/sim/status"] * 2


class Rig:
    """Shared reads over a sender that counts, with a clock and limits that do as told."""

    def __init__(self) -> None:
        self.now_s, self.waits_s, self.sent = 0.0, 0.0, list[str]()
        self.meanwhile: Callable[[], Awaitable[None]] | None = None
        clock = UpstreamClock(monotonic=lambda: self.now_s)
        clock.read("Sun, 22 Nov 2026 09:41:00 GMT")
        self.sparing_s = 0.0
        self.reads = SharedReads(self.send, self, clock.now, monotonic=lambda: self.now_s)

    def wait_s(self, operation: str) -> float:
        assert operation.startswith("GET ")
        return self.waits_s

    async def send(self, call: Call, deadline_s: float) -> Answer:
        assert deadline_s > 0
        self.sent.append(call.target)
        if self.meanwhile is not None:
            happens, self.meanwhile = self.meanwhile, None
            await happens()
        return Answer(call.operation, 200, {}, None, f"[{len(self.sent)}]".encode())

    async def ask(self, sim: int = 7, suffix: str = "") -> Any:
        answer = await self.reads.send(on_sim("GET", suffix, sim), 10)
        return answer.data

    async def write(self, template: str, sim: int | None) -> None:
        await self.reads.send(Call("PATCH", template, "it", None if sim is None else {"id": sim}), 10)


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_an_answer_is_reused_for_two_seconds(rig: Rig) -> None:
    with asked_by("anna") as known:
        await rig.ask()
        rig.now_s = REUSED_FOR_S - 0.1
        assert await rig.ask() == [1]
        rig.now_s = REUSED_FOR_S
        await rig.ask()
    assert len(rig.sent) == 2
    assert known.as_of is None, "what is that new needs no remark"


async def test_while_the_limits_are_spent_what_is_known_answers_and_says_how_old_it_is(rig: Rig) -> None:
    with asked_by("anna"):
        await rig.ask()
        rig.now_s = 60.0
        await rig.ask(8)
    rig.now_s, rig.waits_s = 120.0, 60.0
    with asked_by("ben") as known:
        assert (await rig.ask(), await rig.ask(8)) == ([1], [2])
    assert known.as_of is not None
    assert known.fresh_at is not None
    assert (f"{known.as_of:%H:%M}", f"{known.fresh_at:%H:%M}") == ("09:41", "09:44")
    assert len(rig.sent) == 2


async def test_where_others_have_spent_what_seemed_to_be_left_what_is_known_answers_too(rig: Rig) -> None:
    async def refuse() -> None:
        raise RateLimitedError("spent", retry_after_s=60.0)

    with asked_by("anna"):
        await rig.ask()
    rig.now_s, rig.meanwhile = 60.0, refuse
    with asked_by("ben") as known:
        assert await rig.ask() == [1]
    assert known.as_of is not None
    assert known.fresh_at is not None
    assert (f"{known.as_of:%H:%M}", f"{known.fresh_at:%H:%M}") == ("09:41", "09:43")
    rig.meanwhile = refuse
    with asked_by("ben"), pytest.raises(RateLimitedError):
        await rig.ask(8)
    rig.meanwhile = refuse
    with for_a_change(), pytest.raises(RateLimitedError):
        await rig.ask()


async def test_as_the_limits_are_being_spent_an_answer_does_for_longer_and_says_so(rig: Rig) -> None:
    with asked_by("anna") as known:
        await rig.ask()
        rig.now_s, rig.sparing_s = 30.0, 90.0
        assert await rig.ask() == [1]
        assert known.as_of is not None
        assert known.fresh_at is not None
        assert (known.fresh_at - known.as_of).total_seconds() == 90
        rig.now_s = 90.0
        await rig.ask()
    assert len(rig.sent) == 2


async def test_a_short_wait_is_waited_for_and_what_is_not_known_or_too_old_is_asked_for(rig: Rig) -> None:
    with asked_by("anna") as known:
        await rig.ask()
        rig.now_s, rig.waits_s = 10.0, 1.9
        await rig.ask()
        rig.waits_s = 300.0
        await rig.ask(8)
        rig.now_s += KNOWN_FOR_S + 1
        await rig.ask(8)
    assert len(rig.sent) == 4
    assert known.as_of is None


@pytest.mark.parametrize(
    ("template", "sim", "forgotten"),
    [
        ("/api/v1/sim/{id}", 7, [True, True, False]),
        ("/api/v1/sim/{id}", 9, [False, False, False]),
        ("/api/v1/sim/multi", None, [True, True, True]),
        ("/api/v1/sim_batch/bic/{bic}", None, [True, True, True]),
    ],
)
async def test_what_a_write_may_have_changed_is_not_known_any_more(
    rig: Rig, template: str, sim: int | None, forgotten: list[bool]
) -> None:
    asked = [(7, ""), (7, "/stats"), (8, "")]
    with asked_by("anna"):
        for each in asked:
            await rig.ask(*each)
        await rig.write(template.replace("{bic}", "x"), sim)
        rig.sent.clear()
        rig.waits_s = 60.0
        for each in asked:
            await rig.ask(*each)
    again = ["/api/v1/sim/7", "/api/v1/sim/7/stats", "/api/v1/sim/8"]
    assert rig.sent == [target for target, gone in zip(again, forgotten, strict=True) if gone]


async def test_what_was_under_way_during_a_write_is_not_known_either(rig: Rig) -> None:
    rig.meanwhile = lambda: rig.write("/api/v1/sim/{id}", 7)
    with asked_by("anna"):
        await rig.ask()
        rig.waits_s = 60.0
        await rig.ask()
    assert len(rig.sent) == 3


async def test_lists_are_forgotten_with_every_write(rig: Rig) -> None:
    async def list_sims() -> None:
        await rig.reads.send(Call("GET", "/api/v1/sim", "the SIMs"), 10)

    with asked_by("anna"):
        await list_sims()
        await rig.write("/api/v1/sim/{id}", 9)
        rig.waits_s = 60.0
        await list_sims()
    assert len(rig.sent) == 3


async def test_what_is_kept_stays_within_its_room(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim_mcp.emnify.http.shared_reads._MOST_BYTES", 10 * 2**11)
    with asked_by("anna"):
        for sim in range(1, 100):
            await rig.ask(sim)
    assert rig.reads._bytes == sum(kept.size for kept in rig.reads._kept.values()) <= 10 * 2**11
    assert [*rig.reads._kept][-1] == "/api/v1/sim/99"
