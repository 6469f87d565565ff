"""Arguments as hosts and models write them: spelling, lists, and what a host adds of its own."""

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client

from sim_mcp.emnify import InvalidValueError
from sim_mcp.server.app import build_server
from sim_mcp.tools.arguments import prepare
from tests.support import Fleet, structured, text_of

STATUSES = ["issued", "activated", "suspended", "factory_test"]
SCHEMA: dict[str, Any] = {
    "properties": {
        "status": {"type": "array", "items": {"type": "string", "enum": STATUSES}},
        "by": {"type": "string", "enum": ["data", "sms", "cost"]},
        "customer": {"type": "array", "items": {"type": "string"}},
        "top": {"type": "integer"},
    }
}


def prepared(**arguments: Any) -> dict[str, Any]:
    return prepare(arguments, SCHEMA, changes=False)[0]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Activated", ["activated"]),
        ("active", ["activated"]),
        (" ACTIVE ", ["activated"]),
        ("Factory Test", ["factory_test"]),
        ("factory-test", ["factory_test"]),
        ("FACTORY_TEST", ["factory_test"]),
        (["Issued", "Factory  test"], ["issued", "factory_test"]),
        ('["Issued", "active"]', ["issued", "activated"]),
        ("deleted", ["deleted"]),
        ([1], [1]),
    ],
)
def test_a_choice_is_taken_in_any_case_with_blanks_dashes_or_underscores(written: Any, read: Any) -> None:
    assert prepared(status=written) == {"status": read}


@given(
    choice=st.sampled_from(STATUSES),
    separator=st.sampled_from([" ", "-", "_", "  ", "\u00a0"]),
    upper=st.booleans(),
)
def test_every_spelling_of_a_choice_is_that_choice(choice: str, separator: str, upper: bool) -> None:
    written = choice.replace("_", separator)
    assert prepared(status=written.upper() if upper else written) == {"status": [choice]}


def test_what_is_free_text_keeps_its_spelling() -> None:
    assert prepared(customer="Active", by="SMS", top=3) == {"customer": ["Active"], "by": "sms", "top": 3}
    assert prepared(customer="[not JSON") == {"customer": ["[not JSON"]}


@pytest.mark.parametrize(("name", "known"), [("organisation", "customer"), ("stauts", "status"), ("x", None)])
def test_an_unknown_parameter_is_refused_with_the_likeliest_one(name: str, known: str | None) -> None:
    with pytest.raises(InvalidValueError, match=f"no parameter '{name}'") as refused:
        prepared(**{name: "a"})
    assert (f"Did you mean {known}?" in str(refused.value)) is (known is not None)


@pytest.mark.parametrize("name", ["toolCallId", "sessionId", "chatInput", "action", "tool"])
async def test_a_hosts_own_argument_does_no_harm_in_a_question_and_stands_in_the_log(
    client: Client, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    with caplog.at_level(logging.INFO, logger="sim_mcp"):
        asked = structured(await client.call_tool("list_sims", {"status": "suspended", name: "call_1"}))
    assert asked["total"] == structured(await client.call_tool("list_sims", {"status": "suspended"}))["total"]
    assert any(name in record.getMessage() for record in caplog.records)
    assert not any("call_1" in record.getMessage() for record in caplog.records)


async def test_a_change_refuses_what_it_does_not_know_even_from_a_host(fleet: Fleet, client: Client) -> None:
    sims = [fleet.scenarios["healthy"]["iccid"]]
    result = await client.call_tool("set_sim_status", {"sims": sims, "status": "suspended", "toolCallId": "call_1"})
    assert result.is_error
    assert "no parameter 'toolCallId'" in text_of(result)
    assert await fleet.requests() == []


async def test_a_status_for_a_change_is_taken_in_any_spelling_and_several_together(fleet: Fleet) -> None:
    async with Client(build_server(fleet.settings())) as client:
        waiting = structured(
            await client.call_tool("set_sim_status", {"status": "Active", "with_status": ["Issued", "SUSPENDED"]})
        )
    assert "status Issued or Suspended" in waiting["summary"]
    assert await fleet.writes() == []
