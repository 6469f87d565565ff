"""What one server changed, no other answers from what it read before."""

import pytest
from mcp import Client
from pydantic import SecretStr

from sim_mcp.emnify.http.shared_reads import SharedReads
from sim_mcp.server.app import build_server
from sim_mcp.settings import Confirm
from tests.replicas.database import heard_by_somebody
from tests.support import Fleet, structured


async def test_a_sim_that_another_server_changed_is_read_anew_however_soon(
    fleet: Fleet, place: SecretStr, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However slow the machine is, what was read before would do.
    defaults = SharedReads.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "reused_for_s", 600.0)
    iccid = fleet.scenarios["healthy"]["iccid"]
    settings = fleet.settings(confirm=Confirm.HOST)
    async with Client(build_server(settings)) as here, Client(build_server(settings)) as elsewhere:
        for _ in range(2):  # the second time by its id, as from then on.
            assert structured(await here.call_tool("get_sim", {"sim": iccid}))["status"] == "Activated"
        await heard_by_somebody(place, servers=2)
        done = structured(await elsewhere.call_tool("set_sim_status", {"sims": [iccid], "status": "suspended"}))
        assert done["counts"] == {"changed": 1}
        assert structured(await here.call_tool("get_sim", {"sim": iccid}))["status"] == "Suspended"
