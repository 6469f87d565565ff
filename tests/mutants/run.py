"""Mutate what a change touched, or a random sample, and say which mutants no test noticed.

    uv run --group mutants python tests/mutants/run.py --since main
    uv run --group mutants python tests/mutants/run.py --sample 100 --seed 1 [--rooms emnify,changes]

cosmic-ray makes the mutants and runs the tests; this only gives it a clone of its own, so that nothing here changes.
"""

import argparse
import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkItem, WorkResult

ROOT = Path(__file__).parent.parent.parent
CONFIG = "tests/mutants/cosmic-ray.toml"
SESSION = "session.sqlite"


def main() -> int:
    """Run the mutants and print the figure; return 1 where a mutant of a change went unnoticed."""
    asked = _arguments()
    with tempfile.TemporaryDirectory() as directory:
        clone = Path(directory) / "clone"
        _run("git", "clone", "-q", str(ROOT), str(clone), at=ROOT)
        _run("cosmic-ray", "init", CONFIG, SESSION, at=clone)
        _run("cr-filter-operators", SESSION, CONFIG, at=clone)
        if asked.since:
            _skip_untouched(clone, _run("git", "merge-base", asked.since, "HEAD", at=ROOT).strip())
        else:
            _skip_all_but(clone, _sampled(clone, asked.sample, asked.seed, asked.rooms))
        _execute(clone)
        survived, tried = _report(clone)
        if asked.keep:
            shutil.copy(clone / SESSION, asked.keep)
    print(f"{tried - survived} of {tried} mutants noticed")
    return 1 if asked.since and survived else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--since", metavar="BRANCH", help="mutate the lines that differ from this branch")
    which.add_argument("--sample", type=int, metavar="N", help="mutate N places drawn at random")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rooms", default="", help="with --sample: of these rooms only, such as emnify,changes")
    parser.add_argument(
        "--keep", type=Path, metavar="FILE", help="keep cosmic-ray's session, for cr-report and cr-html"
    )
    return parser.parse_args()


def _skip_untouched(clone: Path, base: str) -> None:
    config = clone / "touched.toml"
    config.write_text(f'[cosmic-ray.filters.git-filter]\nbranch = "{base}"\n', encoding="utf-8")
    _run("cr-filter-git", SESSION, config.name, at=clone)


def _sampled(clone: Path, count: int, seed: int, rooms: str) -> set[str]:
    wanted = tuple(f"sim_mcp/{room}".rstrip("/") + "/" for room in rooms.split(","))
    # One of each place: a comparison alone makes seven mutants, and a number two.
    places: dict[tuple[str, int, int], list[str]] = {}
    for item in _pending(clone):
        where = item.mutations[0]
        if str(where.module_path).startswith(wanted):
            places.setdefault((str(where.module_path), *where.start_pos), []).append(item.job_id)
    draw = random.Random(seed)  # noqa: S311  # which mutants are tried is no secret.
    drawn = draw.sample(sorted(places), min(count, len(places)))
    return {draw.choice(sorted(places[place])) for place in drawn}


def _pending(clone: Path) -> list[WorkItem]:
    with use_db(str(clone / SESSION), mode=WorkDB.Mode.open) as database:
        return list(database.pending_work_items)


def _skip_all_but(clone: Path, jobs: set[str]) -> None:
    with use_db(str(clone / SESSION), mode=WorkDB.Mode.open) as database:
        skipped = [item.job_id for item in database.pending_work_items if item.job_id not in jobs]
        database.set_multiple_results(skipped, WorkResult(worker_outcome=WorkerOutcome.SKIPPED))


def _execute(clone: Path) -> None:
    # Tests that start the server in a process of its own have to meet the mutant too. And `python` is this one.
    paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    environment = {**os.environ, "PYTHONPATH": str(clone), "PATH": paths}
    # A mutant is met by the tests that reach its line.
    recording = ["-q", "-n", "auto", "--cov", "--cov-context=test", "--cov-report="]
    subprocess.run([_tool("pytest"), *recording], cwd=clone, env=environment, check=True)
    _check_baseline(clone, environment)
    subprocess.run([_tool("cosmic-ray"), "exec", CONFIG, SESSION], cwd=clone, env=environment, check=True)


def _check_baseline(clone: Path, environment: dict[str, str]) -> None:
    """Have the tests meet a change that changes nothing: a command that cannot run would notice every mutant."""
    config = tomllib.loads((clone / CONFIG).read_text(encoding="utf-8"))["cosmic-ray"]
    module = clone / _pending(clone)[0].mutations[0].module_path
    source = module.read_text(encoding="utf-8")
    module.write_text(f"{source}# The same as before.\n", encoding="utf-8")
    subprocess.run(shlex.split(config["test-command"]), cwd=clone, env=environment, check=True)
    module.write_text(source, encoding="utf-8")


def _report(clone: Path) -> tuple[int, int]:
    """Print every mutant that survived; return how many did, of how many that were tried."""
    survived = tried = 0
    with use_db(str(clone / SESSION), mode=WorkDB.Mode.open) as database:
        for _, result in database.results:
            if result.worker_outcome == WorkerOutcome.SKIPPED:
                continue
            tried += 1
            if result.test_outcome == TestOutcome.SURVIVED:
                survived += 1
                print(result.diff)
    return survived, tried


def _tool(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _run(name: str, *arguments: str, at: Path) -> str:
    command = [name if name == "git" else _tool(name), *arguments]
    return subprocess.run(command, cwd=at, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    raise SystemExit(main())
