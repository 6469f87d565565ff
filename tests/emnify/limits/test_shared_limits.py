"""A server that shares emnify's limits and cannot reach the others keeps to its part of each by itself."""

import pytest

from sim_mcp.emnify.limits.shared_limits import Gate, OwnShare


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.mark.parametrize("servers", [1, 2, 3])
def test_requests_are_spaced_by_as_much_more_as_there_are_servers(servers: int) -> None:
    own = OwnShare(Clock())
    told = [own.reserve([Gate("a", 0.1)], 100, servers) for _ in range(4)]
    assert [slot.wait_s for slot in told] == pytest.approx([0.1 * servers * place for place in range(4)])
    assert all(slot.granted and slot.together == servers for slot in told)


@pytest.mark.parametrize("servers", [1, 2, 3])
def test_a_window_holds_a_part_of_what_it_does_for_all(servers: int) -> None:
    own, part = OwnShare(Clock()), 6 // servers
    told = [own.reserve([Gate("a", 0.0, 6, 60)], 1000, servers) for _ in range(2 * part + 1)]
    assert [slot.wait_s for slot in told] == pytest.approx([*[0.0] * part, *[60.0] * part, 120.0])


def test_every_gate_is_waited_for_and_a_slot_that_is_too_far_ahead_is_not_taken() -> None:
    clock = Clock()
    own, both = OwnShare(clock), [Gate("a", 1.0), Gate("b", 5.0)]
    assert own.reserve(both, 0, 1).granted
    assert own.reserve([Gate("a", 1.0)], 2, 1).wait_s == pytest.approx(1.0)
    refused = own.reserve(both, 2, 1)
    assert not refused.granted
    assert refused.wait_s == pytest.approx(5.0)
    clock.time += 3.0
    assert own.reserve(both, 2, 1).granted
