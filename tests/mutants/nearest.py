"""Run the tests that reach what was changed in the working tree, those of its own module first.

Which tests reach a line is what coverage recorded in the clone (`run.py`). Where it names none, as for lines that are
read at import, the tests that stand nearest run: the mirror, then the room, then the tools that use it.
"""

import math
import os
import re
import subprocess
import sys
from pathlib import Path

from coverage import CoverageData

ROOT = Path(__file__).parent.parent.parent
_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? ", re.MULTILINE)
_WORTH_WORKERS = 40
"""From so many tests on, several workers are faster than one."""
_MOST_OTHERS = 100
"""Tests of other modules that a mutant meets: the figure may only be worse than the truth, and minutes are dear."""


def nearest(changed: Path) -> list[list[str]]:
    """Return stages of test paths for a module below `sim_mcp`, the fewest tests first; all relative to the root.

    A stage holds the mirrored test file, the next one the folder of its room, the last one the tools that use it.
    """
    rooms = changed.relative_to("sim_mcp").parent
    stages = [_mirror(changed), *(Path("tests") / room for room in (rooms, *rooms.parents[:-1]))]
    if rooms.parts[0] != "tools":
        stages.append(Path("tests/tools"))
    return [[str(stage)] for stage in stages if (ROOT / stage).exists()]


def covering(changed: Path, line: int) -> list[str]:
    """Return the tests that ran a line, or the statement it belongs to: those of its module, and some of the others."""
    recorded = CoverageData(str(ROOT / ".coverage"))
    recorded.read()
    tests_by_line = recorded.contexts_by_lineno(str(ROOT / changed))
    # A statement of several lines is recorded at its first.
    begins = max((each for each in tests_by_line if each <= line), default=None)
    reached = {name.rpartition("|")[0] for name in tests_by_line.get(begins or 0, ()) if name}
    mirror = str(_mirror(changed))
    own = sorted(name for name in reached if name.startswith(mirror))
    others = sorted(reached.difference(own))
    return own + others[:: max(1, math.ceil(len(others) / _MOST_OTHERS))]


def changed_line() -> tuple[Path, int]:
    """Return the one module that differs from what is committed, and the first line that does.

    Raises:
        SystemExit: None differs, or several do.
    """
    listed = ["git", "diff", "--unified=0", "--", "sim_mcp"]
    diff = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = re.findall(r"^--- a/(.+)$", diff, re.MULTILINE)
    if len(names) != 1:
        raise SystemExit(f"one module has to differ from what is committed, not {len(names)}: {names}")
    found = _HUNK.search(diff)
    return Path(names[0]), int(found[1]) if found else 0


def main() -> int:
    """Run stage after stage until a test fails; return pytest's exit code of the last stage."""
    changed, line = changed_line()
    tests = covering(changed, line)
    for stage in [tests] if tests else nearest(changed):
        if failed := _failed(stage):
            return failed
    return 0


def _mirror(changed: Path) -> Path:
    return Path("tests") / changed.relative_to("sim_mcp").parent / f"test_{changed.stem}.py"


def _failed(stage: list[str]) -> int:
    names = ROOT / "mutant-tests.txt"
    names.write_text("\n".join(stage), encoding="utf-8")  # a command line would be too short for some.
    many = not stage[0].count("::") or len(stage) > _WORTH_WORKERS
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *(["-n", "2"] if many else [])]
    without_coverage = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    return subprocess.run([*command, f"@{names}"], cwd=ROOT, env=without_coverage, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
