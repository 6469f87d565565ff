"""What a model is told about the tools, and what that costs it."""

import json
from pathlib import Path

import bpe_openai
import pytest
from mcp import Client
from mcp.types import ListToolsResult, Tool
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from sim_mcp.server.app import INSTRUCTIONS, build_server
from sim_mcp.settings import Confirm, Settings
from sim_mcp.tools import registry

REVIEWED = {
    definition["name"]: definition["annotations"]
    for path in (Path(__file__).parent / "__snapshots__/test_definitions").glob("*.json")
    for definition in [json.loads(path.read_text(encoding="utf-8"))]
}
"""What somebody looked at and committed: a tool that is not among them fails, and so does one that began to write."""

READING = {name for name, hints in REVIEWED.items() if hints["readOnlyHint"]}
WRITING = {name for name, hints in REVIEWED.items() if hints["destructiveHint"]}
FILING = set(REVIEWED) - READING - WRITING
"""They change nothing at emnify, but leave a file on this machine."""
NAMES = sorted(entry.name for entry in registry.tools(may_write=True))


async def listed(settings: Settings | None = None) -> ListToolsResult:
    async with Client(build_server(settings or Settings())) as client:
        return await client.list_tools()


async def tools() -> dict[str, Tool]:
    return {tool.name: tool for tool in (await listed()).tools}


def tokens(text: str) -> int:
    return len(bpe_openai.get_encoding("o200k_base").encode(text))


async def test_no_argument_is_wanted_in_a_header_for_the_server_compares_none() -> None:
    server = build_server(Settings())
    compares = server._lowlevel_server.get_tool_input_schema
    assert compares is not None
    for name, tool in (await tools()).items():
        assert compares(name) is None
        assert "x-mcp-header" not in tool.model_dump_json(by_alias=True), f"{name}: see SimServer._tool_input_schema"


async def test_the_whole_list_stays_under_its_budget() -> None:
    whole = await listed()
    assert tokens(whole.model_dump_json(by_alias=True, exclude_none=True)) < 6500


@pytest.mark.parametrize("name", NAMES)
async def test_the_definition_is_as_reviewed(name: str, snapshot: SnapshotAssertion) -> None:
    definition = (await tools())[name].model_dump(mode="json", by_alias=True, exclude_none=True)
    assert definition == snapshot.use_extension(JSONSnapshotExtension)


async def test_every_tool_is_listed_and_without_a_token_too() -> None:
    assert {tool.name for tool in (await listed()).tools} == READING | FILING | WRITING


@pytest.mark.parametrize("settings", [Settings(confirm=Confirm.BLOCK), Settings(read_only=True)])
async def test_where_writing_is_blocked_no_tool_that_writes_to_emnify_exists(settings: Settings) -> None:
    async with Client(build_server(settings)) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == READING | FILING
        result = await client.call_tool("delete_sims", {"sims": ["1"]})
        assert result.is_error


@pytest.mark.parametrize("name", NAMES)
async def test_hints_titles_and_descriptions_are_complete_and_honest(name: str) -> None:
    tool = (await tools())[name]
    assert tool.title
    assert tool.annotations is not None
    hints = tool.annotations
    assert hints.read_only_hint is (name in READING)
    assert hints.destructive_hint is (name in WRITING)
    assert hints.idempotent_hint is not None
    assert hints.open_world_hint is True
    assert 40 < len(tool.description or "") < 2048
    assert "SIM" in (tool.description or "").split(". ")[0]


@pytest.mark.parametrize("name", NAMES)
async def test_input_schemas_are_flat_closed_and_say_what_each_parameter_is(name: str) -> None:
    schema = (await tools())[name].input_schema
    text = json.dumps(schema)
    assert "$ref" not in text
    assert "$defs" not in text
    assert "anyOf" not in text
    assert schema["additionalProperties"] is False
    for parameter in schema["properties"].values():
        assert parameter["type"] in {"string", "integer", "boolean", "array"}


@pytest.mark.parametrize("name", NAMES)
async def test_no_consent_can_be_given_through_an_argument(name: str) -> None:
    properties = (await tools())[name].input_schema["properties"]
    assert not {"confirm", "confirmed", "agreed", "agree", "force", "yes"} & set(properties)


def test_instructions_fit_where_hosts_cut_them() -> None:
    assert len(INSTRUCTIONS.encode()) < 2048


def test_the_registry_and_the_functions_agree_on_names() -> None:
    entries = registry.tools(may_write=True)
    assert {entry.name for entry in entries} == set(REVIEWED)
    assert len(READING) > len(WRITING) > len(FILING) > 0
    assert {"set_sim_status", "assign_sims", "delete_sims", "register_sim_batch", "continue_change"} <= WRITING
    assert all(entry.reads is (entry.name in READING) for entry in entries)


@pytest.mark.parametrize("name", NAMES)
async def test_output_schemas_are_shallow_objects_without_references(name: str) -> None:
    schema = (await tools())[name].output_schema
    assert schema is not None
    assert schema["type"] == "object"
    assert schema["properties"]
    assert "$ref" not in json.dumps(schema)
    assert "$defs" not in schema
