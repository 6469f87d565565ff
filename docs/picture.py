"""Draw the picture of the README from a sandbox: what is asked, what is called, what comes back.

python docs/picture.py [FILE]   # without a file: docs/picture.svg
"""

import io
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
from mcp import Client
from mcp.types import TextContent
from pydantic import SecretStr
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from sim_mcp.sandbox import Sandbox, SandboxSettings, running
from sim_mcp.server.app import build_server
from sim_mcp.settings import Settings

WIDTH = 110
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
QUESTIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("Why is Tracker Gdańsk 7 offline?", "diagnose_sim", {"sim": "Tracker Gdańsk 7"}),
    ("Then suspend it.", "set_sim_status", {"sims": ["Tracker Gdańsk 7"], "status": "suspended"}),
)
_FENCE = re.compile(r"^</?data-.*$\n?", re.MULTILINE)
_ADDRESS = re.compile(r"(http://127\.0\.0\.1)\S*")
_FONTS = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)


async def draw() -> str:
    """Return the picture as SVG, without anything fetched from elsewhere."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    with TemporaryDirectory() as state:
        async with running(SandboxSettings(clock=NOON)) as world:
            await _talk(console, Path(state), world)
    return console.export_svg(title="sim-mcp, on made-up SIMs", code_format=_FONTS.sub("", CONSOLE_SVG_FORMAT))


async def _talk(console: Console, state: Path, world: Sandbox) -> None:
    settings = Settings(
        base_url=world.base_url,
        application_token=SecretStr(world.tokens["enterprise"]),
        state_dir=state,
        approval_wait_s=0,
    )
    async with Client(build_server(settings)) as client:
        for question, tool, arguments in QUESTIONS:
            console.print(Text(f"“{question}”", style="bold cyan"))
            console.print(Text(f"→ {tool}({', '.join(f'{k}={v!r}' for k, v in arguments.items())})", style="dim"))
            result = await client.call_tool(tool, arguments)
            text = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
            console.print(Text(_ADDRESS.sub(r"\1…", _FENCE.sub("", text))))
            console.print()


if __name__ == "__main__":
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_suffix(".svg")
    file.write_text(anyio.run(draw), encoding="utf-8")
