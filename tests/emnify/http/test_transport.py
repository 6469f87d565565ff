"""The client against a sandbox that has a bad day: reads get through, and no write happens twice."""

from collections import Counter

import pytest

from sim_mcp.emnify import (
    Bic,
    EmnifyClient,
    OutcomeUnknownError,
    RateLimitedError,
    SimChange,
    SimFilter,
    SimStatus,
    UpstreamError,
)
from tests.support import Fleet

pytestmark = pytest.mark.usefixtures("impatient")


def client_of(fleet: Fleet) -> EmnifyClient:
    return EmnifyClient(base_url=fleet.world.base_url, application_token=fleet.world.tokens["enterprise"])


@pytest.mark.parametrize(
    "fault",
    [
        "drop=0.3",
        "drop_after=0.3",
        "truncate=0.3",
        "empty=0.3",
        "malformed=0.3",
        "error=503:0.3",
        "error_after=504:0.3",
    ],
)
async def test_every_sim_is_read_in_spite_of_faults(fleet: Fleet, fault: str) -> None:
    async with client_of(fleet) as client:
        expected = [sim async for page in client.iter_sim_pages(per_page=20) for sim in page.items]
        await fleet.faults(fault)
        assert [sim async for page in client.iter_sim_pages(per_page=20) for sim in page.items] == expected
        sims = [await client.get_sim(sim.id) for sim in expected[:5]]
    assert [sim.iccid for sim in sims] == [sim.iccid for sim in expected[:5]]
    assert len({sim.id for sim in expected}) == len(expected) >= 40


async def test_tokens_that_expire_under_way_are_renewed_for_reads_and_writes(fleet: Fleet) -> None:
    sim_id = fleet.scenarios["healthy"]["sim_id"]
    async with client_of(fleet) as client:
        await client.get_sim(sim_id)
        for _ in range(3):
            await fleet.faults("expire_tokens")
            await client.update_sim(sim_id, SimChange(status=SimStatus.SUSPENDED))
            await fleet.faults("expire_tokens")
            assert (await client.get_sim(sim_id)).known_status is SimStatus.SUSPENDED
    assert Counter(request["status"] for request in await fleet.writes()) == {401: 3, 204: 3}


@pytest.mark.parametrize(
    ("fault", "happened"),
    [("drop=x1", False), ("drop_after=x1", True), ("error=502:x1", False), ("error_after=504:x1", True)],
)
async def test_a_write_without_an_answer_is_sent_once_and_only_reading_tells_what_became_of_it(
    fleet: Fleet, fault: str, happened: bool
) -> None:
    sim_id = fleet.scenarios["healthy"]["sim_id"]
    async with client_of(fleet) as client:
        await client.get_sim(sim_id)
        await fleet.faults(f"{fault}@PATCH /api/v1/sim")
        with pytest.raises(OutcomeUnknownError):
            await client.update_sim(sim_id, SimChange(status=SimStatus.SUSPENDED))
        status = (await client.get_sim(sim_id)).known_status
    assert (status is SimStatus.SUSPENDED) is happened
    assert len(await fleet.writes()) == 1


@pytest.mark.parametrize("fault", ["truncate=1", "empty=1", "malformed=1"])
async def test_a_batch_whose_answer_is_garbled_is_registered_once(fleet: Fleet, fault: str) -> None:
    story = next(story for story in fleet.scenarios.values() if story.get("bic"))
    bic = Bic.parse(story["bic"])
    async with client_of(fleet) as client:
        await client.batches.get(bic)
        await fleet.faults(f"{fault}@PATCH /api/v1/sim_batch")
        try:
            found = (await client.batches.register(bic, SimStatus.ISSUED)).sims
        except OutcomeUnknownError:
            found = []
    assert found == []
    assert [write["status"] for write in await fleet.writes()] == [200]


async def test_a_fault_that_stays_is_told_when_patience_ends(fleet: Fleet) -> None:
    await fleet.faults("error=503@GET /api/v1/sim")
    async with client_of(fleet) as client:
        with pytest.raises(UpstreamError, match="503"):
            await client.list_sims()
    assert len(await fleet.requests()) == 5


async def test_a_throttled_call_waits_and_comes_through(fleet: Fleet) -> None:
    await fleet.faults("throttle=1:x1@GET /api/v1/sim")
    async with client_of(fleet) as client:
        assert (await client.list_sims(SimFilter(status=SimStatus.ACTIVATED))).items
        await fleet.faults("throttle=1")
        with pytest.raises(RateLimitedError) as failed:
            await client.list_sims(deadline_s=0.5)
    assert failed.value.retry_after_s is not None
    assert [request["status"] for request in await fleet.requests()] == [429, 200, 429]
