"""emnify's clock runs on from its newest answer, and a wait is read from any form of `Retry-After`."""

from datetime import UTC, datetime, timedelta

import pytest

from sim_mcp.emnify.http.clock import UpstreamClock

OWN = datetime(2026, 1, 1, tzinfo=UTC)
DATE = "Sun, 22 Nov 2026 09:00:00 GMT"
THEN = datetime(2026, 11, 22, 9, tzinfo=UTC)


def test_before_the_first_answer_it_is_this_machines() -> None:
    assert UpstreamClock(lambda: OWN, lambda: 5.0).now() == OWN


def test_it_runs_on_from_the_newest_answer_and_not_from_what_cannot_be_read() -> None:
    elapsed = [100.0]
    clock = UpstreamClock(lambda: OWN, lambda: elapsed[0])
    clock.read(DATE)
    elapsed[0] += 2.5
    assert clock.now() == THEN + timedelta(seconds=2.5)
    for odd in ("", "soon", "Fri, 31 Dec 9999 23:59:59 GMT"):
        clock.read(odd)
    assert clock.now() == THEN + timedelta(seconds=2.5)
    clock.read(DATE.replace("GMT", "-0000"))
    assert clock.now() == THEN


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        ("0", 0.0),
        (" 7 ", 7.0),
        ("3600", 3600.0),
        ("3601", 3600.0),
        ("Sun, 22 Nov 2026 09:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 08:59:00 GMT", 0.0),
        ("Sun, 22 Nov 2026 10:30:00 GMT", 3600.0),
        ("-1", None),
        ("1.5", None),
        ("", None),
        ("soon", None),
    ],
)
def test_how_long_it_asks_to_wait(header: str, wait_s: float | None) -> None:
    clock = UpstreamClock(lambda: OWN, lambda: 0.0)
    clock.read(DATE)
    assert clock.wait_s(header) == wait_s
