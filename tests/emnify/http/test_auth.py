"""One token for everybody, renewed in time, never hammered, never shown."""

import asyncio
import logging
import traceback
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

import sim_mcp
from sim_mcp.emnify import (
    AuthenticationError,
    DeadlineExceededError,
    EmnifyClient,
    EmnifyError,
    Limits,
    SimChange,
    SimStatus,
)
from sim_mcp.emnify.http.auth import Authenticator
from tests.emnify.conftest import CANARY
from tests.emnify.upstream import Reply, Upstream, token

GATEWAY = Reply(401, json={"message": "Token is expired"}, headers={"x-amzn-ErrorType": "AccessDeniedException"})
APPLICATION = Reply(401, json={"error_code": 1103, "error_token": "TokenExpired", "message": "expired"})
EMPTY = Reply(401, headers={"Content-Type": "text/html; charset=UTF-8"})
PACKAGE = Path(sim_mcp.__file__).parent
SHAPES = pytest.mark.parametrize("shape", [GATEWAY, APPLICATION, EMPTY], ids=["gateway", "application", "empty"])


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_twenty_calls_at_once_sign_in_once(client: EmnifyClient, upstream: Upstream) -> None:
    hold = asyncio.Event()
    upstream.script_sign_in(Reply(json={"auth_token": token()}, after=hold))
    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(client.list_sims)
        await upstream.arrived.wait()
        assert upstream.calls == []
        hold.set()
    assert (len(upstream.sign_ins), len(upstream.calls)) == (1, 20)


async def test_if_the_one_who_signs_in_gives_up_the_others_are_served(client: EmnifyClient, upstream: Upstream) -> None:
    first, hold = asyncio.Event(), asyncio.Event()
    upstream.script_sign_in(
        Reply(json={"auth_token": token(1)}, after=first), Reply(json={"auth_token": token(2)}, after=hold)
    )
    async with anyio.create_task_group() as group:
        impatient = asyncio.ensure_future(client.list_sims())
        await upstream.arrived.wait()
        for _ in range(5):
            group.start_soon(client.list_sims)
        await anyio.lowlevel.checkpoint()
        impatient.cancel()
        hold.set()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    assert (len(upstream.sign_ins), len(upstream.calls)) == (2, 5)
    assert {call.headers["authorization"] for call in upstream.calls} == {f"Bearer {token(2)}"}


@SHAPES
async def test_a_token_that_is_no_longer_taken_is_renewed_once_for_all(
    client: EmnifyClient, upstream: Upstream, shape: Reply
) -> None:
    await client.list_sims()
    upstream.script(*[shape] * 8, Reply(json=[]))
    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(client.list_sims)
    assert len(upstream.sign_ins) == 2
    assert len(upstream.calls) == 1 + 8 + 8


@SHAPES
async def test_a_call_signs_in_again_once_and_then_gives_up(
    client: EmnifyClient, upstream: Upstream, shape: Reply
) -> None:
    upstream.script(shape)
    with pytest.raises(AuthenticationError, match="also after signing in again") as failed:
        await client.get_sim(1)
    assert (failed.value.status, failed.value.changed) == (401, "nothing")
    assert (len(upstream.sign_ins), len(upstream.calls)) == (2, 2)


async def test_a_call_signs_in_again_once_over_all_its_attempts(client: EmnifyClient, upstream: Upstream) -> None:
    upstream.script(GATEWAY, Reply(503), GATEWAY, Reply(json=[]))
    with pytest.raises(AuthenticationError):
        await client.list_sims()
    assert (len(upstream.sign_ins), len(upstream.calls)) == (2, 3)


async def test_a_write_that_was_not_let_in_and_got_no_new_token_in_time_changed_nothing(
    client: EmnifyClient, upstream: Upstream
) -> None:
    upstream.script_sign_in(Reply(json={"auth_token": token()}), Reply(after=asyncio.Event()))
    upstream.script(GATEWAY)
    with pytest.raises(DeadlineExceededError) as failed:
        await client.delete_sim(1, deadline_s=0.4)
    assert failed.value.changed == "nothing"


async def test_a_write_that_was_not_let_in_is_sent_again_with_a_new_token(
    client: EmnifyClient, upstream: Upstream
) -> None:
    upstream.script(GATEWAY, Reply(204))
    await client.update_sim(1, SimChange(status=SimStatus.SUSPENDED))
    assert upstream.lines == ["PATCH /api/v1/sim/1"] * 2
    assert upstream.calls[0].json == upstream.calls[1].json == {"status": {"id": 2}}


async def test_the_lifetime_counts_whatever_the_clocks_say(client: EmnifyClient, upstream: Upstream) -> None:
    upstream.script_sign_in(Reply(json={"auth_token": token(iat=86_400)}))
    await client.list_sims()
    await client.list_sims()
    assert len(upstream.sign_ins) == 1, "issued in 1970 by its own clock, and good for four hours all the same"


@pytest.mark.parametrize(("lifetime", "early"), [(14_400, 60), (300, 30), (604_800, 60), (60, 6)])
async def test_a_token_is_renewed_before_it_lapses(lifetime: float, early: float) -> None:
    clock = Clock()
    given: list[str] = []

    async def sign_in() -> str:
        given.append(token(len(given), lifetime=lifetime))
        return given[-1]

    authenticator = Authenticator(sign_in, clock)
    assert (await authenticator.token()).bearer == given[0]
    clock.now += lifetime - early - 1
    assert (await authenticator.token()).bearer == given[0]
    clock.now += 2
    assert (await authenticator.token()).bearer == given[1]
    assert len(given) == 2


@pytest.mark.parametrize(
    "odd",
    [
        "opaque",
        token(lifetime=-5),
        token(lifetime=float("nan")),
        token(iat=0, lifetime=10**400),
        token(iat=0, lifetime=float("inf")),
        token(exp="soon"),
        "e30.e30.",
        "a.b.c",
    ],
)
async def test_a_token_that_tells_no_lifetime_is_kept_for_minutes_not_for_one_call(
    client: EmnifyClient, upstream: Upstream, odd: str
) -> None:
    upstream.script_sign_in(Reply(json={"auth_token": odd}))
    for _ in range(3):
        await client.list_sims()
    assert len(upstream.sign_ins) == 1
    assert upstream.calls[0].headers["authorization"] == f"Bearer {odd}"


@pytest.mark.parametrize(
    "answer", [{"auth_token": "a\nb"}, {"auth_token": "tökén"}, {"auth_token": ""}, {"auth_token": 5}, {}, [], "x"]
)
@pytest.mark.usefixtures("impatient")
async def test_what_is_no_token_is_not_sent_as_one(client: EmnifyClient, upstream: Upstream, answer: object) -> None:
    upstream.script_sign_in(Reply(json=answer))
    with pytest.raises(EmnifyError, match="holds no auth token"):
        await client.list_sims()
    assert upstream.calls == []


@pytest.mark.parametrize(
    "refusal",
    [EMPTY, GATEWAY, Reply(400), Reply(404, json={"error_code": 1201, "error_token": "NotFound", "message": "x"})],
)
async def test_a_refused_application_token_is_offered_once_however_often_it_is_needed(
    client: EmnifyClient, upstream: Upstream, refusal: Reply
) -> None:
    upstream.script_sign_in(refusal)
    with pytest.raises(AuthenticationError, match="does not accept the application token"):
        await client.list_sims()
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(_refused, client)
    assert (len(upstream.sign_ins), len(upstream.calls)) == (1, 0)


async def _refused(client: EmnifyClient) -> None:
    with pytest.raises(AuthenticationError, match=r"not offered again for \d+ s"):
        await client.list_sims()


async def test_a_refused_token_gets_another_chance_after_five_minutes() -> None:
    clock, tries = Clock(), 0

    async def sign_in() -> str:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise AuthenticationError("no", status=401, code=1101)
        return token()

    authenticator = Authenticator(sign_in, clock)
    with pytest.raises(AuthenticationError):
        await authenticator.token()
    clock.now += 299
    with pytest.raises(AuthenticationError, match="for 1 s") as kept_back:
        await authenticator.token()
    assert (kept_back.value.status, kept_back.value.code) == (401, 1101)
    clock.now += 2
    assert (await authenticator.token()).bearer == token()


async def test_a_lockout_says_how_long_it_lasts(client: EmnifyClient, upstream: Upstream) -> None:
    upstream.script_sign_in(
        Reply(401, json={"error_code": 1105, "error_token": "TooManyRequests", "message": "Too many"})
    )
    with pytest.raises(AuthenticationError, match="locked this token for five minutes") as failed:
        await client.list_sims()
    assert (failed.value.code, failed.value.token) == (1105, "TooManyRequests")


async def test_signing_in_survives_a_passing_fault_also_before_a_write(
    client: EmnifyClient, upstream: Upstream
) -> None:
    upstream.script_sign_in(Reply(503), Reply(drop=True), Reply(json={"auth_token": token()}))
    upstream.script(Reply(204))
    await client.delete_sim(1)
    assert (len(upstream.sign_ins), upstream.lines) == (3, ["DELETE /api/v1/sim/1"])


@pytest.mark.usefixtures("impatient")
async def test_a_redirect_is_not_followed_with_the_token(client: EmnifyClient, upstream: Upstream) -> None:
    upstream.script(Reply(302, headers={"Location": f"{upstream.base_url}/elsewhere"}))
    with pytest.raises(EmnifyError, match="302"):
        await client.list_sims()
    assert {seen.target.partition("?")[0] for seen in upstream.calls} == {"/api/v1/sim"}
    assert len(upstream.calls) == 1


async def test_the_workspace_is_read_from_the_token(client: EmnifyClient) -> None:
    assert client.own_organisation_id is None
    await client.list_sims()
    assert client.own_organisation_id == 13886


@pytest.mark.usefixtures("impatient")
async def test_no_token_shows_in_errors_logs_reprs_or_tracebacks_with_locals(
    client: EmnifyClient, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bearer = token(99)
    upstream.script_sign_in(Reply(json={"auth_token": bearer}))
    shown = [repr(client), repr(vars(client)), str(client)]
    for reply in (
        Reply(drop=True),
        Reply(500, json={"message": bearer}),
        Reply(body=f"<p>{bearer}{CANARY}".encode()),
        Reply(403),
        EMPTY,
        Reply(429, headers={"Retry-After": "99"}),
    ):
        upstream.script(reply)
        with pytest.raises(EmnifyError) as failed:
            await client.get_sim(1)
        shown.append(repr(failed.value) + str(vars(failed.value)))
        shown += _frames(failed.value)
    for reply in (Reply(500, json={"message": CANARY}), Reply(drop=True), EMPTY):
        upstream.script_sign_in(reply)
        async with EmnifyClient(base_url=upstream.base_url, application_token=CANARY) as stranger:
            with pytest.raises(EmnifyError) as failed:
                await stranger.list_sims()
        shown += _frames(failed.value)
    everything = "\n".join([*shown, caplog.text, *(str(vars(record)) for record in caplog.records)])
    assert "get_sim" in everything
    assert "GET /api/v1/sim/{id}" in caplog.text
    assert bearer not in everything
    assert CANARY not in everything


def _frames(error: BaseException) -> list[str]:
    """Tracebacks as the likes of rich print them: with the local variables of this project's frames."""
    found = traceback.format_exception(error)
    for each in (error, error.__context__, error.__cause__):
        if each is not None and each.__traceback__ is not None:
            summary = traceback.TracebackException.from_exception(each, capture_locals=True)
            # By where the package lies: a clone's own folder may have any name, also that of the package.
            found += [str(frame.locals) for frame in summary.stack if Path(frame.filename).is_relative_to(PACKAGE)]
    return found


async def test_the_time_is_emnifys_from_its_newest_answer_on(client: EmnifyClient, upstream: Upstream) -> None:
    before = datetime.now(UTC)
    assert before <= client.now() <= datetime.now(UTC)
    upstream.script(
        Reply(json=[], headers={"Date": "Fri, 01 Jan 2038 00:00:00 GMT"}),
        Reply(json=[], headers={"Date": "no date at all"}),
        Reply(json=[], headers={"Date": "Sun, 01 Jan 2040 00:00:00 -0000"}),
    )
    await client.list_sims()
    assert client.now().year == 2038
    await client.list_sims()
    assert client.now().year == 2038
    await client.list_sims()
    assert client.now().year == 2040
    assert client.now().tzinfo is not None


async def test_a_client_may_be_made_outside_an_event_loop(upstream: Upstream) -> None:
    made = await asyncio.to_thread(EmnifyClient, base_url=upstream.base_url, application_token=CANARY, limits=Limits())
    async with made as client, anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(client.list_sims)
    assert (len(upstream.sign_ins), len(upstream.calls)) == (1, 3)
