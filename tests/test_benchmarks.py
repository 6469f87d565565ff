"""What keeps the measurements fair: the peer is given all that the sandbox has, described without holes."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from benchmarks.common import times
from sim_mcp.sandbox import SandboxSettings, running

DESCRIPTION = Path(__file__).parents[1] / "benchmarks" / "emnify-openapi.yaml"


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(DESCRIPTION.read_text("utf-8"))
    return read


def operations(described: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
        if method != "parameters"
    }


def parts(value: Any) -> list[dict[str, Any]]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return ([value] if isinstance(value, dict) else []) + [part for each in inner for part in parts(each)]


async def test_the_peer_is_told_of_every_route_the_sandbox_has(described: dict[str, Any]) -> None:
    async with running(SandboxSettings(sims=40)) as world, httpx.AsyncClient(base_url=world.base_url) as http:
        routes = (await http.get("/sandbox")).json()["routes"]
    asked = {re.sub(r"\{\w+\}", "{}", route) for route in routes if "authenticate" not in route}
    assert {re.sub(r"\{\w+\}", "{}", name) for name in operations(described)} == asked


def test_the_peer_is_told_what_each_operation_does_and_answers(described: dict[str, Any]) -> None:
    for name, operation in operations(described).items():
        assert operation["operationId"], name
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["responses"], name


def test_the_description_has_no_holes(described: dict[str, Any]) -> None:
    for part in parts(described):
        assert None not in part.values(), part
        if "$ref" in part:
            found: Any = described
            for step in part["$ref"].removeprefix("#/").split("/"):
                found = found[step]


@pytest.mark.parametrize(
    ("ratio", "said"),
    [(0, "0.00 x"), (0.000912, "0.00091 x"), (0.0218, "0.022 x"), (0.5, "0.50 x"), (1.017, "1.02 x"), (248.3, "248 x")],
)
def test_ratios_are_told_with_two_digits_that_count(ratio: float, said: str) -> None:
    assert times(ratio) == said
