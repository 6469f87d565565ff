"""What holds for the project as a whole: its arrows, its README, what it ships."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from sim_mcp.tools import registry
from tests.guards.run import Guard, guards

ROOT = Path(__file__).parent.parent


def test_the_arrows_of_the_house_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_readme_leads_with_two_commands_each_enough_by_itself() -> None:
    blocks = re.findall(r"```sh\n(.*?)\n```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    leading = [block for block in blocks if "pip install -q uv &&" in block]
    assert blocks[0] == leading[0]
    assert [command.split()[-1] for command in leading] == ["demo", "auto"]
    assert "pytest" in leading[1]
    assert all("\n" not in command for command in leading)


def test_the_readme_lists_every_tool_and_every_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    tools = {path.stem for path in (ROOT / "tests/tools/__snapshots__/test_definitions").glob("*.json")}
    names = {re.sub(r".*\[(\w+)\].*", r"\1", name) for name in tools}
    assert names == {entry.name for entry in registry.tools(may_write=True)}
    assert all(f"| `{name}` |" in readme for name in names)
    assert all(f"sim-mcp {command}" in readme for command in ("demo", "tools", "call", "sandbox", "serve"))


def test_only_the_kinds_of_change_write_to_emnify() -> None:
    """Nothing in the project writes to emnify but what was planned and agreed to."""
    writing = re.compile(r"\.(update_sim|delete_sims?|batches\.register|create_operation|migrate_sims)\(")
    allowed = {f"sim_mcp/changes/kinds/{kind}.py" for kind in ("assign", "delete", "register", "status")}
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "sim_mcp").rglob("*.py")
        if "sandbox" not in path.relative_to(ROOT).parts and writing.search(path.read_text(encoding="utf-8"))
    }
    assert found == allowed


def test_security_says_only_what_a_test_shows() -> None:
    """Each sentence names its test, and each test that is named is there."""
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8").partition("## Reporting")[0]
    said = re.split(r"\n(?=- )", text.partition("## What is promised")[2])
    claims = [claim.partition("\n\n")[0] for claim in said if claim.startswith("- ")]
    assert len(claims) > 30
    assert [claim for claim in claims if not re.search(r"`test_\w+`", claim)] == []
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    there = set(re.findall(r"^(?:async )?def (test_\w+)", "\n".join(sources), re.MULTILINE))
    assert set(re.findall(r"test_\w+", text)) - there == set()


def test_the_wheel_ships_the_prompts_and_the_version_is_told_in_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"] == {"prompts": "sim_mcp/_prompts"}
    assert project["project"]["version"] not in (ROOT / "sim_mcp/__init__.py").read_text(encoding="utf-8")


def test_the_pythons_that_are_claimed_are_those_that_are_required_shipped_and_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    claimed = re.findall(r":: Python :: (3\.\d+)(?=\n|$)", "\n".join(project["classifiers"]))
    assert project["requires-python"] == f">={claimed[0]}"
    images = re.findall(r"^FROM python:(3\.\d+)-", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(images) == {claimed[-1]}
    assert ".ci/pythons" in (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(("name", "passes"), [("notes.txt", True), ("logo.png", True), ("tool.whl", False)])
def test_no_binary_gets_into_the_tree_but_pictures(tmp_path: Path, name: str, passes: bool) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / name).write_bytes(b"plain" if name == "notes.txt" else b"PK\x03\x04\x00\x00")
    subprocess.run(["git", "add", "--force", "."], cwd=tmp_path, check=True)
    done = subprocess.run([ROOT / ".ci/no-binaries"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is passes
    assert (name in done.stdout) is not passes


def test_ci_refuses_binaries_and_tries_every_guard() -> None:
    steps = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert "\n.ci/no-binaries\n" in steps
    assert "tests/guards/run.py" in steps


@pytest.mark.parametrize("guard", guards(), ids=lambda guard: guard.name)
def test_the_text_of_each_guard_occurs_once(guard: Guard) -> None:
    assert not guard.wrong_in(ROOT)


def test_the_test_that_misses_a_guard_is_there() -> None:
    noted = {guard.test.partition("[")[0] for guard in guards() if guard.test}
    gone = []
    for test in sorted(noted):
        file, _, name = test.partition("::")
        if not (ROOT / file).is_file() or f"def {name}(" not in (ROOT / file).read_text(encoding="utf-8"):
            gone.append(test)
    assert gone == []


def test_no_two_guards_have_one_name() -> None:
    names = [guard.name for guard in guards()]
    assert sorted(set(names)) == sorted(names)
