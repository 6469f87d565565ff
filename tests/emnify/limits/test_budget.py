"""A share of every limit is kept for what matters more, and none of those who ask can spend what is everybody's."""

import pytest

from sim_mcp.emnify import (
    EmnifyClient,
    Limits,
    Rate,
    RateLimitedError,
    SimChange,
    SimStatus,
    Window,
    asked_by,
    in_background,
)
from sim_mcp.emnify.limits.asking import Asking
from sim_mcp.emnify.limits.budget import Claim, OwnBudget, Rank, claim_of
from sim_mcp.emnify.limits.rate_limit import AUTHENTICATE
from tests.support import Fleet

ONE, LIST, PATCH = "GET /api/v1/sim/{id}", "GET /api/v1/sim", "PATCH /api/v1/sim/{id}"
WINDOW_S = 300.0


class Window1000:
    """A budget of a thousand requests in five minutes, and a clock that stands still."""

    def __init__(self, rates: dict[str, Rate] | None = None) -> None:
        self.now = 0.0
        limits = Limits(rates or {}, Window(1000, WINDOW_S), Window(10, WINDOW_S))
        self.budget = OwnBudget(limits, clock=lambda: self.now)

    async def spend(self, rank: Rank, most: int = 2000, by: str = "", operation: str = ONE) -> int:
        """Reserve slots that are free now; return how many there were."""
        for number in range(most):
            if not (await self.budget.reserve(Claim(operation, rank, by), 0.0)).granted:
                return number
        return most


@pytest.fixture
def window() -> Window1000:
    return Window1000()


@pytest.mark.parametrize(
    ("asking", "operation", "rank"),
    [
        (Asking(), ONE, "single"),
        (Asking(), "GET /api/v1/sim/{id}/stats", "single"),
        (Asking(), LIST, "list"),
        (Asking(), PATCH, "change"),
        (Asking(purpose="change"), LIST, "change"),
        (Asking(purpose="background"), ONE, "background"),
        (Asking(purpose="background"), AUTHENTICATE, "change"),
    ],
)
def test_what_a_request_is_for_decides_its_rank(asking: Asking, operation: str, rank: Rank) -> None:
    assert claim_of(operation, asking).rank == rank


async def test_lists_leave_room_for_single_reads_and_these_for_changes(window: Window1000) -> None:
    assert await window.spend("list") == 800
    assert await window.spend("single") == 185
    assert await window.spend("single", by="newcomer") == 0
    assert await window.spend("change") == 15


async def test_a_scan_alone_takes_nearly_all_and_leaves_enough_to_be_asked_something(window: Window1000) -> None:
    assert await window.spend("background") == 960
    assert [await window.spend(rank) for rank in ("list", "single", "change")] == [10, 15, 15]


@pytest.mark.parametrize(("asked", "scanned"), [(10, 930), (100, 660), (200, 360), (400, 0)])
async def test_a_scan_leaves_as_much_again_as_is_being_asked(window: Window1000, asked: int, scanned: int) -> None:
    await window.spend("single", asked)
    assert await window.spend("background") == scanned


async def test_one_in_a_loop_spends_half_and_whoever_comes_gets_a_share(window: Window1000) -> None:
    assert await window.spend("single", by="looping") == 500
    assert await window.spend("list", by="looping") == 0
    assert await window.spend("single", by="ben") == 333
    assert await window.spend("single", by="carla") == 67, "all that is left to single reads"
    assert await window.spend("change", by="looping") == 100, "what a person agreed to is no question"


async def test_a_share_grows_again_as_what_was_sent_leaves_the_window(window: Window1000) -> None:
    await window.spend("single", by="looping")
    window.now = 100.0
    grant = await window.budget.reserve(Claim(ONE, "single", "looping"), 5.0)
    assert not grant.granted
    assert grant.wait_s == pytest.approx(200.5)
    window.now = WINDOW_S + 0.5
    assert await window.spend("single", by="looping") == 500


async def test_answers_do_for_longer_the_more_of_the_window_has_been_asked_whatever_is_scanned(
    window: Window1000,
) -> None:
    told = [window.budget.sparing_s()]
    await window.spend("background", 300)
    for more in (250, 375):
        await window.spend("single", more)
        told.append(window.budget.sparing_s())
    assert told == [0.0, 0.0, pytest.approx(150.25)]


async def test_where_there_is_only_one_they_may_spend_it_all(window: Window1000) -> None:
    assert await window.spend("single") == 900


async def test_what_is_too_far_away_is_not_reserved_and_what_is_near_is() -> None:
    rated = Window1000({LIST: Rate(10, 5)})
    now = await rated.spend("list", operation=LIST)
    refused = await rated.budget.reserve(Claim(LIST, "list"), 0.05)
    granted = await rated.budget.reserve(Claim(LIST, "list"), 1.0)
    later = await rated.budget.reserve(Claim(LIST, "list"), 1.0)
    assert now == 1
    assert not refused.granted
    assert granted == (True, refused.wait_s)
    assert later.wait_s == pytest.approx(granted.wait_s + 1 / 9.9)


async def test_a_slot_that_is_reserved_counts_before_its_time_has_come() -> None:
    rated = Window1000({LIST: Rate(10, 5)})
    for _ in range(12):
        assert (await rated.budget.reserve(Claim(LIST, "change"), 60.0)).granted
    assert await rated.spend("change") == 1000 - 12


async def test_over_http_one_in_a_loop_is_told_when_to_go_on_and_others_are_answered(fleet: Fleet) -> None:
    limits = Limits(per_address=Window(24, WINDOW_S))
    token = fleet.world.tokens["enterprise"]
    async with EmnifyClient(base_url=fleet.world.base_url, application_token=token, limits=limits) as client:
        with in_background():
            sims = [sim.id for sim in (await client.list_sims(per_page=20)).items]
        with asked_by("looping"):
            answered = [await client.get_sim(sim) for sim in sims[:12]]
            with pytest.raises(RateLimitedError) as refused:
                await client.get_sim(sims[12])
        with asked_by("ben"):
            assert [(await client.get_sim(sim)).id for sim in sims[13:18]] == sims[13:18]
        await client.update_sim(sims[0], SimChange(status=SimStatus.SUSPENDED))
    assert len(answered) == 12, "half of the window"
    assert (refused.value.retry_after_s or 0) > WINDOW_S - 60


async def test_workspaces_beside_each_other_share_the_limit_of_the_address_and_nothing_else() -> None:
    rates = {LIST: Rate(per_second=10, burst=20)}
    first, second = Window1000(rates), Window1000(rates)
    second.budget = OwnBudget(Limits(rates, Window(1000, WINDOW_S), Window(10, WINDOW_S)), lambda: 0.0, first.budget)
    at_once = await first.spend("change", operation=LIST)
    assert 0 < at_once < 1000
    assert await second.spend("change", operation=LIST) == at_once  # its own burst is whole.
    assert await first.spend("change", operation=ONE) == 1000 - 2 * at_once
    assert await second.spend("change", operation=ONE) == 0
