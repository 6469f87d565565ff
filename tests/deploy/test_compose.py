"""deploy/compose.yaml, as far as it can be shown without Docker: what it names is there, and means what it should."""

import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import pytest
import yaml

from sim_mcp.cli.commands import main
from sim_mcp.settings import Settings, read_settings
from tests.deploy.compose import DEPLOY, Compose, ComposeError
from tests.deploy.dockerfile import Image

SETTINGS = {str(field.alias) for field in Settings.model_fields.values()}
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
OURS = [name for name, service in SERVICES.items() if service.get("image") == "sim-mcp"]
OF_THE_OPERATOR = {"./certs", "./config"}


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    prepare(tmp_path)
    return tmp_path


def prepare(directory: Path) -> None:
    subprocess.run(["sh", DEPLOY / "sample/prepare", directory], check=True, capture_output=True)


def parsed(words: list[str]) -> click.Context:
    """Parse a command of `sim-mcp`; a word that it does not know is an error."""
    command = main.commands[words[0]]
    return command.make_context(words[0], words[1:], resilient_parsing=False)


@pytest.mark.parametrize("name", OURS)
def test_every_command_and_health_check_is_one_that_there_is(name: str) -> None:
    service = SERVICES[name]
    started = parsed(service["command"])
    check = service["healthcheck"]
    if check.get("disable"):
        return
    kind, program, *words = check["test"]
    assert (kind, program) == ("CMD", "sim-mcp")
    asked = parsed(words)
    # It asks the port that is served, and not emnify: a restart mends nothing there.
    assert (asked.params["port"], asked.params["alive"]) == (started.params["port"], True)
    assert service["stop_grace_period"] == "15s"


def test_the_servers_serve_alike_where_the_proxy_looks_for_them() -> None:
    servers = [name for name in OURS if SERVICES[name]["command"][0] == "serve"]
    assert len(servers) == 2
    assert SERVICES[servers[0]] == SERVICES[servers[1]]
    found = parsed(SERVICES[servers[0]]["command"]).params
    assert (found["http"], found["stateless"], found["host"]) == (True, True, "0.0.0.0")  # noqa: S104
    assert set(SERVICES["proxy"]["environment"].values()) == {f"{name}:{found['port']}" for name in servers}


def test_every_variable_is_one_that_the_service_reads() -> None:
    read_by = {
        "issuer": set(re.findall(r"[A-Z_]+", between("issuer/server.mjs", "const {", "process.env"))),
        "proxy": set(re.findall(r"presetenv (\w+)", (DEPLOY / "haproxy.cfg").read_text(encoding="utf-8"))),
        "sample": set(re.findall(r"presetenv (\w+)", (DEPLOY / "sample/haproxy.cfg").read_text(encoding="utf-8"))),
        "database": {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"},
        **dict.fromkeys(OURS, SETTINGS),
    }
    given = {name: set(service.get("environment", {})) for name, service in SERVICES.items()}
    assert {name: names - read_by[name] for name, names in given.items() if names} == {
        name: set() for name, names in given.items() if names
    }
    written = re.findall(r"(?m)^#?([A-Z_]+)=", (DEPLOY / ".env.example").read_text(encoding="utf-8"))
    others = {"POSTGRES_PASSWORD", "SSL_CERT_FILE", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_RESOURCE_ATTRIBUTES"}
    assert len(written) > 15
    assert set(written) - SETTINGS == others


def between(file: str, start: str, end: str) -> str:
    return (DEPLOY / file).read_text(encoding="utf-8").partition(start)[2].partition(end)[0]


def test_every_file_that_is_mounted_or_built_from_is_there_or_the_operators(prepared: Path) -> None:
    mounted = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    files = {source for source in mounted if source.startswith(".")} - OF_THE_OPERATOR
    assert len(files) > 3
    assert [source for source in files if not (DEPLOY / source).is_file()] == []
    assert [source for source in OF_THE_OPERATOR if not (prepared / source).is_dir()] == []
    for context in {service["build"]["context"] for service in SERVICES.values() if "build" in service}:
        image = Image(DEPLOY / context / "Dockerfile")
        assert [path for path in image.copied if not (DEPLOY / context / path).exists()] == []
        # A number: the file of users is of the image, and so is what a name in it means.
        assert [user for user in image.said("USER") if int(user) > 0] != []


def test_services_that_talk_to_each_other_share_a_network_and_the_record_is_inside_alone() -> None:
    def networks(name: str) -> set[str]:
        of = SERVICES[name].get("network_mode", "").removeprefix("service:") or name
        return set(SERVICES[of]["networks"])

    for name, service in SERVICES.items():
        text = yaml.safe_dump(service.get("environment", {}))
        for other in re.findall(rf"\b({'|'.join(SERVICES)}):\d", text):
            assert networks(name) & networks(other), (name, other)
    assert networks("database") == {"inside"}
    assert [name for name in SERVICES if "database" not in name and "database" in networks(name)] == []


def test_nothing_starts_without_a_password_for_the_database(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text((DEPLOY / ".env.example").read_text(encoding="utf-8"))
    with pytest.raises(ComposeError, match=r"POSTGRES_PASSWORD is missing a value: set it in deploy/\.env"):
        Compose(tmp_path)


def test_no_file_holds_a_secret_and_each_preparation_makes_its_own(tmp_path: Path) -> None:
    example = (DEPLOY / ".env.example").read_text(encoding="utf-8")
    assert re.findall(r"(?m)^#?\w*(?:TOKEN|SECRET|KEY|PASSWORD)=.+", example) == []
    secrets = []
    for name in ("one", "two"):
        made = tmp_path / name
        made.mkdir()
        prepare(made)
        assert stat.S_IMODE((made / ".env").stat().st_mode) == 0o600
        variables = Compose(made).variables
        names = [each for each in variables if each.endswith(("_SECRET", "_SESSION_KEY", "_PASSWORD"))]
        assert len(names) == 3
        secrets += [variables[each] for each in names]
    assert len(set(secrets)) == 6


def test_what_is_there_is_not_prepared_over(prepared: Path) -> None:
    before = (prepared / ".env").read_text()
    done = subprocess.run(["sh", DEPLOY / "sample/prepare", prepared], check=False, capture_output=True, text=True)
    assert (done.returncode, "Nothing was made" in done.stderr) == (1, True)
    assert (prepared / ".env").read_text() == before


def test_the_sample_is_of_settings_that_are_accepted_and_of_people_who_sign_in(prepared: Path) -> None:
    settings = read_settings({}, named=prepared / ".env")
    assert settings.may_write
    assert settings.approval_page
    assert settings.approvals_url == "https://sims.localhost:8443/approvals"


def test_the_sample_is_reached_inside_and_outside_by_the_same_names_and_ports(prepared: Path) -> None:
    variables = Compose(prepared).variables
    login, emnify = urlsplit(variables["SIM_MCP_ISSUER"]), urlsplit(variables["EMNIFY_BASE_URL"])
    sample = SERVICES["sample"]
    assert sample["networks"]["inside"]["aliases"] == [login.hostname, emnify.hostname]
    # Outside the issuer alone is wanted, by this machine alone.
    assert sample["ports"] == [f"127.0.0.1:{login.port}:{login.port}"]
    listening = (DEPLOY / "sample/haproxy.cfg").read_text(encoding="utf-8")
    assert f"presetenv LISTEN_LOGIN *:{login.port}\n" in listening
    assert f"presetenv LISTEN_EMNIFY *:{emnify.port}\n" in listening
    sims = urlsplit(variables["SIM_MCP_PUBLIC_URL"])
    assert SERVICES["proxy"]["ports"] == [f"{sims.port}:{sims.port}"]


def test_only_the_sample_is_a_sample() -> None:
    chosen = {name for name, service in SERVICES.items() if service.get("profiles") == ["sample"]}
    assert chosen == {"issuer", "sample", "emnify"}
    for name, service in SERVICES.items():
        if name not in chosen:
            assert chosen.isdisjoint(service.get("depends_on", [])), name


def test_the_certificate_of_the_sample_is_good_for_its_names(prepared: Path) -> None:
    variables = Compose(prepared).variables
    for name in ("SIM_MCP_PUBLIC_URL", "SIM_MCP_ISSUER", "EMNIFY_BASE_URL"):
        host = urlsplit(variables[name]).hostname
        subprocess.run(
            ["openssl", "verify", "-CAfile", "config/ca.pem", "-verify_hostname", str(host), "certs/sim-mcp.pem"],
            cwd=prepared,
            env=os.environ,
            check=True,
            capture_output=True,
        )


DOCUMENT = (DEPLOY.parent / "docs/operating.md").read_text(encoding="utf-8")
IN_SHELL = "\n".join(re.findall(r"```sh\n(.*?)```", DOCUMENT, re.DOTALL))


def test_what_the_document_has_docker_do_names_services_and_profiles_that_there_are() -> None:
    told = re.findall(r"docker compose -f deploy/compose\.yaml ([^`#\n]+)", DOCUMENT)
    assert len(told) > 8
    profiles = {profile for service in SERVICES.values() for profile in service.get("profiles", [])}
    for line in told:
        words = line.split()
        if words[0] == "--profile":
            assert words[1] in profiles
            words = words[2:]
        assert words[0] in {"up", "down", "ps", "exec", "kill"}, line
        if words[0] in {"exec", "kill"}:
            (service,) = [word for word in words[1:] if word in SERVICES][:1] or [None]
            assert service, line
    short = re.findall(r"`(?:exec -T|stop|start) ([^`]+)`", DOCUMENT)
    assert {word for line in short for word in line.split() if word.startswith("server-")} == {"server-1", "server-2"}


def test_every_command_of_ours_in_the_document_is_one() -> None:
    lines = re.findall(r"(?m)(?:^|bin/|server-\d )sim-mcp ([^#\n&|;]+)", IN_SHELL)
    assert len(lines) > 10
    for line in lines:
        group: click.Command = main
        words = line.split()
        while isinstance(group, click.Group) and words and words[0] in group.commands:
            group = group.commands[words.pop(0)]
        context = group.make_context(str(group.name), list(words), resilient_parsing=False)
        assert not isinstance(group, click.Group), context
