"""Names that are known, and the one word for all others."""

import pytest

from sim_mcp.server.telemetry.names import OTHER, KnownNames

KNOWN = KnownNames(["get_sim"], ["diagnose_sim"])


@pytest.mark.parametrize(
    ("method", "name", "expected"),
    [
        ("tools/call", "get_sim", "get_sim"),
        ("tools/call", "diagnose_sim", OTHER),
        ("tools/call", "get_sim ", OTHER),
        ("tools/call", ["get_sim"], OTHER),
        ("tools/call", None, None),
        ("prompts/get", "diagnose_sim", "diagnose_sim"),
        ("prompts/get", "get_sim", OTHER),
        ("tools/list", "get_sim", None),
        ("no/such", "get_sim", None),
    ],
)
def test_only_what_there_is_is_named(method: str, name: object, expected: str | None) -> None:
    assert KNOWN.target(method, name) == expected


@pytest.mark.parametrize("method", ["tools/call", "initialize", "server/discover", "notifications/cancelled", "ping"])
def test_methods_of_the_protocol_are_known(method: str) -> None:
    assert KNOWN.method(method) == method


def test_what_a_client_made_up_is_not() -> None:
    assert KNOWN.method("tools/call/8988303000000000129") == OTHER
    assert KNOWN.version("2026-07-28") == "2026-07-28"
    assert [KNOWN.version(version) for version in ("2026-07-29", 7, None)] == [OTHER] * 3
