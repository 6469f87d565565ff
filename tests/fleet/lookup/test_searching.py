"""A number that was found before is read by its id, and checked; whatever does not fit is searched for again."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sim_mcp.emnify import EmnifyClient, Limits, asked_by, for_a_change
from sim_mcp.fleet.lookup.failures import AmbiguousSimError, SimNotFoundError
from sim_mcp.fleet.lookup.sims import find_sim
from tests.emnify.upstream import Reply, Seen, Upstream, upstream_running

ICCID, IMSI, EID = "8988303000000000001", "901430000000001", "89" + "0" * 30


class Workspace(Upstream):
    """Answer as emnify would for these SIMs: by id, and by part of a number."""

    def __init__(self) -> None:
        super().__init__()
        self.sims: dict[int, dict[str, Any]] = {}

    def put(self, sim_id: int, device: str | None = None, **numbers: str) -> None:
        self.sims[sim_id] = {"id": sim_id, "status": {"id": 1}, **numbers}
        if device is not None:
            self.sims[sim_id]["endpoint"] = {"id": 1000 + sim_id, "name": device}

    def _reply(self, seen: Seen) -> Reply:
        signed_in = super()._reply(seen)
        if seen.target == "/api/v1/authenticate":
            return signed_in
        url = urlsplit(seen.target)
        if url.path == "/api/v1/sim":
            return Reply(json=[sim for sim in self.sims.values() if self._fits(sim, url.query)])
        if url.path == "/api/v1/endpoint":
            devices = [sim["endpoint"] | {"sim": {"id": sim["id"]}} for sim in self.sims.values() if "endpoint" in sim]
            return Reply(json=[each for each in devices if self._fits(each, url.query)])
        sim = self.sims.get(int(url.path.rsplit("/", 1)[1]))
        return Reply(404) if sim is None else Reply(json=sim)

    @staticmethod
    def _fits(record: dict[str, Any], query: str) -> bool:
        field, _, value = parse_qs(query)["q"][0].partition(":")
        return value in record.get(field, "")

    def paths(self) -> list[str]:
        """The paths asked for since this was asked last."""
        paths = [urlsplit(seen.target).path for seen in self.calls]
        self.calls.clear()
        return paths


@pytest.fixture
async def workspace() -> AsyncIterator[Workspace]:
    async with upstream_running(upstream=Workspace()) as made:
        assert isinstance(made, Workspace)
        yield made


@pytest.fixture
async def client(workspace: Workspace) -> AsyncIterator[EmnifyClient]:
    async with EmnifyClient(base_url=workspace.base_url, application_token="t", limits=Limits()) as made:
        yield made


async def test_what_was_found_by_a_number_is_read_by_its_id_from_then_on(
    workspace: Workspace, client: EmnifyClient
) -> None:
    workspace.put(1, iccid=ICCID, imsi=IMSI, msisdn="423663910")
    for number, searches in ((IMSI, 2), ("+423663910", 1), (ICCID, 0)):
        assert (await find_sim(client, number)).id == 1
        assert workspace.paths() == ["/api/v1/sim"] * searches or not searches
        assert (await find_sim(client, number)).id == 1
        assert workspace.paths() == ["/api/v1/sim/1"], "read as it is now, and not searched for"


@pytest.mark.parametrize("moved", ["gone", "another number", "deleted"])
async def test_a_number_that_its_sim_no_longer_has_is_searched_for_again(
    workspace: Workspace, client: EmnifyClient, moved: str
) -> None:
    workspace.put(1, iccid=ICCID, imsi=IMSI)
    await find_sim(client, IMSI)
    workspace.put(1, iccid=ICCID, imsi="901430000000009")
    if moved == "gone":
        del workspace.sims[1]
    elif moved == "deleted":
        workspace.sims[1] = {"id": 1, "iccid": ICCID, "status": {"id": 3}}
    workspace.put(2, iccid="8988303000000000002", imsi=IMSI)
    assert (await find_sim(client, IMSI)).id == 2
    workspace.paths()
    assert (await find_sim(client, IMSI)).id == 2
    assert workspace.paths() == ["/api/v1/sim/2"]
    del workspace.sims[2]
    with pytest.raises(SimNotFoundError):
        await find_sim(client, IMSI)


@pytest.mark.parametrize("shared", ["Pumpe 7", EID])
async def test_a_second_sim_of_the_same_device_name_or_chip_is_never_overlooked(
    workspace: Workspace, client: EmnifyClient, shared: str
) -> None:
    named: dict[str, Any] = {"eid": shared} if shared == EID else {"device": shared}
    workspace.put(1, iccid=ICCID, **named)
    assert (await find_sim(client, shared)).id == 1
    workspace.put(2, iccid="8988303000000000002", **named)
    with pytest.raises(AmbiguousSimError, match="2 SIMs go by"):
        await find_sim(client, shared)


async def test_to_change_a_sim_only_its_iccid_leads_to_it_unsearched(
    workspace: Workspace, client: EmnifyClient
) -> None:
    workspace.put(1, iccid=ICCID, imsi=IMSI)
    with asked_by("anna"):
        await find_sim(client, IMSI)
    with for_a_change():
        workspace.paths()
        await find_sim(client, ICCID)
        assert workspace.paths() == ["/api/v1/sim/1"]
        await find_sim(client, IMSI)
        assert workspace.paths() == ["/api/v1/sim", "/api/v1/sim"]
