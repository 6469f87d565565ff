"""Two currencies are never one sum."""

from decimal import Decimal

from sim_mcp.emnify import DayUsage, MonthUsage
from sim_mcp.emnify.money import Money

TWO_EUR, THREE_USD = Money.of(Decimal(2), "EUR"), Money.of(Decimal(3), "USD")


def test_a_sum_keeps_every_currency_apart_and_every_digit() -> None:
    total = Money.total([TWO_EUR, THREE_USD, TWO_EUR, Money(), Money.of(Decimal("0.1"), "EUR")])
    assert total == {"EUR": Decimal("4.1"), "USD": Decimal(3)}
    assert sum((Decimal("0.1") for _ in range(3)), Decimal()) == Money.total([Money.of(Decimal("0.1"), "E")] * 3)["E"]


def test_an_unknown_amount_is_no_money_and_an_unknown_currency_is_one_of_its_own() -> None:
    assert Money.of(None, "EUR") == Money() == {}
    assert Money.of(Decimal(0), "EUR") == {"EUR": 0}
    assert Money.total([Money.of(Decimal(2), None), TWO_EUR]) == {"": Decimal(2), "EUR": Decimal(2)}


def test_money_is_a_value() -> None:
    one, other = Money.total([TWO_EUR, THREE_USD]), Money.total([THREE_USD, TWO_EUR])
    assert one == other
    assert hash(one) == hash(other)
    assert list(one) == ["EUR", "USD"]
    assert repr(TWO_EUR) == "Money({'EUR': Decimal('2')})"
    assert one * 3 == {"EUR": Decimal(6), "USD": Decimal(9)}
    assert (one.largest, Money().largest) == (Decimal(3), Decimal(0))


def test_a_cost_without_a_currency_is_in_an_unknown_one() -> None:
    data = {"volume": 1, "cost": "2", "currency": {"code": "EUR"}}
    sms = {"volume": 50, "cost": "3", "currency": {"symbol": "$"}}
    both = MonthUsage.model_validate({"data": data, "sms": sms})
    assert both.data_cost == {"EUR": Decimal(2)}
    assert both.sms_cost == {"$": Decimal(3)}
    assert both.costs == {"$": Decimal(3), "EUR": Decimal(2)}
    assert both.currency == "EUR"
    day = DayUsage.model_validate({"date": "2026-11-01", "data": data, "sms": {"volume": 50, "cost": "3"}})
    assert day.costs == {"": Decimal(3), "EUR": Decimal(2)}
    unknown = MonthUsage.model_validate({"sms": {"volume": 50, "cost": "3"}})
    assert unknown.costs == {"": Decimal(3)}
    assert MonthUsage().costs == {}
