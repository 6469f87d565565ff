"""Diagnoses of the sandbox's stories."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sim_mcp.emnify import (
    EmnifyClient,
    Limits,
)
from sim_mcp.fleet.diagnosis.diagnosis import (
    Diagnosis,
    diagnose,
)
from sim_mcp.sandbox import SandboxSettings
from tests.fleet.diagnosis.building import (
    NOW,
)
from tests.support import Fleet, fleet_of


async def diagnosed(fleet: Fleet, client: EmnifyClient, key: str) -> Diagnosis:
    return await diagnose(client, await client.get_sim(fleet.scenarios[key]["sim_id"]))


@asynccontextmanager
async def spoilt() -> AsyncIterator[tuple[Fleet, EmnifyClient]]:
    """A sandbox that may be changed."""
    async with (
        fleet_of(SandboxSettings(sims=60, clock=NOW)) as fleet,
        EmnifyClient(
            base_url=fleet.world.base_url, application_token=fleet.world.tokens["enterprise"], limits=Limits()
        ) as client,
    ):
        yield fleet, client
