"""A fleet of 100,000 SIMs behind the published limits: what people ask takes one or two calls.

That none of it meets a 429 needs a machine that does nothing else: `benchmarks/` tell that, and in virtual time
`tests/emnify/limits/test_pacer.py`.
"""

import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from mcp import Client

from sim_mcp.sandbox import SandboxSettings
from sim_mcp.server.app import build_server
from tests.support import Fleet, fleet_of, structured, text_of

SIMS = 100_000


@pytest.fixture
async def large() -> AsyncIterator[Fleet]:
    async with fleet_of(SandboxSettings(sims=SIMS, limits=True)) as made:
        yield made


async def test_a_mornings_questions_take_a_call_or_two_each(large: Fleet, tmp_path: Path) -> None:
    ((in_store,),) = large.world.store.rows("SELECT count(*) FROM sim WHERE status = 2")
    async with Client(build_server(large.settings(role="issuer", export_dir=tmp_path))) as client:

        async def ask(tool: str, **arguments: object) -> dict[str, object]:
            result = await client.call_tool(tool, arguments)
            if "same call picks it up" in text_of(result):
                result = await client.call_tool(tool, arguments)
            return structured(result)

        by_both = await ask("summarize_sims", group_by=["status", "customer"])
        rows = by_both["groups"]
        assert isinstance(rows, list)
        assert sum(row["sims"] for row in rows) == by_both["total"]
        assert by_both["total"] == SIMS + 21

        testing = await ask("rank_sims_by_usage", customer="Kontrast Aufzüge", status="factory_test", top=10)
        assert "complete" in str(testing)

        waste = await ask("find_waste", customer="Kontrast Aufzüge")
        assert "no_device" in str(waste)

        for scenario in ("wrong_apn", "went_silent", "quota_exhausted"):
            diagnosis = await ask("diagnose_sim", sim=large.scenarios[scenario]["iccid"])
            findings = diagnosis["findings"]
            assert isinstance(findings, list)
            assert findings

        exported = await ask("export_sims", status="suspended")
        text = await anyio.Path(str(exported["path"])).read_text(encoding="utf-8-sig")
        suspended = list(csv.DictReader(io.StringIO(text, newline="")))
        assert {row["status"] for row in suspended} == {"Suspended"}
        assert len(suspended) == exported["rows"] == in_store
