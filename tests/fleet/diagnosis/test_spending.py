"""A month is dear by its cost or its data, from a day on, and in countries; no currency is ever added to another."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from sim_mcp.emnify import DailyUsage, SimUsage
from sim_mcp.fleet.diagnosis.diagnosis import apply_rules
from sim_mcp.fleet.diagnosis.evidence import Evidence
from sim_mcp.fleet.diagnosis.rules_cost import usage_jumped
from sim_mcp.fleet.diagnosis.spending import find_dear_days, find_dear_month
from tests.fleet.diagnosis.building import event, evidence, rejection, session

OLD = {"activation_date": "2026-05-01"}
NEW = {"activation_date": "2026-11-03"}


def cost(amount: str, code: str | None = "EUR", mb: float = 5) -> dict[str, Any]:
    return {"volume": mb, "cost": amount} | ({"currency": {"code": code}} if code else {})


def months(this: dict[str, Any], last: dict[str, Any] | None) -> SimUsage:
    """Usage by kind of this month and last."""
    return SimUsage.model_validate({"current_month": this} | ({"last_month": last} if last else {}))


def daily(*costs: tuple[int, str], code: str = "EUR") -> DailyUsage:
    """What the data of days of November cost."""
    return DailyUsage.read([{"date": f"2026-11-{day:02d}", "data": cost(each, code)} for day, each in costs])


def proof(found: Evidence) -> tuple[str, ...]:
    """The lines that show what was spent."""
    jump = usage_jumped(found)
    assert jump is not None
    return jump.proof


@pytest.mark.parametrize(
    ("usage", "more", "wanted"),
    [
        (months({"data": cost("30")}, {"data": cost("10")}), {}, True),
        (months({"data": cost("29.99")}, {"data": cost("10")}), {}, False),
        (months({"data": cost("9.99")}, {"data": cost("1")}), {}, False),
        (months({"data": cost("10")}, {"data": cost("1")}), {}, True),
        (months({"sms": cost("30")}, {"sms": cost("1")}), {}, True),
        (months({"data": cost("20"), "sms": cost("20")}, {"data": cost("10")}), {}, True),
        # No sum over currencies, and none compared with another.
        (
            months({"data": cost("20"), "sms": cost("20", "USD")}, {"data": cost("10"), "sms": cost("10", "USD")}),
            {},
            False,
        ),
        (
            months({"data": cost("20"), "sms": cost("40", "USD")}, {"data": cost("10"), "sms": cost("10", "USD")}),
            {},
            True,
        ),
        (months({"data": cost("40")}, {"data": cost("10", None)}), {"sim": NEW}, False),
        # A month without cost is one to compare with only for a SIM that was active in it.
        (months({"data": cost("10")}, None), {"sim": OLD}, True),
        (months({"data": cost("10")}, None), {"sim": NEW}, False),
        (months({"data": cost("10")}, None), {"sim": {"activation_date": "2026-11-01"}}, False),
        (months({"data": cost("10")}, None), {"sim": {"activation_date": "2026-10-31"}}, True),
        (months({"data": {"volume": 30}}, {"data": {"volume": 10}}), {}, True),
        (months({"data": {"volume": 10}}, {"data": {"volume": 1}}), {}, True),
        (months({"data": {"volume": 9.99}}, {"data": {"volume": 1}}), {}, False),
        (months({"data": cost("10")}, None), {}, False),
        # Where costs say nothing, data alone tells.
        (months({"data": cost("30")}, {"data": cost("10")}), {"inclusive_volume": True}, False),
        (months({"data": cost("3", mb=31)}, {"data": cost("1", mb=10)}), {"inclusive_volume": True}, True),
    ],
)
def test_a_month_is_dear_from_ten_on_and_three_times_the_last(
    usage: SimUsage, more: dict[str, Any], wanted: bool
) -> None:
    assert (find_dear_month(evidence(usage=usage, **more)) is not None) is wanted


def dear(**more: Any) -> Evidence:
    usage = months(
        {"data": cost("90.5", mb=300), "sms": cost("9.5", mb=95)},
        {"data": cost("9", mb=30), "sms": cost("1", mb=10)},
    )
    return evidence(
        **{"state": "ONLINE", **more}, usage=usage, daily=daily((1, "0.3"), (2, "0.3"), (12, "40"), (13, "49.9"))
    )


def test_the_money_is_told_by_month_by_kind_and_by_day() -> None:
    found = apply_rules(dear()).most_likely
    assert found.cause == (
        "It cost 100.00 EUR in 2026-11 so far (300 MB, 95 SMS), after 10.00 EUR in all of 2026-10 (30 MB, 10 SMS)."
    )
    assert found.proof == (
        "data 90.50 EUR, after 9.00 EUR; SMS 9.50 EUR, after 1.00 EUR",
        "far more data than usual from 2026-11-12 to 2026-11-13 (days are UTC)",
    )


def by_country(found: Evidence) -> str:
    (line,) = (line for line in proof(found) if line.startswith("data cost by the countries"))
    return line


def test_days_are_told_by_the_countries_of_their_sessions_and_of_many_countries_the_dearest() -> None:
    at_home = session(10 * 24, 1)
    abroad = session(9 * 24, 1, country="Turkey")
    assert by_country(dear(events=tuple(at_home + abroad))) == (
        "data cost by the countries of each day (rounded, the sum may differ slightly): "
        '"Turkey" 49.90 EUR on 1 day; "Germany" 40.00 EUR on 1 day; '
        "no country known 0.60 EUR on 2 days"
    )
    names = ["Austria", "Belgium", "Chile", "Denmark", "Egypt"]
    many = [each for number, name in enumerate(names) for each in session((10 + number) * 24, 1, country=name)]
    spread = evidence(usage=dear().usage, daily=daily(*((12 - number, "5") for number in range(5))), events=tuple(many))
    assert by_country(spread).endswith("; 1 more")


def test_a_session_whose_country_is_not_known_leaves_the_day_to_those_whose_country_is() -> None:
    jump = months({"data": cost("90")}, {"data": cost("9")})
    known = [*session(10 * 24, 1), *session(8 * 24, 1, country="Chile")]
    unknown = [event(10 * 24 - 2, 3, session="x"), event(10 * 24 - 3, 5, session="x", mb=1.0)]
    line = by_country(evidence(*known, *unknown, usage=jump, daily=daily((12, "5"), (14, "7"))))
    assert line.endswith('"Chile" 7.00 EUR on 1 day; "Germany" 5.00 EUR on 1 day')


def test_two_countries_are_compared_and_one_is_not_and_four_are_all_there_is_room_for() -> None:
    jump = months({"data": cost("90")}, {"data": cost("9")})
    names = ["Austria", "Belgium", "Chile", "Denmark"]
    for number in (1, 2, 4):
        events = [each for ago, name in enumerate(names[:number]) for each in session((10 + ago) * 24, 1, country=name)]
        found = "".join(proof(evidence(*events, usage=jump, daily=daily(*((12 - ago, "5") for ago in range(number))))))
        assert [name for name in names if name in found] == (names[:number] if number > 1 else [])
        assert not found.endswith(" more")


def test_a_session_is_on_each_of_its_days_and_on_its_last_where_its_beginning_was_not_seen() -> None:
    jump = months({"data": cost("90")}, {"data": cost("9")})
    over_midnight = session(10 * 24, 20, country="Turkey")
    without_beginning = [event(6 * 24, 5, session="x", mb=1.0, country="Chile")]
    days = daily((11, "1"), (12, "5"), (13, "6"), (14, "1"), (16, "7"))
    line = by_country(evidence(*over_midnight, *without_beginning, usage=jump, daily=days))
    assert line.endswith('"Turkey" 11.00 EUR on 2 days; "Chile" 7.00 EUR on 1 day; no country known 2.00 EUR on 2 days')


@pytest.mark.parametrize(("last_day", "told"), [(21, "from 2026-11-12 on"), (20, "from 2026-11-12 to 2026-11-20")])
def test_what_was_dear_yesterday_goes_on(last_day: int, told: str) -> None:
    jump = months({"data": cost("90")}, {"data": cost("9")})
    lines = proof(evidence(usage=jump, daily=daily((12, "40"), (last_day, "40"))))
    assert any(f"far more data than usual {told} (days are UTC)" in line for line in lines)


def test_without_costs_the_days_are_those_with_far_more_data() -> None:
    jump = months({"data": {"volume": 100}}, {"data": {"volume": 30}})
    rows = [{"date": f"2026-11-{day}", "data": {"volume": mb}} for day, mb in ((10, "2.99"), (11, "3"), (12, "90"))]
    lines = proof(evidence(usage=jump, daily=DailyUsage.read([*rows, {"date": "2026-11-13", "data": {}}])))
    assert lines == ("far more data than usual from 2026-11-11 to 2026-11-12 (days are UTC)",)


def test_data_alone_is_told_where_costs_cannot_be_known() -> None:
    found = apply_rules(dear(inclusive_volume=True)).most_likely
    assert found.cause == "It used 300 MB, 95 SMS in 2026-11 so far, after 30 MB, 10 SMS in all of 2026-10."
    assert found.proof[0] == "what it costs cannot be known: the workspace has inclusive volume"
    assert "EUR" not in "".join(found.proof)


def test_data_that_jumped_without_costing_more_is_told_with_what_it_costs() -> None:
    usage = months({"data": cost("0.31", mb=31)}, {"data": cost("0.10", mb=10)})
    found = apply_rules(evidence(usage=usage, state="ONLINE")).most_likely
    assert found.cause == "It used 31 MB in 2026-11 so far (0.31 EUR), after 10 MB in all of 2026-10 (0.10 EUR)."


def test_months_are_those_that_emnify_states() -> None:
    stated = {"data": cost("30") | {"month": "2026-12-01T00:00:00.000Z"}}
    found = apply_rules(evidence(usage=months(stated, {"data": cost("1")}), state="ONLINE")).most_likely
    assert "30.00 EUR in 2026-12 so far" in found.cause


DECEMBER = datetime(2026, 12, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "this", "last", "more", "wanted"),
    [
        # 2.5 days of December at 1 EUR a day, November at 3.
        (DECEMBER, "2.5", "90", {}, True),
        (DECEMBER, "2.51", "90", {}, False),
        (DECEMBER, "0.1", "9.99", {}, False),
        (DECEMBER, "0.1", "10", {}, True),
        # What costs nothing any more may just be silent.
        (DECEMBER, "0", "90", {}, False),
        (DECEMBER, "2.5", "90", {"inclusive_volume": True}, False),
        (datetime(2026, 12, 10, 12, tzinfo=UTC), "2.5", "90", {}, True),
        (datetime(2026, 12, 11, 12, tzinfo=UTC), "2.5", "90", {}, False),
        # In the first hours of a month little is known of it.
        (datetime(2026, 12, 1, 0, 1, tzinfo=UTC), "0.25", "90", {}, True),
        (datetime(2026, 12, 1, 0, 1, tzinfo=UTC), "0.26", "90", {}, False),
    ],
)
def test_in_the_first_days_of_a_month_the_last_is_dear_by_what_it_cost_a_day(
    now: datetime, this: str, last: str, more: dict[str, Any], wanted: bool
) -> None:
    usage = months({"data": cost(this)}, {"data": cost(last)})
    found = find_dear_month(evidence(usage=usage, now=now, **more))
    assert (found is not None) is wanted
    if found is not None:
        assert (found.first, found.last) == (date(2026, 11, 1), date(2026, 11, 30))


def test_a_dear_month_that_is_over_is_told_with_its_days_and_the_call_that_shows_them() -> None:
    usage = months({"data": cost("0.5", mb=3)}, {"data": cost("90", mb=300), "sms": cost("0.5", mb=5)})
    days = daily((2, "0.3"), (12, "40"), (13, "49.7"))
    found = apply_rules(evidence(usage=usage, daily=days, now=DECEMBER, state="ONLINE")).most_likely
    assert found.cause == (
        "It cost 90.50 EUR in 2026-11 (300 MB, 5 SMS), far more a day than the 0.50 EUR in 2026-12 so far (3 MB)."
    )
    assert found.proof == (
        "data 90.00 EUR, then 0.50 EUR; SMS 0.50 EUR, then nothing",
        "far more data than usual from 2026-11-12 to 2026-11-13 (days are UTC)",
    )
    assert found.steps == (
        'See every day: get_sim_daily_usage(sim="89883030000000001294", start="2026-11-01", end="2026-11-30").',
    )


@pytest.mark.parametrize(
    ("costs", "usual", "wanted"),
    [
        ({}, "1", None),
        ({1: "0"}, "0", None),
        ({1: "1", 2: "3"}, "1", (2, 2)),
        ({1: "1", 2: "2.99"}, "1", None),
        # A cent is noise beside fifty euros, also where nothing was usual.
        ({1: "0.01", 5: "0.99", 6: "1", 7: "50"}, "0", (6, 7)),
        ({1: "9", 2: "9"}, "0", (1, 2)),
    ],
)
def test_a_day_is_dear_from_three_times_the_usual_on(
    costs: dict[int, str], usual: str, wanted: tuple[int, int] | None
) -> None:
    amounts = {date(2026, 11, day): Decimal(each) for day, each in costs.items()}
    found = find_dear_days(amounts, Decimal(usual))
    assert (found and (found[0].day, found[1].day)) == wanted


def test_each_currency_has_its_own_usual_day() -> None:
    usage = months({"data": cost("100", "USD")}, {"data": cost("30", "EUR")})
    mixed = DailyUsage.read(
        [{"date": "2026-11-01", "data": cost("2", "EUR")}, {"date": "2026-11-20", "data": cost("98", "USD")}]
    )
    (_, line, *_) = proof(evidence(usage=usage, daily=mixed, sim=OLD))
    assert line == "far more data than usual on 2026-11-20 (days are UTC)"


def test_a_jump_comes_before_a_fault_that_is_only_possible_and_after_one_that_is_likely() -> None:
    quiet = session(80)
    possible = apply_rules(dear(events=tuple(quiet), state="ATTACHED"))
    assert [each.rule for each in (possible.most_likely, *possible.others)][:2] == ["usage_jumped", "attach_is_stale"]
    likely = apply_rules(dear(events=(rejection(1),)))
    assert likely.most_likely.rule == "registration_rejected"
    assert likely.others[0].rule == "usage_jumped"
    blind = {"events": "x", "connectivity": "y"}
    unknown = apply_rules(dear(state=None, unread=blind, all_events=False))
    assert [each.rule for each in (unknown.most_likely, *unknown.others)] == ["usage_jumped", "cannot_tell"]


def test_a_sim_charged_without_use_does_not_hide_a_fault_that_is_possible() -> None:
    found = apply_rules(evidence(usage=SimUsage(), state="ATTACHED", events=(rejection(80),)))
    assert found.most_likely.kind == "fault"
    assert "billed_without_traffic" in {each.rule for each in found.others}
