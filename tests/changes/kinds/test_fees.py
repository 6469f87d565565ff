"""What falls due at once is told with its amount where emnify tells the price, and never as less than it may be."""

from decimal import Decimal

import pytest
from mcp import Client

from sim_mcp.changes.kinds.fees import FeesDue, read_hosting_fee, word_fees
from sim_mcp.emnify import EmnifyClient
from sim_mcp.emnify.money import Money
from sim_mcp.server.app import build_server
from sim_mcp.settings import Confirm
from tests.emnify.upstream import Reply, upstream_running
from tests.support import Fleet, structured, text_of

UNLESS = "except where already active this month"
UNTOLD = "emnify does not tell the amount"
EUR = Money.of(Decimal("0.4"), "EUR")


@pytest.mark.parametrize(
    ("due", "fee", "words"),
    [
        (FeesDue(0), EUR, "nothing"),
        (FeesDue(100), EUR, "40.00 EUR: this month's hosting fee of 0.40 EUR for 100 SIMs"),
        (FeesDue(1), Money(), "this month's hosting fee for 1 SIM; emnify does not tell the amount"),
        (FeesDue(0, 2), EUR, f"at most 0.80 EUR: this month's hosting fee of 0.40 EUR for 2 SIMs, {UNLESS}"),
        (FeesDue(1, 2), EUR, f"0.40 EUR to 1.20 EUR: this month's hosting fee of 0.40 EUR for 3 SIMs, {UNLESS}"),
        (FeesDue(0, 1), Money(), f"this month's hosting fee for 1 SIM, {UNLESS}; {UNTOLD}"),
    ],
)
def test_what_falls_due_is_worded_with_its_amount_where_known(due: FeesDue, fee: Money, words: str) -> None:
    assert word_fees(due, fee) == words


@pytest.mark.parametrize("reply", [Reply(404), Reply(500), Reply(json={})])
async def test_a_price_that_emnify_does_not_tell_is_none(reply: Reply) -> None:
    async with upstream_running() as upstream:
        upstream.script(reply)
        async with EmnifyClient(base_url=upstream.base_url, application_token="made-up") as client:
            assert not await read_hosting_fee(client)


async def test_an_activation_says_what_it_costs_before_and_after_the_yes(fleet: Fleet, client: Client) -> None:
    asked = {"sims": [fleet.scenarios["fresh"]["iccid"]], "status": "activated"}
    waiting = text_of(await client.call_tool("set_sim_status", asked))
    due = "Falls due now: 0.40 EUR: this month's hosting fee of 0.40 EUR for 1 SIM."
    assert due in waiting
    async with Client(build_server(fleet.settings(confirm=Confirm.HOST))) as trusted:
        done = await trusted.call_tool("set_sim_status", asked)
    for told in (text_of(done), structured(done)["note"]):
        assert "Service: full service. Bill: hosting fee for any month in which" in told
        assert due in told


async def test_what_costs_nothing_now_asks_for_no_price(fleet: Fleet, client: Client) -> None:
    asked = {"sims": [fleet.scenarios["healthy"]["iccid"]], "status": "suspended"}
    text = text_of(await client.call_tool("set_sim_status", asked))
    assert "Falls due" not in text
    assert not [request for request in await fleet.requests() if "tariff" in request["path"]]
