"""What is told of a scan that is under way, or stopped."""

from datetime import date

from sim_mcp.emnify import RateLimitedError
from sim_mcp.fleet.usage.periods import month_of
from sim_mcp.fleet.usage.scan import UsageResult
from sim_mcp.tools.usage.scan_state import collect_notes, format_state

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
