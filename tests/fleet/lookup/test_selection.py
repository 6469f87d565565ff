"""Several values of a property: emnify is asked as far as its filters go, and the rest is looked at here."""

from itertools import product

import pytest

from sim_mcp.emnify import EmnifyClient, SimStatus, flatten
from sim_mcp.fleet.lookup.listing import all_matching
from sim_mcp.fleet.lookup.organisations import find_organisations
from sim_mcp.fleet.lookup.selection import SimSelection
from tests.support import Fleet

STATUSES = ((), (SimStatus.ACTIVATED,), (SimStatus.ISSUED, SimStatus.SUSPENDED))
MODELS = ((), ("industrial",), ("DIM Industrial - 3FF", "classic"))


@pytest.mark.parametrize(("statuses", "models", "has_device"), [*product(STATUSES, MODELS, (None, True, False))])
async def test_what_is_selected_is_what_looking_at_each_sim_selects(
    client: EmnifyClient,
    statuses: tuple[SimStatus, ...],
    models: tuple[str, ...],
    has_device: bool | None,
) -> None:
    wanted = SimSelection(statuses, models=models, has_device=has_device)
    everything = [flatten(sim) for sim in (await client.list_sims(per_page=2500)).items]
    by_hand = {
        sim.id
        for sim in everything
        if (not statuses or sim.status_id in [status.value for status in statuses])
        and (not models or any(model.lower() in (sim.model or "").lower() for model in models))
        and (has_device is None or (sim.device_id is not None) is has_device)
    }
    assert {sim.id for sim in await all_matching(client, wanted, most=3000)} == by_hand


async def test_roles_are_told_apart(known: Fleet) -> None:
    token = known.world.tokens["issuer"]
    async with EmnifyClient(base_url=known.world.base_url, application_token=token) as client:
        everything = [flatten(sim) for sim in (await client.list_sims(per_page=2500)).items]

        async def chosen(wanted: SimSelection) -> set[int]:
            return {sim.id for sim in await all_matching(client, wanted, most=3000)}

        stock = {sim.id for sim in everything if sim.reseller_id == 9100}
        assert await chosen(SimSelection(resellers=(9100,))) == stock
        sold = {sim.id for sim in everything if sim.customer_id in (13887, 13888)}
        assert await chosen(SimSelection(customers=(13887, 13888))) == sold
        both = await chosen(SimSelection(customers=(13887, 13888), resellers=(9100,), issuers=(2,)))
        assert both == stock & sold
        assert 0 < len(both) < min(len(stock), len(sold))
        assert await chosen(SimSelection(issuers=(13886,))) == set()


async def test_organisations_are_found_by_name_and_by_id(client: EmnifyClient) -> None:
    found = await find_organisations(client, ("alpenwerk devices", "9100"))
    assert [each.id for each in found] == [13886, 9100]
