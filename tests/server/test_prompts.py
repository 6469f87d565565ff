"""Prompts are files whose arguments are declared and used."""

import pytest

from sim_mcp.prompts import load_prompts, read_prompt
from sim_mcp.tools import registry

GOOD = "---\ntitle: T\ndescription: D\narguments:\n  - name: sim\n    description: which\n---\nLook at {sim}."


def test_the_four_promised_prompts_are_there() -> None:
    assert {prompt.name for prompt in load_prompts()} >= {
        "diagnose_sim",
        "monthly_usage_report",
        "onboard_batch",
        "retire_sims",
    }


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
