"""What a SIM may become, why not, and what it costs."""

import pytest

from sim_mcp.emnify import Sim, SimStatus, lifecycle

ISSUED, ACTIVATED, SUSPENDED, DELETED, FACTORY_TEST = SimStatus


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (ISSUED, ["Activated", "Factory Test", "Deleted (only without a device)"]),
        (ACTIVATED, ["Suspended", "Deleted (only without a device)"]),
        (SUSPENDED, ["Activated", "Deleted (only without a device)"]),
        (FACTORY_TEST, ["Activated", "Deleted (only without a device)"]),
        (DELETED, []),
        (99, []),
        (None, []),
    ],
)
def test_what_a_status_may_become(status: int | None, expected: list[str]) -> None:
    assert lifecycle.may_become(status) == expected


@pytest.mark.parametrize(
    ("current", "target", "refusal"),
    [
        (None, SUSPENDED, None),
        (ACTIVATED, SUSPENDED, None),
        (ACTIVATED, ISSUED, "no SIM can go back to Issued"),
        (DELETED, ACTIVATED, "a deleted SIM cannot be brought back"),
        (ACTIVATED, FACTORY_TEST, "factory test can only follow Issued"),
        (ISSUED, SUSPENDED, "Issued can only become Activated or Factory Test"),
    ],
)
def test_the_rule_that_forbids_a_step_is_named(
    current: SimStatus | None, target: SimStatus, refusal: str | None
) -> None:
    assert lifecycle.refusal(current, target) == refusal


def test_every_step_that_is_allowed_has_an_effect_of_its_own() -> None:
    effects = {lifecycle.effect(current, target) for current, steps in lifecycle.ALLOWED.items() for target in steps}
    assert len(effects) == sum(map(len, lifecycle.ALLOWED.values()))
    assert lifecycle.effect(None, SUSPENDED) == f"{lifecycle.SERVICE[SUSPENDED]}; {lifecycle.BILL[SUSPENDED]}"


@pytest.mark.parametrize(
    ("status", "label"),
    [
        ({"id": 4, "description": "whatever"}, "Factory Test"),
        ({"id": 77, "description": "On\u200b hold"}, "On hold"),
        ({"id": 77}, "unknown status"),
        (None, "unknown status"),
    ],
)
def test_a_status_is_labelled_as_emnify_writes_it(status: dict[str, object] | None, label: str) -> None:
    assert lifecycle.status_label(Sim.model_validate({"id": 1, "status": status})) == label
