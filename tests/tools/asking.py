"""Questions about the sandbox's stories, and what of an answer stands outside its fence."""

import re
from datetime import UTC, datetime
from typing import Any

from mcp import Client
from mcp.types import CallToolResult

from tests.support import Fleet

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
FLEET_CALLS: list[tuple[str, dict[str, Any]]] = [
    ("summarize_sims", {"group_by": ["status"]}),
    ("summarize_sims", {"group_by": ["customer", "model"], "status": "activated", "top": 1}),
    ("summarize_sims", {"group_by": ["status"], "device": "nothing like this"}),
    ("find_sims", {"text": "8988 3030"}),
    ("find_sims", {"text": "nobody is called that"}),
    ("find_sims", {"text": "org2"}),
    ("list_sims", {"status": ["issued", "suspended"], "per_page": 2, "detail": "full"}),
    ("list_sims", {"activated_before": "2001-01-01"}),
]


async def asked(client: Client, fleet: Fleet, tool: str, story: str, **more: Any) -> CallToolResult:
    return await client.call_tool(tool, {"sim": fleet.scenarios[story]["iccid"], **more})


def unfenced(text: str) -> str:
    return re.sub(r"<(data-[0-9a-f]{8})>.*?</\1>", "", text, flags=re.DOTALL)
