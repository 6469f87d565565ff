"""An event is read whatever its detail holds, and its text is cleaned."""

from datetime import UTC, datetime

import pytest

from sim_mcp.emnify import Event as RawEvent
from sim_mcp.fleet.events.event import TEXT_LIMIT, parse_event

WIRE = {"id": 1, "timestamp": "2026-11-22T10:00:00.5Z", "event_type": {"id": 3, "description": "Create PDP Context"}}


@pytest.mark.parametrize(
    "detail",
    [
        None,
        "not json {",
        [],
        {"pdp_context": "gone", "volume": [1], "country": 7},
        {"pdp_context": {"rat_type": "six", "tunnel_created": "soon", "apn": 5, "pdp_context_id": {}}, "name": 9},
        {"volume": {"total": "1e999999"}, "session_id": ""},
    ],
)
def test_a_detail_that_cannot_be_read_loses_nothing_else(detail: object) -> None:
    read = parse_event(RawEvent.model_validate(WIRE | {"detail": detail}))
    assert (read.id, read.type, read.session, read.apn, read.mb) == (1, 3, None, None, None)
    assert read.session_opened


def test_numbers_may_be_strings_and_text_is_cleaned() -> None:
    detail = {
        "name": "Tele\u202ekom\n",
        "pdp_context": {"rat_type": "6", "pdp_context_id": 5, "tunnel_created": "2026-11-22T09:00:00"},
        "volume": {"total": "1.5", "rx": 1, "tx": 0.5},
    }
    read = parse_event(RawEvent.model_validate(WIRE | {"detail": detail, "description": "a\u200bb\x07" + "c" * 999}))
    assert (read.network, read.radio, read.session, read.mb) == ("Telekom", "LTE", "context 5", 1.5)
    assert read.opened == datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert len(read.text) == TEXT_LIMIT
    assert read.text.startswith("abc")


@pytest.mark.parametrize(
    ("kind", "severity", "text", "refused"),
    [
        (3, 1, "anything", True),
        (3, 0, "PDP Context Request rejected, because", True),
        (3, 0, "New PDP Context successfully activated", False),
        (1, 2, "", True),
        (5, 1, "rejected", False),
    ],
)
def test_severity_or_text_tells_a_rejection(
    kind: int, severity: int, text: str, refused: bool
) -> None:  # the expectation.
    wire = WIRE | {"event_type": {"id": kind}, "event_severity": {"id": severity}, "description": text}
    assert parse_event(RawEvent.model_validate(wire)).rejected is refused
