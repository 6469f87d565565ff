"""Take each guard of a change away, one at a time, and see that a test fails.

Run with `uv run python tests/guards/run.py [WORD]...`; words choose guards whose name holds one of them. It works on
copies of the project, two at a time, and takes minutes. It ends with 1 if a guard can go without a test noticing.
"""

import shutil
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
COPIED = ("sim_mcp", "tests", "prompts", "benchmarks", "pyproject.toml", "README.md", "LICENSE")
AT_ONCE = 2


LOOK_FIRST = {
    "consent": ("test_consent",),
    "policy": ("test_record",),
    "plan": ("test_consent", "test_choosing", "test_approval", "test_record"),
    "desk": ("test_record", "test_approval"),
    "journal": ("test_record", "test_approval"),
    "apply": ("test_pausing", "test_approval", "test_record", "test_consent"),
    "judging": ("test_approval", "test_record", "test_consent"),
    "page": ("test_page",),
    "page_request": ("test_page",),
    "page_server": ("test_page",),
    "approvals": ("test_approval", "test_record"),
}
"""Where the tests of a module are, so that a guard is missed soon; where none of them misses it, all are asked."""


class Guard(NamedTuple):
    """What stands where in the way of an unwanted write, and what the line reads without it."""

    name: str
    file: str
    with_it: str
    without: str


def survives(guard: Guard, copy: Path) -> str:
    """Run the tests without a guard; return what is wrong, or nothing if a test failed as it should."""
    file = copy / "sim_mcp/changes" / f"{guard.file}.py"
    before = file.read_text(encoding="utf-8")
    if before.count(guard.with_it) < 1:
        return "is not there any more: mend this list"
    file.write_text(before.replace(guard.with_it, guard.without, 1), encoding="utf-8")
    ended = 0
    try:
        for tests in ([f"tests/changes/{name}.py" for name in LOOK_FIRST[guard.file]], ["tests/changes"]):
            command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
            done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=300, check=False)
            ended = done.returncode
            if ended == 1:
                return ""
    except subprocess.TimeoutExpired:
        return ""
    finally:
        file.write_text(before, encoding="utf-8")
    return f"can go without a test noticing (pytest ended with {ended})"


def main() -> int:
    """Try every guard that was asked for."""
    listed = tomllib.loads(Path(__file__).with_name("guards.toml").read_text(encoding="utf-8"))["guard"]
    guards = [Guard(**guard) for guard in listed]
    chosen = [guard for guard in guards if not sys.argv[1:] or any(word in guard.name for word in sys.argv[1:])]
    with TemporaryDirectory() as place, ThreadPoolExecutor(AT_ONCE) as pool:
        free = []
        for number in range(AT_ONCE):
            copy = Path(place) / str(number)
            copy.mkdir()
            for name in COPIED:
                (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, copy / name)
            free.append(copy)

        def attempt(guard: Guard) -> str:
            copy = free.pop()
            try:
                wrong = survives(guard, copy)
            finally:
                free.append(copy)
            print(f"{guard.name}: {wrong or 'a test fails without it'}", flush=True)
            return wrong

        wrong = list(filter(None, pool.map(attempt, chosen)))
    print(f"{len(chosen) - len(wrong)} of {len(chosen)} guards are missed when gone")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
