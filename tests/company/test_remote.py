"""A person whose host knows stdio alone, and a colleague: from the address to a change that both agree to."""

from pathlib import Path

import httpx
import pytest

from tests.company.remote import by_mcp_remote
from tests.company.topology import Company
from tests.processes.test_serving import Era
from tests.signin.signing_in import open_as
from tests.signin.test_approving import press
from tests.support import structured


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_a_host_that_knows_stdio_alone_signs_its_person_in_and_changes_what_a_colleague_approves(
    ours: Company, tmp_path: Path, era: Era
) -> None:
    address = f"{ours.address}/mcp"
    async with by_mcp_remote(address, "carol", ours.authority, tmp_path, era) as client:
        (sim,) = structured(await client.call_tool("list_sims", {"status": "activated", "per_page": 1}))["sims"]
        arguments = {"sims": [sim["iccid"]], "status": "suspended"}
        waiting = structured(await client.call_tool("set_sim_status", arguments))
        assert waiting["state"] == "waiting for approval"
        async with httpx.AsyncClient(timeout=30) as daves:
            page = await open_as(daves, "dave", waiting["approve_at"])
            assert "carol@example.com" in page.text
            assert "Approved" in (await press(daves, page, "approve")).text
        told = structured(await client.call_tool("continue_change", {"plan": waiting["plan"]}))
        assert told["counts"] == {"changed": 1}
        assert told["agreed"] == "a person, on the approval page: dave@example.com"
