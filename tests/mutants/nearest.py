"""Run the tests that stand nearest to what was changed in the working tree: the mirror first, then the room."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def nearest(changed: Path) -> list[list[str]]:
    """Return stages of test paths for a module below `sim_mcp`, the fewest tests first; all relative to the root.

    A stage holds the mirrored test file, the next one the folder of its room, the last one the tools that use it.
    """
    rooms = changed.relative_to("sim_mcp").parent
    mirror = Path("tests") / rooms / f"test_{changed.stem}.py"
    stages = [mirror, *(Path("tests") / room for room in (rooms, *rooms.parents[:-1]))]
    if rooms.parts[0] != "tools":
        stages.append(Path("tests/tools"))
    return [[str(stage)] for stage in stages if (ROOT / stage).exists()]


def changed_module() -> Path:
    """Return the one module that differs from what is committed.

    Raises:
        SystemExit: None differs, or several do.
    """
    listed = ["git", "diff", "--name-only", "--", "sim_mcp"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    if len(names) != 1:
        raise SystemExit(f"one module has to differ from what is committed, not {len(names)}: {names}")
    return Path(names[0])


def main() -> int:
    """Run stage after stage until a test fails; return pytest's exit code of the last stage."""
    for stage in nearest(changed_module()):
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-n", "2", *stage]
        failed = subprocess.run(command, cwd=ROOT, check=False).returncode
        if failed:
            return failed
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
