"""Who used most, as emnify's own numbers have it."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from mcp import Client

from sim_mcp.emnify import InvalidValueError, SimStatus
from sim_mcp.emnify.money import Money
from sim_mcp.fleet.usage.cache import Amount
from sim_mcp.fleet.usage.periods import days
from sim_mcp.fleet.usage.ranking import Brief, Ranked
from sim_mcp.sandbox import SandboxSettings, Unknowns
from sim_mcp.server.app import build_server
from sim_mcp.tools.usage.asked_period import parse_period
from sim_mcp.tools.usage.rank_sims_by_usage import build_ranked_row
from tests.support import Fleet, fleet_of, structured, text_of
from tests.tools.usage.calls import CLOCK, RANK, costs_told, fleet_sim, usage_told


@pytest.mark.parametrize("by", ["data", "sms", "cost"])
@pytest.mark.parametrize("order", ["most", "least"])
async def test_the_ranking_is_that_of_emnifys_own_numbers(known: Fleet, client: Client, by: str, order: str) -> None:
    told = await usage_told(known, "last_month")
    sign = -1 if order == "most" else 1
    expected = sorted((sign * used[by], iccid) for iccid, used in told.items() if used[by] > 0)
    answer = structured(await client.call_tool(RANK, {"period": "last_month", "by": by, "order": order, "top": 5}))
    assert [row["iccid"] for row in answer["sims"]] == [iccid for _, iccid in expected[:5]]
    assert answer["ranked"] == len(expected)
    sims = (await known.api("GET", "/sim", role="enterprise")).json()
    assert answer["read"] == answer["of"] == len(sims) > len(told)
    assert answer["state"] == "complete"
    assert "next" not in answer
    assert ("more" in answer) is (len(expected) > 5)


async def test_sums_are_the_sum_and_agree_with_emnifys_own_total(known: Fleet, client: Client) -> None:
    told = await usage_told(known, "last_month")
    answer = structured(await client.call_tool(RANK, {"period": "last_month"}))
    assert answer["sum"]["data_mb"] == pytest.approx(sum(used["data"] for used in told.values()), abs=0.01)
    assert answer["sum"]["sms"] == sum(used["sms"] for used in told.values())
    assert answer["sum"]["cost_EUR"] == pytest.approx(sum(used["cost"] for used in told.values()), abs=0.01)
    assert answer["emnify_total"] == pytest.approx(answer["sum"], abs=0.01)
    of_some = structured(await client.call_tool(RANK, {"period": "last_month", "status": "activated"}))
    assert "emnify_total" not in of_some
    assert of_some["of"] < answer["of"]


async def test_none_lists_the_sims_without_any_usage(known: Fleet, client: Client) -> None:
    told = await usage_told(known, "last_month")
    idle = sorted(iccid for iccid, used in told.items() if not used["data"] + used["sms"])
    answer = structured(await client.call_tool(RANK, {"period": "last_month", "order": "none", "top": 50}))
    assert [row["iccid"] for row in answer["sims"]] == idle
    assert known.scenarios["no_device"]["iccid_with_luhn"] in idle
    assert known.scenarios["fresh"]["iccid_with_luhn"] not in idle
    issued = answer["of"] - len(told)
    (note,) = [note for note in answer["notes"] if "Issued" in note]
    assert note.startswith(f"{issued} SIM")
    assert note.endswith("Issued and were never in service, so they are not listed.")


async def test_days_are_ranked_by_what_was_used_on_them(known: Fleet, client: Client) -> None:
    answer = structured(
        await client.call_tool(RANK, {"period": "2026-11-16..2026-11-18", "customer": "Alpenwerk Devices"})
    )
    assert answer["period"] == "2026-11-16 to 2026-11-18"
    first = answer["sims"][0]
    sim = next(
        sim["id"]
        for sim in (await known.api("GET", "/sim", role="enterprise")).json()
        if sim["iccid_with_luhn"] == first["iccid"]
    )
    path = f"/sim/{sim}/stats/daily?start_date=2026-11-16&end_date=2026-11-18"
    *days, total = (await known.api("GET", path, role="enterprise")).json()
    assert len(days) == 3
    assert first["data_mb"] == pytest.approx(float(total["data"]["volume"]), abs=0.001)


@pytest.mark.parametrize(
    ("days", "month", "to_come"),
    [
        ("2026-10-01..2026-10-31", "last_month", False),
        ("2026-11-01..2026-11-22", "current_month", False),
        ("2026-11-01..2026-11-30", "current_month", True),
    ],
)
async def test_days_that_are_a_whole_month_have_its_own_figures_and_order(
    client: Client, days: str, month: str, to_come: bool
) -> None:
    asked = {"by": "cost", "top": 50}
    of_days = structured(await client.call_tool(RANK, {**asked, "period": days}))
    of_month = structured(await client.call_tool(RANK, {**asked, "period": month}))
    for part in ("sims", "sum", "emnify_total", "period", "ranked"):
        assert of_days[part] == of_month[part]
    assert ("From 2026-11-23 on the days are still to come." in of_days["notes"]) is to_come
    assert not any("of data only" in note for note in of_days["notes"])


async def test_costs_by_day_are_told_to_be_of_data_alone_and_rounded(client: Client) -> None:
    answer = structured(await client.call_tool(RANK, {"period": "2026-11-16..2026-11-30"}))
    assert answer["period"] == "2026-11-16 to 2026-11-22"
    assert "From 2026-11-23 on the days are still to come." in answer["notes"]
    assert sum("Costs of days are of data only, and rounded" in note for note in answer["notes"]) == 1
    assert "emnify_total" not in answer


async def test_a_ranking_has_one_base_and_the_rest_is_offered_apart(client: Client) -> None:
    result = await client.call_tool(RANK, {"top": 3})
    answer, text = structured(result), text_of(result)
    assert text.startswith(
        f"[sandbox] {answer['ranked']} of {answer['of']} SIMs used data in 2026-11, most first; the first 3:\n"
    )
    assert f"Usage of {answer['of']} of {answer['of']} SIMs read" in text
    assert text.endswith(f"More of them: {answer['more']}")
    assert answer["more"] == f"rank_sims_by_usage(top={answer['ranked']})"
    assert "Next:" not in text
    whole = await client.call_tool(RANK, {"top": 50})
    assert "more" not in structured(whole)
    assert "the first" not in text_of(whole)


async def test_where_costs_cannot_be_known_none_is_ranked_or_told() -> None:
    settings = SandboxSettings(sims=1, clock=CLOCK, unknowns=Unknowns(inclusive_volume="cost_zero"))
    async with fleet_of(settings) as fleet, Client(build_server(fleet.settings())) as client:
        by_cost = await client.call_tool(RANK, {"by": "cost"})
        by_data = await client.call_tool(RANK, {})
    assert by_cost.is_error
    assert "What it costs cannot be known: the workspace has inclusive volume. Rank by data or sms" in text_of(by_cost)
    assert "EUR" not in text_of(by_data)
    assert "cost_EUR" not in structured(by_data)["sum"]
    assert "What it costs cannot be known" in text_of(by_data)


async def test_a_sum_that_is_not_emnifys_total_says_why() -> None:
    async with (
        fleet_of(SandboxSettings(sims=1, clock=CLOCK)) as fleet,
        Client(build_server(fleet.settings())) as client,
    ):
        await client.call_tool(RANK, {"status": "suspended"})
        await fleet.faults("error=500@GET /sim/")
        partial = structured(await client.call_tool(RANK, {}))
    assert partial["read"] < partial["of"]
    assert any("because not all SIMs are read yet" in note for note in partial["notes"])


async def test_asking_again_costs_no_reading(known: Fleet, client: Client) -> None:
    await client.call_tool(RANK, {})
    before = await known.requests()
    await client.call_tool(RANK, {"by": "cost", "order": "least"})
    await client.call_tool(RANK, {"status": "activated"})
    asked = [request["path"] for request in (await known.requests())[len(before) :]]
    assert [path for path in asked if "/sim/" in path] == []


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"period": "yesterday"}, "is not current_month, last_month, a month such as 2026-10 or days such as"),
        ({"period": "2026-11-09..2026-11-01"}, "swap them"),
        ({"period": "2024-01-01..2026-01-01"}, "longer than 366 days"),
        ({"period": "1024-01-01..1024-01-02"}, "too long ago"),
        ({"customer": "nobody of that name"}, "nobody of that name"),
        ({"top": 51}, "top=51"),
    ],
)
async def test_what_cannot_be_asked_says_why(client: Client, arguments: dict[str, Any], problem: str) -> None:
    result = await client.call_tool(RANK, arguments)
    assert result.is_error
    assert problem in text_of(result)


async def test_days_to_come_are_not_read(known: Fleet, client: Client) -> None:
    await client.call_tool(RANK, {"status": "suspended"})
    before = len(await known.requests())
    result = await client.call_tool(RANK, {"period": "2026-11-23..2026-11-30", "status": "suspended"})
    assert result.is_error
    assert "is still to come: today is 2026-11-22" in text_of(result)
    assert len(await known.requests()) == before


async def test_a_token_revoked_in_the_middle_leaves_a_partial_answer_that_says_so() -> None:
    async with fleet_of(SandboxSettings(sims=1, clock=CLOCK)) as fleet:
        async with Client(build_server(fleet.settings())) as client:
            some = structured(await client.call_tool(RANK, {"status": "suspended"}))
            await fleet.faults("error=401@/stats")
            result = await client.call_tool(RANK, {"customer": "Alpenwerk Devices"})
        answer = structured(result)
        assert some["read"] <= answer["read"] < answer["of"]
        assert "stopped" in answer["state"]
        assert "renew EMNIFY_APPLICATION_TOKEN" in answer["state"]
        assert answer["next"] == 'rank_sims_by_usage(customer=["Alpenwerk Devices"])'
        assert "renew EMNIFY_APPLICATION_TOKEN" in text_of(result)


async def test_a_ranking_by_cost_keeps_currencies_apart_and_says_so(mixed: Fleet) -> None:
    told = await costs_told(mixed)
    expected = sorted(told, key=lambda iccid: (-max(told[iccid].values()), iccid))
    async with Client(build_server(mixed.settings())) as client:
        result = await client.call_tool(RANK, {"period": "last_month", "by": "cost", "top": 50})
        by_data = structured(await client.call_tool(RANK, {"period": "last_month"}))
    answer = structured(result)
    assert [row["iccid"] for row in answer["sims"]] == expected
    for row in answer["sims"]:
        costs = told[row["iccid"]]
        if len(costs) > 1:
            assert not {"cost", "currency"} & set(row)
            assert row["cost_EUR"] == pytest.approx(costs["EUR"], abs=0.0051)
            assert row["cost_USD"] == pytest.approx(costs["USD"], abs=0.0051)
            assert f", {row['cost_EUR']:,.2f} EUR, {row['cost_USD']:,.2f} USD" in text_of(result)
        else:
            assert costs == {row["currency"]: pytest.approx(row["cost"], abs=0.0051)}
    for currency in ("EUR", "USD"):
        whole = sum(costs.get(currency, 0) for costs in told.values())
        assert answer["sum"][f"cost_{currency}"] == pytest.approx(whole, abs=0.0051)
        assert answer["emnify_total"][f"cost_{currency}"] == pytest.approx(whole, abs=0.0051)
    (note,) = [note for note in answer["notes"] if "currencies" in note]
    assert "ranked by their bare numbers" in note
    assert "a SIM that has several is ranked by the largest" in note
    assert not [note for note in by_data["notes"] if "currencies" in note]


def test_two_euros_of_data_and_three_dollars_of_sms_stand_side_by_side_in_a_row() -> None:
    used = Amount(1.2345, 50, Money({"EUR": Decimal(2), "USD": Decimal(3)}), 0)
    ranked = Ranked(Brief(1, "89883030000000000190", SimStatus.ACTIVATED, None, None), used)
    row = build_ranked_row(fleet_sim(1), ranked)
    assert row.wire() == {
        "iccid": "89883030000000000190",
        "status": "Activated",
        "data_mb": 1.234,
        "sms": 50.0,
        "cost_EUR": 2.0,
        "cost_USD": 3.0,
    }
    one = ranked._replace(amount=used._replace(costs=Money({"EUR": Decimal("0.126")})))
    assert build_ranked_row(fleet_sim(1), one).wire().items() >= {"cost": 0.13, "currency": "EUR"}.items()


@pytest.mark.parametrize(
    "call",
    [
        "2025-11-23..2026-11-23",
        "2026-11-22",
        " 2026-11-01 .. 2026-11-02 ",
        "Last Month",
        "2026-10",
        "2026-02..2026-03-05",
    ],
)
def test_periods_are_read_as_people_write_them(call: str) -> None:
    found = parse_period(call)
    assert found == {
        "2025-11-23..2026-11-23": days(date(2025, 11, 23), date(2026, 11, 23)),
        "2026-11-22": days(date(2026, 11, 22), date(2026, 11, 22)),
        " 2026-11-01 .. 2026-11-02 ": days(date(2026, 11, 1), date(2026, 11, 2)),
        "Last Month": "last_month",
        "2026-10": days(date(2026, 10, 1), date(2026, 10, 31)),
        "2026-02..2026-03-05": days(date(2026, 2, 1), date(2026, 3, 5)),
    }.get(call)


@pytest.mark.parametrize("call", ["2025-11-21..2026-11-22", "1999-12-31..2000-01-01"])
def test_366_days_since_2000_are_the_most_that_can_be_asked_for(call: str) -> None:
    with pytest.raises(InvalidValueError, match="longer than 366 days"):
        parse_period(call)
    assert parse_period("2000-01-01..2000-12-31")
