"""emnify's own Python SDK works with the sandbox: every method of it."""

import json
import os
import subprocess
import venv
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

from sim_mcp.sandbox import SandboxSettings
from tests.support import fleet_of

HERE = Path(__file__).parent
METHODS = 25


@pytest.fixture(scope="module")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the SDK alone, which needs an older pydantic than this project."""
    place = tmp_path_factory.mktemp("sdk")
    venv.create(place, with_pip=True)
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "-r", HERE / "requirements.txt"], check=True)
    return python


async def test_every_method_of_the_sdk_finds_what_it_expects(interpreter: Path) -> None:
    async with fleet_of(SandboxSettings(sims=200)) as fleet:
        environment = {
            **os.environ,
            "EMNIFY_SDK_API_ENDPOINT_URL": f"{fleet.world.base_url}/api",
            "SDK_TOKEN": fleet.world.tokens["enterprise"],
            "SDK_DEVICE": str(fleet.scenarios["healthy"]["device_id"]),
            "SDK_BIC": str(fleet.scenarios["batch_registrable"]["bic"]),
        }

        def call() -> str:
            command = [interpreter, HERE / "calls.py"]
            return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout

        results: dict[str, Any] = json.loads(await anyio.to_thread.run_sync(call))
    assert len(results) == METHODS
    assert {name: result for name, result in results.items() if "failed" in result} == {}
    assert results["devices.get_device_sms_list"]["found"] == ["reboot"]
    assert results["devices.get_device_operator_blacklist"]["found"] == ["Kyivstar"]
