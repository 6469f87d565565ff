"""Words of a command line as the arguments of a tool, and its next calls as commands again."""

import asyncio
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.types import Tool

from sim_mcp.cli.call import ArgumentError, list_tools, parse_arguments
from sim_mcp.cli.commands import main
from sim_mcp.cli.next_commands import command, with_commands
from sim_mcp.server.app import build_server
from sim_mcp.settings import Settings
from sim_mcp.tools.parameters import ready_call

ROOT = Path(__file__).parents[2]
TOOLS: dict[str, Tool] = {tool.name: tool for tool in asyncio.run(list_tools(build_server(Settings())))}


@pytest.mark.parametrize(
    ("words", "sims"),
    [
        (["sims=a,b"], ["a", "b"]),
        (["sims=a", "sims=b"], ["a", "b"]),
        (["sims=a, b,", "sims=c"], ["a", "b", "c"]),
        (['sims=["pump, north", 7]'], ["pump, north", "7"]),
        (["sims="], [""]),
    ],
)
def test_a_list_is_given_with_commas_by_repeating_or_as_json(words: list[str], sims: list[str]) -> None:
    assert parse_arguments(TOOLS["delete_sims"], words) == {"sims": sims}


def test_a_name_with_a_comma_stays_whole_where_one_value_is_wanted() -> None:
    assert parse_arguments(TOOLS["get_sim"], ["sim=pump, north"]) == {"sim": "pump, north"}


@pytest.mark.parametrize("wrong", ["sims=[a,b]", "sims=["])
def test_a_list_that_is_no_json_is_refused_with_what_to_write(wrong: str) -> None:
    with pytest.raises(ArgumentError, match=r"a,b or a JSON list"):
        parse_arguments(TOOLS["delete_sims"], [wrong])


PLAIN = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=20)


@given(PLAIN.filter(lambda text: text.strip() == text), st.booleans(), st.integers(1, 99))
def test_a_next_call_pasted_into_a_shell_is_the_same_call(text: str, flag: bool, page: int) -> None:
    arguments = {"device": text, "has_device": flag, "page": page, "status": ["issued", "suspended"]}
    words = shlex.split(command(ready_call("list_sims", arguments)))
    assert words[:3] == ["sim-mcp", "call", "list_sims"]
    assert parse_arguments(TOOLS["list_sims"], words[3:]) == arguments


@given(st.lists(PLAIN.filter(lambda text: text.strip() == text), min_size=1, max_size=3))
def test_so_is_one_with_names_that_hold_anything(names: list[str]) -> None:
    words = shlex.split(command(ready_call("delete_sims", {"sims": names})))
    assert parse_arguments(TOOLS["delete_sims"], words[3:]) == {"sims": names}


@pytest.mark.parametrize("text", ["Use the id.", "f(1)", "a = b", "f(x=y)", ""])
def test_what_is_no_call_stays(text: str) -> None:
    assert command(text) == text


def test_only_what_is_next_becomes_a_command() -> None:
    answer: dict[str, Any] = {"next": "a(b=1)", "rows": [{"next": "a(b=2)", "note": "a(b=3)"}], "total": 3}
    assert with_commands(answer, "--sandbox") == {
        "next": "sim-mcp call a b=1 --sandbox",
        "rows": [{"next": "sim-mcp call a b=2 --sandbox", "note": "a(b=3)"}],
        "total": 3,
    }


@pytest.mark.parametrize(
    "file",
    [*(ROOT / "sim_mcp").rglob("*.py"), *(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "SECURITY.md"],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_hints_name_commands_that_exist(file: Path) -> None:
    named = re.findall(r"\bsim-mcp ([a-z]+)\b", file.read_text(encoding="utf-8"))
    # "sim-mcp serves …" is a sentence, "…/sim-mcp sim-mcp" the name of an image.
    assert set(named) <= {*main.commands, "serves", "sim"}
    called = re.findall(r"\bsim-mcp call ([a-z]+_[a-z_]+)\b", file.read_text(encoding="utf-8"))
    assert set(called) <= set(TOOLS)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("call list_sim_s", {"list_sim_statuses"}),
        ("call assign_sims s", {"sims=", "status="}),
        ("call rank_sims_by_usage order=m", {"order=most"}),
        ("call nothing a", set()),
    ],
)
def test_a_shell_is_offered_tools_keys_and_values(words: str, offered: set[str]) -> None:
    typed = f"sim-mcp {words}"
    asked = {"_SIM_MCP_COMPLETE": "bash_complete", "COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
    command_line = [sys.executable, "-c", "from sim_mcp.cli.commands import main; main(prog_name='sim-mcp')"]
    done = subprocess.run(
        command_line, env={**os.environ, **asked}, capture_output=True, text=True, check=False, timeout=60
    )
    assert {line.partition(",")[2] for line in done.stdout.split()} == offered, done.stderr
