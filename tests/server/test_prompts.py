"""Prompts are files whose arguments are declared and used."""

import re
from pathlib import Path
from typing import Literal

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, TextContent

from sim_mcp.prompts import PromptFile, load_prompts, read_prompt
from sim_mcp.server.app import build_server
from sim_mcp.settings import Settings
from sim_mcp.tools import registry

GOOD = "---\ntitle: T\ndescription: D\narguments:\n  - name: sim\n    description: which\n---\nLook at {sim}."

FILES = sorted((Path(__file__).parents[2] / "prompts").glob("[a-z]*.md"))


def test_the_promised_prompts_are_there() -> None:
    assert {prompt.name for prompt in load_prompts()} >= {
        "diagnose_sim",
        "monthly_usage_report",
        "onboard_batch",
        "retire_sims",
        "what_changed",
        "who_costs_most",
    }


@pytest.mark.parametrize(
    ("name", "given", "asks"),
    [
        ("monthly_usage_report", {}, "Month: last month. Customer: all customers. SIMs: all SIMs."),
        ("monthly_usage_report", {"month": "2026-10", "customer": "Acme"}, "Month: 2026-10. Customer: Acme."),
        ("who_costs_most", {"customer": "Acme"}, "Month: this month. Customer: Acme."),
        ("what_changed", {"sim": "pump 7"}, "SIM: pump 7. Since: the last 7 days."),
    ],
)
async def test_a_report_is_of_whatever_is_named_and_else_of_everything(
    name: str, given: dict[str, str], asks: str
) -> None:
    async with Client(build_server(Settings())) as client:
        (message,) = (await client.get_prompt(name, given)).messages
    assert isinstance(message.content, TextContent)
    assert asks in message.content.text


@pytest.mark.parametrize("prompt", load_prompts(), ids=lambda prompt: prompt.name)
async def test_a_prompt_gives_parameters_that_a_tool_of_that_step_has(prompt: PromptFile) -> None:
    async with Client(build_server(Settings())) as client:
        tools = {tool.name: tool.input_schema["properties"] for tool in (await client.list_tools()).tools}
    for step in prompt.body.splitlines():
        there = [properties for name, properties in tools.items() if re.search(rf"\b{name}\b", step)]
        for parameter, value in re.findall(r'\b(\w+)="([^"]*)"', step):
            words = [properties[parameter].get("enum", [value]) for properties in there if parameter in properties]
            assert any(value in allowed for allowed in words), f"{parameter}={value} in: {step}"


@pytest.mark.parametrize(
    "file", sorted((Path(__file__).parents[2] / "prompts").glob("[a-z]*.md")), ids=lambda file: file.stem
)
def test_no_description_is_cut_by_what_yaml_takes_for_a_comment(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    written = [line.strip().strip('"') for line in re.findall(r"^ *(?:- )?description: (.*)$", text, re.MULTILINE)]
    head = read_prompt(file.stem, text).head
    assert written == [head.description, *(argument.description for argument in head.arguments)]


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("onboard_bach", {}, "There is no prompt 'onboard_bach'. Prompts: diagnose_sim, "),
        ("onboard_batch", {}, "The prompt onboard_batch needs bic. Its arguments: bic (The 16-character code"),
        ("onboard_batch", {"bic": ""}, "needs bic"),
        ("retire_sims", {"sims": "1", "why": "old"}, "has no argument 'why'"),
    ],
)
async def test_a_prompt_asked_for_wrongly_is_refused_in_words(
    mode: Literal["legacy", "2026-07-28"], name: str, arguments: dict[str, str], says: str
) -> None:
    async with Client(build_server(Settings()), mode=mode) as client:
        with pytest.raises(MCPError) as refused:
            await client.get_prompt(name, arguments)
    assert refused.value.error.code == INVALID_PARAMS
    assert says in refused.value.error.message


def test_a_prompt_names_only_tools_that_exist() -> None:
    tools = {entry.name for entry in registry.tools(may_write=True)}
    words = {word.strip(".,:;()`") for prompt in load_prompts() for word in prompt.body.split()}
    assert {
        word for word in words if word.startswith(("diagnose_", "get_", "list_", "set_", "delete_", "assign_"))
    } <= tools


def test_arguments_fill_their_places_on_one_line() -> None:
    assert read_prompt("p", GOOD).render({"sim": "a\nb {sim}"}) == "Look at a b {sim}."


@pytest.mark.parametrize(
    "broken",
    ["no head", GOOD.replace("{sim}", "{other}"), GOOD.replace("{sim}", "it"), GOOD.replace("title", "tittle")],
)
def test_a_broken_file_is_an_error_at_start_not_at_use(broken: str) -> None:
    with pytest.raises(ValueError, match=r"prompt|FrontMatter"):
        read_prompt("p", broken)
