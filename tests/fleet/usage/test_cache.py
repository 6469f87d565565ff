"""What was read is kept exactly, claimed by one process at a time, and forgotten when it is old."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from sim_mcp.emnify.money import Money
from sim_mcp.fleet.usage.cache import FILE, Amount, UsageStore

DAY_S = 86_400.0
NOW = 1_800_000_000.0
USED = Amount(1.5, 2, Money({"EUR": Decimal("2.10"), "USD": Decimal("0.1000000001"), "": Decimal(3)}), NOW)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[UsageStore]:
    with closing(UsageStore(tmp_path)) as made:
        yield made


def keep(store: UsageStore, sim: int, amount: Amount, *, final: bool = False) -> None:
    store.keep("w", "months", sim, {"2026-11": (amount, final)})


def test_costs_come_back_with_every_digit_and_their_own_currency(tmp_path: Path) -> None:
    with closing(UsageStore(tmp_path)) as store:
        keep(store, 1, USED)
        keep(store, 2, Amount(0, 0, Money(), NOW))
    with closing(UsageStore(tmp_path)) as store:
        found = store.known("w", "2026-11", NOW)
        assert store.note is None
    assert found == {1: USED, 2: Amount(0, 0, Money(), NOW)}
    assert str(found[1].costs["EUR"]) == "2.10"


def test_a_file_with_sums_over_several_currencies_is_opened_and_read_again(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        db.execute(
            "CREATE TABLE usage (workspace TEXT NOT NULL, period TEXT NOT NULL, sim INTEGER NOT NULL, "
            "data_mb REAL NOT NULL, sms REAL NOT NULL, cost REAL, currency TEXT, read_at REAL NOT NULL, "
            "final INTEGER NOT NULL, PRIMARY KEY (workspace, period, sim)) WITHOUT ROWID"
        )
        db.execute("INSERT INTO usage VALUES ('w', '2026-11', 1, 1.0, 50.0, 5.0, 'EUR', ?, 1)", (NOW,))
        db.commit()
    with closing(UsageStore(tmp_path)) as store:
        assert store.note is None
        assert store.known("w", "2026-11", 0) == {}
        keep(store, 1, USED)
    with closing(UsageStore(tmp_path)) as store:
        assert store.known("w", "2026-11", NOW) == {1: USED}


def test_only_final_usage_is_known_once_it_is_old(store: UsageStore) -> None:
    keep(store, 1, USED)
    keep(store, 2, USED, final=True)
    assert set(store.known("w", "2026-11", NOW)) == {1, 2}
    assert set(store.known("w", "2026-11", NOW + 1)) == {2}


def test_usage_is_forgotten_after_400_days(store: UsageStore) -> None:
    keep(store, 1, USED, final=True)
    store.forget_old(NOW + 400 * DAY_S)
    assert store.known("w", "2026-11", 0)
    store.forget_old(NOW + 400 * DAY_S + 1)
    assert not store.known("w", "2026-11", 0)


def test_a_claim_holds_for_a_minute_against_others_and_never_against_oneself(store: UsageStore, tmp_path: Path) -> None:
    def claim(by: UsageStore, at: float) -> str:
        return by.claim("w", "months", 1, ["2026-11"], NOW, at)

    with closing(UsageStore(tmp_path)) as other:
        assert claim(store, NOW) == "mine"
        assert claim(store, NOW) == "mine"
        assert claim(other, NOW + 60) == "taken"
        assert claim(other, NOW + 60.1) == "mine"
        assert claim(store, NOW + 61) == "taken"
        other.release("w", "months", 1)
        assert claim(store, NOW + 61) == "mine"
        # A clock that was put back a long way leaves no SIM claimed for ever.
        assert claim(other, NOW + 1) == "taken"
        assert claim(other, NOW + 0.9) == "mine"


def test_what_is_known_needs_no_claim_and_keeping_ends_it(store: UsageStore, tmp_path: Path) -> None:
    def claim(by: UsageStore, *periods: str) -> str:
        return by.claim("w", "months", 1, periods, NOW, NOW)

    with closing(UsageStore(tmp_path)) as other:
        assert claim(store, "2026-11") == "mine"
        keep(store, 1, USED)
        assert claim(other, "2026-11") == "known"
        assert claim(other, "2026-11", "2026-10") == "mine"
        assert claim(store, "2026-11", "2026-10") == "taken"
    assert claim(store, "2026-11", "2026-10") == "mine"


@pytest.mark.parametrize(("data_mb", "sms", "idle"), [(0, 0, True), (0.000001, 0, False), (0, 1, False), (1, 1, False)])
def test_idle_is_who_had_neither_data_nor_sms(data_mb: float, sms: float, idle: bool) -> None:
    assert Amount(data_mb, sms, Money(), NOW).idle is idle
