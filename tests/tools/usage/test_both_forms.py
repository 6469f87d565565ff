"""Text and structure of the fleet-wide tools say the same, within their budgets."""

import json
from typing import Any

import jsonschema
import pytest
from mcp import Client

from tests.support import structured, text_of
from tests.tools.checking import leaves, shown, tokens
from tests.tools.usage.calls import RANK, WASTE

CALLS: list[tuple[str, dict[str, Any]]] = [
    (RANK, {}),
    (RANK, {"period": "last_month", "by": "cost", "top": 50}),
    (RANK, {"order": "none", "status": "factory_test"}),
    (RANK, {"period": "last month", "order": "least", "by": "sms"}),
    (RANK, {"status": "issued"}),
    (WASTE, {}),
    (WASTE, {"customer": "13886", "group": "no_device", "examples": 100}),
]


@pytest.mark.parametrize(("tool", "arguments"), CALLS)
async def test_either_form_of_the_answer_holds_every_fact_and_fits(
    client: Client, tool: str, arguments: dict[str, Any]
) -> None:
    result = await client.call_tool(tool, arguments)
    structure, text = structured(result), text_of(result)
    schema = next(each.output_schema for each in (await client.list_tools()).tools if each.name == tool)
    assert schema is not None
    jsonschema.validate(structure, schema)
    for name, value in leaves(structure):
        assert shown(name, value, text), f"{name}={value!r} is not in the text:\n{text}"
    for form in (text, json.dumps(structure, separators=(",", ":"))):
        assert tokens(form) < 5000
