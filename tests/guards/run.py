"""Take each guard away, one at a time, and see that a test fails.

Run with `uv run python tests/guards/run.py [--note] [WORD]...`; words choose guards whose name holds one of them. It
works on copies of the project, four at a time. `--note` writes into guards.toml which test missed a guard, so that the
next run asks that test first. It ends with 1 if a guard can go without a test noticing.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
LIST = Path(__file__).with_name("guards.toml")
COPIED = (
    "sim_mcp",
    "tests",
    "prompts",
    "benchmarks",
    ".ci",
    "deploy",
    "pyproject.toml",
    "README.md",
    "SECURITY.md",
    "LICENSE",
    "docs",
)
AT_ONCE = 4
ONE_TEST_S, ALL_TESTS_S = 60, 300

LOOK_FIRST = {
    "changes/consent.py": ("test_consent",),
    "changes/policy/rules.py": ("test_policy", "test_record"),
    "changes/plan.py": ("test_consent", "test_approval", "test_record"),
    "changes/service.py": ("test_record", "test_approval"),
    "changes/record/journal.py": ("../test_record", "../test_approval"),
    "changes/apply.py": ("test_apply", "test_approval", "test_record", "test_consent"),
    "changes/outcome.py": ("test_approval", "test_record", "test_consent"),
    "changes/approval_page/request.py": ("test_page",),
    "changes/approval_page/server.py": ("test_page",),
    "changes/approval_page/approvals.py": ("../test_approval", "../test_record"),
}
"""Where the tests of a module are, if not in a file of its name."""


class Guard(NamedTuple):
    """What stands where in the way of what is unwanted, what the line reads without it, and which test misses it.

    `file` is a path below sim_mcp, or the bare name of a module of sim_mcp/changes.
    """

    name: str
    file: str
    with_it: str
    without: str
    test: str = ""

    @property
    def path(self) -> str:
        """Return the file below sim_mcp."""
        return self.file if self.file.endswith(".py") else f"changes/{self.file}.py"

    def wrong_in(self, project: Path) -> str:
        """Return why this entry of the list cannot be used, or nothing."""
        file = project / "sim_mcp" / self.path
        if not file.is_file():
            return f"sim_mcp/{self.path} is not there any more: mend this list"
        times = file.read_text(encoding="utf-8").count(self.with_it)
        return "" if times == 1 else f"its text is {times} times in sim_mcp/{self.path}: mend this list"

    def tests_in(self, project: Path) -> Iterator[list[str]]:
        """Yield which tests to ask, the likeliest first."""
        if self.test:
            yield [self.test]
            yield [self.test.partition("[")[0]]
        place = Path("tests") / Path(self.path).parent
        while not (project / place).is_dir():
            place = place.parent
        names = LOOK_FIRST.get(self.path, (f"test_{Path(self.path).stem}",))
        near = [str(place / f"{name}.py") for name in names if (project / place / f"{name}.py").is_file()]
        if near:
            yield near
        # Beside the files of tests/ lie the folders that only CI asks for.
        yield [str(place)] if len(place.parts) > 1 else sorted(map(str, place.glob("test_*.py")))


def guards() -> list[Guard]:
    """Return the list."""
    return [Guard(**guard) for guard in tomllib.loads(LIST.read_text(encoding="utf-8"))["guard"]]


def missed_by(guard: Guard, copy: Path) -> str | None:
    """Run tests without a guard and return the one that failed as it should, or None."""
    file = copy / "sim_mcp" / guard.path
    before = file.read_text(encoding="utf-8")
    file.write_text(before.replace(guard.with_it, guard.without), encoding="utf-8")
    try:
        for tests in guard.tests_in(copy):
            failed = failing(tests, copy, ONE_TEST_S if "::" in tests[0] else ALL_TESTS_S)
            if failed:
                return failed
    finally:
        file.write_text(before, encoding="utf-8")
    return None


def failing(tests: list[str], copy: Path, within_s: float) -> str:
    """Return the first of some tests that fails, or nothing."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--no-header", *tests]
    # Servers that a test starts are to be without the guard too.
    env = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=copy, env=env, capture_output=True, text=True, timeout=within_s, check=False)
    except subprocess.TimeoutExpired:
        return tests[0]
    found = re.search(r"^(?:FAILED|ERROR) (\S+?::.+?)(?: - |$)", done.stdout, re.MULTILINE)
    return (found[1] if found else tests[0]) if done.returncode == 1 else ""


def note(guard: Guard, test: str) -> None:
    """Write into the list which test misses a guard."""
    head = f'name = "{guard.name}"\n'
    before = head + (f"test = {json.dumps(guard.test)}\n" if guard.test else "")
    text = LIST.read_text(encoding="utf-8")
    LIST.write_text(text.replace(before, f"{head}test = {json.dumps(test)}\n", 1), encoding="utf-8")


def main() -> int:
    """Try every guard that was asked for."""
    words = [word for word in sys.argv[1:] if word != "--note"]
    chosen = [guard for guard in guards() if not words or any(word in guard.name for word in words)]
    unusable = [f"{guard.name}: {wrong}" for guard in chosen if (wrong := guard.wrong_in(ROOT))]
    if unusable:
        print("\n".join(unusable))
        return 1
    with TemporaryDirectory() as place, ThreadPoolExecutor(AT_ONCE) as pool:
        free = []
        for number in range(AT_ONCE):
            copy = Path(place) / str(number)
            copy.mkdir()
            for name in COPIED:
                (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, copy / name)
            free.append(copy)

        def attempt(guard: Guard) -> str | None:
            copy = free.pop()
            try:
                test = missed_by(guard, copy)
            finally:
                free.append(copy)
            print(f"{guard.name}: {f'missed by {test}' if test else 'can go without a test noticing'}", flush=True)
            return test

        missed = list(pool.map(attempt, chosen))
    if "--note" in sys.argv:
        for guard, test in zip(chosen, missed, strict=True):
            if test and "::" in test and test != guard.test:
                note(guard, test)
    print(f"{sum(map(bool, missed))} of {len(chosen)} guards are missed when gone")
    return 0 if all(missed) else 1


if __name__ == "__main__":
    sys.exit(main())
