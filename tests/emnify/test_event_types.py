"""The types of events, written down twice from emnify's documentation: by the client and by the sandbox."""

import pytest

from sim_mcp.emnify import event_type_id
from sim_mcp.emnify.event_types import EVENT_TYPES
from sim_mcp.sandbox.world import catalogue


def test_the_client_and_the_sandbox_read_the_same_types() -> None:
    assert dict(EVENT_TYPES) == dict(catalogue.EVENT_TYPES)


@pytest.mark.parametrize("number", EVENT_TYPES)
def test_each_type_goes_by_its_name_and_by_its_number(number: int) -> None:
    assert event_type_id(EVENT_TYPES[number].upper()) == event_type_id(str(number)) == number
