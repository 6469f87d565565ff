"""What is told of a scan that is under way, or stopped."""

from datetime import date

from sim_mcp.emnify import RateLimitedError
from sim_mcp.emnify.money import Money
from sim_mcp.fleet.usage.cache import Amount
from sim_mcp.fleet.usage.periods import month_of
from sim_mcp.fleet.usage.scan import UsageResult
from sim_mcp.tools.usage.scan_state import (
    collect_notes,
    format_as_of,
    format_call,
    format_no_sims,
    format_state,
    render_progress,
)

NOVEMBER = month_of(date(2026, 11, 1))


def test_a_scan_under_way_says_how_far_it_is_and_when_it_will_be_done() -> None:
    reading = UsageResult(amounts={NOVEMBER: {}}, wanted=2000, left=1500, eta_s=150, slowed_down=True, gone=2)
    assert format_state(reading) == (
        "so far; 1,500 SIMs are still being read in the background, done in about 3 min; the same call picks it up"
    )
    assert collect_notes(reading) == [
        "emnify asks to slow down (429): reading goes on slower.",
        "2 SIMs are no longer known to emnify.",
    ]
    assert reading.read == 498
    stopped = UsageResult(
        amounts={}, wanted=9, left=3, trouble=RateLimitedError("emnify asks to slow down (429) for 9 s")
    )
    assert format_state(stopped).startswith("stopped: 3 SIMs not read. emnify asks to slow down")


def test_a_scan_that_is_over_is_complete_or_says_what_could_not_be_read() -> None:
    whole = UsageResult(amounts={NOVEMBER: {}}, wanted=2, slowed_down=True)
    assert format_state(whole) == "complete"
    assert collect_notes(whole, None, "one more") == ["one more"]
    assert format_state(UsageResult(amounts={}, wanted=9, failed=1200)).startswith("all but 1,200 SIMs, which could")
    unkept = UsageResult(amounts={}, wanted=9, note="usage is not kept")
    assert collect_notes(unkept) == ["Usage is not kept."]
    assert "done in" not in format_state(UsageResult(amounts={}, wanted=9, left=1))


def test_usage_is_as_of_one_moment_or_from_one_to_another() -> None:
    def read(*times: float) -> UsageResult:
        amounts = {number: Amount(0, 0, Money(), at) for number, at in enumerate(times)}
        return UsageResult(amounts={NOVEMBER: amounts}, wanted=len(times))

    assert format_as_of(read()) is None
    assert format_as_of(read(0, 0.9)) == "1970-01-01T00:00:00Z"
    assert format_as_of(read(61, 0)) == "1970-01-01T00:00:00Z to 1970-01-01T00:01:01Z"


def test_progress_ends_with_one_full_stop() -> None:
    assert render_progress(1200, 3000, "noon", "so far") == "Usage of 1,200 of 3,000 SIMs read, as of noon: so far."
    assert render_progress(0, None, None, "stopped.") == "Usage of 0 of 0 SIMs read: stopped."


def test_what_was_searched_is_named() -> None:
    assert format_no_sims(customer="A", status=None) == 'No SIM fits customer "A"; leave a filter out.'
    assert format_no_sims(customer=None) == "This workspace has no such SIMs."


def test_a_call_is_repeated_without_its_defaults() -> None:
    assert format_call("t", {"a": 1, "b": 2, "c": None}, {"a": 1, "b": 1}) == "t(b=2)"
    assert format_call("t", {"a": 1}, {"a": 1}, a=5) == "t(a=5)"
