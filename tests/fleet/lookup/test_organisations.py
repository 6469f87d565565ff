"""Whatever a person calls an organisation leads to the one that is meant, or to the names there are."""

from typing import Any

import pytest

from sim_mcp.emnify import EmnifyClient, Limits
from sim_mcp.fleet.lookup.organisations import (
    NotAllSeenError,
    OrganisationNotFoundError,
    find_organisation,
    find_roles,
)
from tests.emnify.upstream import Reply, upstream_running
from tests.support import Fleet

OTHERS = [{"id": number, "customer_org": {"id": number, "name": f"Customer {number}"}} for number in range(1, 41)]
TWINS = [{"id": number, "customer_org": {"id": number, "name": "Twin"}} for number in (1, 2)]


async def refusal(said: str, rows: list[Any]) -> str:
    async with (
        upstream_running() as upstream,
        EmnifyClient(base_url=upstream.base_url, application_token="x", limits=Limits()) as client,
    ):
        upstream.script(Reply(json=rows))
        with pytest.raises(OrganisationNotFoundError) as refused:
            await find_organisation(client, said)
        return str(refused.value)


@pytest.mark.parametrize(("said", "number"), [("13886", 13886), (" 13886 ", 13886), ("\u0667", 7)])
async def test_a_number_is_an_id_and_costs_no_request(
    known: Fleet, client: EmnifyClient, said: str, number: int
) -> None:
    before = len(await known.requests())
    assert (await find_organisation(client, said)).id == number
    assert len(await known.requests()) == before


@pytest.mark.parametrize("said", ["Alpenwerk Devices", " alpenwerk DEVICES "])
async def test_a_name_is_found_among_those_that_hold_sims(client: EmnifyClient, said: str) -> None:
    found = await find_organisation(client, said)
    assert (found.id, found.name) == (13886, "Alpenwerk Devices")


async def test_resellers_and_issuers_are_found_too(known: Fleet) -> None:
    async with EmnifyClient(base_url=known.world.base_url, application_token=known.world.tokens["issuer"]) as client:
        assert (await find_organisation(client, "Nordlicht IoT Vertrieb")).id == 9100
        assert (await find_organisation(client, "org2")).id == 2


async def test_an_unknown_name_is_answered_with_those_there_are(client: EmnifyClient) -> None:
    with pytest.raises(OrganisationNotFoundError, match=r'(?s)called "Alpenwerk"\..* Seen on .*"Alpenwerk Devices"'):
        await find_organisation(client, "Alpenwerk")


async def test_two_of_one_name_are_both_listed_and_none_is_guessed() -> None:
    told = await refusal("twin", TWINS)
    assert "Several organisations fit" in told
    assert '"Twin" (id 1), "Twin" (id 2)' in told


@pytest.mark.parametrize("said", ["Twin", "Tw\u200bin", "twin\u3164"])
async def test_two_that_look_the_same_are_both_listed_and_none_is_guessed(said: str) -> None:
    alike = [
        {"id": 1, "customer_org": {"id": 1, "name": "Twin"}},
        {"id": 2, "customer_org": {"id": 2, "name": "Tw\u3164in"}},
    ]
    told = await refusal(said, alike)
    assert '"Twin" (id 1), "Twin" (id 2)' in told


@pytest.mark.parametrize("said", ["", "  ", "9" * 5000, "0" * 13, "\u3164", "\U000e0041"])
async def test_what_is_no_name_finds_none_not_one_without_a_name(said: str) -> None:
    told = await refusal(
        said, [{"id": 1, "customer_org": {"id": 5}}, {"id": 2, "customer_org": {"id": 6, "name": "\u3164"}}]
    )
    assert "No organisation seen is called" in told


async def test_a_long_list_of_names_is_cut() -> None:
    told = await refusal("nobody", OTHERS)
    assert '"Customer 20" (id 20) and 20 more' in told
    assert "Customer 21" not in told


@pytest.mark.parametrize(("number", "more"), [(19, None), (20, None), (21, "and 1 more")])
async def test_as_many_names_as_fit_are_listed_and_the_rest_is_counted(number: int, more: str | None) -> None:
    told = await refusal("nobody", OTHERS[:number])
    assert f'"Customer {min(number, 20)}"' in told
    assert (more in told) if more else ("more" not in told)


@pytest.mark.parametrize("role", ["customer_org", "reseller_org", "issuer_org"])
async def test_a_name_may_be_of_any_role_and_all_the_largest_page_is_looked_at(role: str) -> None:
    async with (
        upstream_running() as upstream,
        EmnifyClient(base_url=upstream.base_url, application_token="x", limits=Limits()) as client,
    ):
        upstream.script(Reply(json=[{"id": 1, role: {"id": 5, "name": "Five"}}]))
        assert (await find_organisation(client, "five")).id == 5
        assert upstream.lines == ["GET /api/v1/sim?page=1&per_page=2500"]


@pytest.mark.parametrize(("pages", "name"), [("2", "Twin"), ("2", "nobody"), ("1", None)])
async def test_where_each_counts_a_name_is_taken_only_when_all_sims_were_seen(pages: str, name: str | None) -> None:
    async with (
        upstream_running() as upstream,
        EmnifyClient(base_url=upstream.base_url, application_token="x", limits=Limits()) as client,
    ):
        upstream.script(Reply(json=TWINS[:1], headers={"X-Total-Pages": pages}))
        if name is None:
            assert (await find_organisation(client, "twin", among_all=True)).id == 1
            return
        with pytest.raises(NotAllSeenError) as refused:
            await find_organisation(client, name, among_all=True)
        assert ('"Twin" (id 1)' if name == "Twin" else "get_sim of a SIM of theirs") in str(refused.value)
        # Where it is a filter alone, the first that has the name will do.
        assert name == "nobody" or (await find_organisation(client, name)).id == 1


async def test_nobody_seen_is_said_so() -> None:
    assert "Seen on 0 SIMs:\nnone." in await refusal("nobody", [])


async def test_many_names_in_several_roles_cost_one_reading(known: Fleet) -> None:
    token = known.world.tokens["issuer"]
    before = len(await known.requests())
    async with EmnifyClient(base_url=known.world.base_url, application_token=token, limits=Limits()) as asking:
        found = await find_roles(asking, ("Alpenwerk Devices", "13887"), (), ("nordlicht iot vertrieb",))
    assert found == ((13886, 13887), (), (9100,))
    assert len(await known.requests()) == before + 1
