"""What the documents say is there."""

import re
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


def test_whoever_commits_runs_what_ci_runs() -> None:
    steps = re.findall(
        r"^(?:python3 -m )?(uv run --locked (?:ruff|mypy|lint-imports|deptry).*|\.ci/no-binaries)$",
        (ROOT / ".ci/run").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert len(steps) > 5
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert [step for step in steps if f"entry: {step}," not in hooks] == []
