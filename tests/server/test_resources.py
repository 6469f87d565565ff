"""Resources that are not there are told as that, in both eras."""

from pathlib import Path
from typing import Literal

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS

from sim_mcp.server.app import build_server
from tests.support import Fleet


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_an_export_that_is_not_there_is_not_found(
    fleet: Fleet, tmp_path: Path, mode: Literal["legacy", "2026-07-28"]
) -> None:
    async with Client(build_server(fleet.settings(export_dir=tmp_path)), mode=mode) as client:
        with pytest.raises(MCPError) as refused:
            await client.read_resource("export://files/none.csv")
    assert refused.value.error.code == INVALID_PARAMS
    assert 'Resource not found. No export called "none.csv"' in refused.value.error.message
