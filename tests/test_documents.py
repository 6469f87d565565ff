"""What the documents say is there."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_to_a_file(name: str) -> None:
    here = ROOT / name
    links = re.findall(r"\]\((?!https?:)([^)#]+)", here.read_text(encoding="utf-8"))
    assert [link for link in links if not (here.parent / link).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_and_folder_that_a_document_names_is_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    named = re.findall(r"`((?:sim_mcp|tests|docs|deploy|benchmarks|prompts|\.ci)/[\w./@-]*\w/?)", text)
    made_up = {"count_batches.py", "test_count_batches.py"}
    assert [path for path in named if Path(path).name not in made_up and not (ROOT / path).exists()] == []


def test_each_folder_of_tests_that_is_left_out_by_default_is_told_of_and_run_by_ci() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    left_out = {name for name in project["tool"]["pytest"]["ini_options"]["norecursedirs"] if name.startswith("tests/")}
    assert len(left_out) > 8
    table = re.findall(r"(?m)^\| (`tests/.*?) \|", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert set(re.findall(r"`(tests/\w+)`", " ".join(table))) == left_out
    run = re.findall(r"pytest .*", (ROOT / ".ci/run").read_text(encoding="utf-8"))
    assert {name for line in run for name in re.findall(r"tests/\w+", line)} == left_out


def test_whoever_commits_runs_what_ci_runs() -> None:
    steps = re.findall(
        r"^(?:python3 -m )?(uv run --locked (?:ruff|mypy|lint-imports|deptry).*|\.ci/no-binaries)$",
        (ROOT / ".ci/run").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert len(steps) > 5
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert [step for step in steps if f"entry: {step}," not in hooks] == []
