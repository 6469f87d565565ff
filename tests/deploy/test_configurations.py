"""Each file in deploy/, checked by the program that will read it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from sim_mcp.cli.commands import serve
from sim_mcp.settings import Settings, read_settings
from tests.deploy.proxies import certificate, haproxy_environment, nginx_configuration

DEPLOY = Path(__file__).parents[2] / "deploy"
NAMES = {str(field.alias) for field in Settings.model_fields.values()}


def checked(*command: str | Path, env: dict[str, str] | None = None, cwd: Path = DEPLOY) -> str:
    done = subprocess.run(command, env=os.environ | (env or {}), cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_haproxy_takes_its_configuration_without_a_warning(tmp_path: Path) -> None:
    told = checked("haproxy", "-c", "-f", "haproxy.cfg", env=haproxy_environment(certificate(tmp_path), 8443, (1, 2)))
    assert "WARNING" not in told


def test_nginx_takes_its_configuration_without_a_warning(tmp_path: Path) -> None:
    file = nginx_configuration(tmp_path, 8443, (1, 2))
    told = checked("nginx", "-t", "-p", tmp_path, "-c", file)
    assert "warn" not in told


def test_prometheus_takes_the_rules_and_the_targets() -> None:
    assert "7 rules found" in checked("promtool", "check", "config", "prometheus.yml")


def test_every_metric_of_a_rule_is_documented() -> None:
    rules = [rule for group in read_yaml("alerts.yml")["groups"] for rule in group["rules"]]
    documented = (DEPLOY.parent / "docs/operating.md").read_text(encoding="utf-8")
    metrics = {
        found.removesuffix("_bucket").removesuffix("_count")
        for rule in rules
        for found in re.findall(r"\b(?:sim_mcp|mcp_server)\w+", rule["expr"])
    }
    assert len(metrics) > 4
    assert [metric for metric in metrics if f"`{metric}`" not in documented] == []


def test_systemd_takes_the_unit_and_finds_it_shut_in(tmp_path: Path) -> None:
    unit = (DEPLOY / "sim-mcp@.service").read_text(encoding="utf-8")
    # What it starts has to be there; elsewhere than here it is in /opt.
    file = tmp_path / "sim-mcp@8001.service"
    file.write_text(unit.replace("/opt/sim-mcp/bin/sim-mcp", str(Path(sys.executable).with_name("sim-mcp"))))
    told = checked("systemd-analyze", "verify", "--man=no", file)
    assert told == ""
    # 10 is open to everything, 0 to nothing.
    checked("systemd-analyze", "security", "--offline=yes", "--threshold=20", file)


def test_the_unit_starts_what_there_is_with_settings_that_there_are() -> None:
    unit = (DEPLOY / "sim-mcp@.service").read_text(encoding="utf-8")
    (started,) = [
        line.partition("/bin/sim-mcp ")[2].split() for line in unit.splitlines() if line.startswith("ExecStart=")
    ]
    command, *words = [word.replace("%i", "8001") for word in started]
    chosen = serve.make_context(command, words, resilient_parsing=False)
    assert isinstance(chosen, click.Context)
    assert (command, chosen.params["http"], chosen.params["stateless"]) == ("serve", True, True)
    named = [line.split("=")[1] for line in unit.splitlines() if line.startswith("Environment=")]
    assert len(named) == 2
    assert [name for name in named if name not in NAMES] == []


def test_the_example_is_accepted_as_it_is_and_changes_nothing_at_first() -> None:
    settings = read_settings({}, named=DEPLOY / ".env.example")
    assert settings.application_token is None
    assert not settings.may_write
    assert settings.log_format == "json"


@pytest.mark.parametrize("name", ["haproxy", "nginx", "promtool", "systemd-analyze"])
def test_what_checks_is_there(name: str) -> None:
    """A check that is skipped for want of its program would check nothing."""
    assert shutil.which(name)


def read_yaml(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))
    return found
