"""A database is prepared by command, once; no server starts on one that is not."""

from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from sim_mcp.changes.record.journal import Journal
from sim_mcp.changes.record.postgres.migrations import MIGRATIONS, VERSION
from sim_mcp.changes.record.storage import JournalError
from tests.changes.test_record import CALLER, plan_of
from tests.processes.test_commands import run
from tests.processes.test_serving import environment


def test_each_step_is_named_and_taken_once(empty: SecretStr) -> None:
    env = environment(None, SIM_MCP_DATABASE_URL=empty.get_secret_value())
    assert run("migrate", env=env).stdout.splitlines() == [f"done: {step.name}" for step in MIGRATIONS]
    assert run("migrate", env=env).stdout == "The database is prepared for this version already.\n"
    with closing(psycopg.connect(empty.get_secret_value())) as db:
        steps = db.execute("SELECT n, name FROM migrations ORDER BY n").fetchall()
    assert steps == [(number, step.name) for number, step in enumerate(MIGRATIONS, 1)]


def test_no_server_starts_on_a_database_that_is_not_prepared_and_no_change_is_planned(empty: SecretStr) -> None:
    for words in (["serve"], ["serve", "--http", "--port", "0"]):
        done = run(*words, env=environment(None, SIM_MCP_DATABASE_URL=empty.get_secret_value()))
        assert done.returncode == 2
        assert "run sim-mcp migrate" in done.stderr
        assert "Nothing was started" in done.stderr
    with pytest.raises(JournalError, match="run sim-mcp migrate"):
        Journal(empty).keep(plan_of(), CALLER)


def test_health_tells_of_a_database_that_is_not_prepared_or_out_of_reach(empty: SecretStr) -> None:
    nowhere = "postgresql://someone:its-password@127.0.0.1:9/record"
    for url, told in ((empty.get_secret_value(), "run sim-mcp migrate"), (nowhere, "record on 127.0.0.1")):
        done = run("health", env=environment(None, SIM_MCP_DATABASE_URL=url))
        assert done.returncode == 1
        assert told in done.stderr
        assert "its-password" not in done.stderr


def test_a_database_of_a_newer_version_is_not_started_on_not_written_to_and_not_migrated(place: SecretStr) -> None:
    with closing(psycopg.connect(place.get_secret_value(), autocommit=True)) as db:
        db.execute("INSERT INTO migrations (n, name) VALUES (%s, 'a later step')", (VERSION + 1,))
    env = environment(None, SIM_MCP_DATABASE_URL=place.get_secret_value())
    for words in (["serve"], ["migrate"]):
        done = run(*words, env=env)
        assert done.returncode != 0
        assert "newer version" in done.stderr
    with pytest.raises(JournalError, match="newer version"):
        Journal(place).keep(plan_of(), CALLER)


def test_a_database_out_of_reach_is_told_without_its_password(tmp_path: Path) -> None:
    nowhere = "postgresql://someone:its-password@127.0.0.1:9/record"
    env = environment(None, SIM_MCP_DATABASE_URL=nowhere, SIM_MCP_STATE_DIR=str(tmp_path))
    for words in (["migrate"], ["audit"], ["serve"]):
        done = run(*words, env=env)
        assert "record on 127.0.0.1" in done.stderr
        assert "its-password" not in done.stderr + done.stdout


def test_without_a_database_there_is_nothing_to_migrate(tmp_path: Path) -> None:
    done = run("migrate", env=environment(None, SIM_MCP_STATE_DIR=str(tmp_path)))
    assert done.returncode == 1
    assert "SIM_MCP_DATABASE_URL is not set" in done.stderr
