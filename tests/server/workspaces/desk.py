"""A desk with two workspaces, each an emnify of its own: the same SIMs by number, whose devices bear its mark."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from sim_mcp.sandbox import SandboxSettings
from sim_mcp.server.signin.key_file import KeyFile
from sim_mcp.settings import Settings, read_settings
from tests.server.signin.issuing import RESOURCE
from tests.support import Fleet, fleet_of

NAMES = ("acme", "borg")


def mark_of(name: str) -> str:
    """What stands in the name of each device of a workspace, and nowhere else."""
    return f"canary-{name}"


@dataclass
class Desk:
    """Two fleets, where what is kept about them lies, and the file that names them."""

    fleets: dict[str, Fleet]
    directory: Path
    variables: dict[str, str] = field(default_factory=dict)
    grants: dict[str, str] = field(default_factory=dict)
    """Lines of TOML that say who may use a workspace."""

    @property
    def exports(self) -> Path:
        return self.directory / "exports"

    def write(self) -> Path:
        """Write the file of workspaces."""
        file = self.directory / "workspaces.toml"
        lines = [
            f'[[workspace]]\nname = "{name}"\nbase_url = "{fleet.world.base_url}"\n'
            f'token_file = "{self.token_file(name)}"\n{self.grants.get(name, "")}\n'
            for name, fleet in self.fleets.items()
        ]
        file.write_text("\n".join(lines))
        return file

    def token_file(self, name: str) -> Path:
        return self.directory / f"{name}.token"

    def settings(self, **chosen: Any) -> Settings:
        read = read_settings(
            {
                "SIM_MCP_WORKSPACES": str(self.write()),
                "SIM_MCP_STATE_DIR": str(self.directory),
                "SIM_MCP_EXPORT_DIR": str(self.exports),
                "SIM_MCP_APPROVAL_WAIT": "0",
                "SIM_MCP_PUBLIC_URL": RESOURCE.removesuffix("/mcp"),
                **self.variables,
            },
            self.directory / "none.env",
        )
        return read.model_copy(update=chosen)

    async def changed(self, name: str) -> list[dict[str, Any]]:
        """What was written to the SIMs of a workspace."""
        return [sent for sent in await self.fleets[name].writes() if "/api/v1/sim" in sent["path"]]

    def key(self, name: str, *scopes: str, workspaces: tuple[str, ...] | None = None) -> str:
        """Give out a key."""
        granted: Any = frozenset(scopes or ("sims:read", "sims:write", "sims:delete", "sims:approve"))
        only = None if workspaces is None else frozenset(workspaces)
        return KeyFile(self.directory / "keys.json").add(name, granted, only)


@asynccontextmanager
async def desk_of(directory: Path) -> AsyncIterator[Desk]:
    async with (
        fleet_of(SandboxSettings(sims=60, seed=1)) as first,
        fleet_of(SandboxSettings(sims=60, seed=2)) as second,
    ):
        desk = Desk(dict(zip(NAMES, (first, second), strict=True)), directory)
        desk.exports.mkdir()
        async with anyio.create_task_group() as group:
            for name, fleet in desk.fleets.items():
                desk.token_file(name).write_text(f"{fleet.world.tokens['enterprise']}\n")
                group.start_soon(_mark, name, fleet)
        yield desk


async def _mark(name: str, fleet: Fleet) -> None:
    devices = (await fleet.api("GET", "/endpoint?per_page=500", role="enterprise")).json()
    for device in devices:
        named = {"name": f"{mark_of(name)} {device['id']}"}
        done = await fleet.api("PATCH", f"/endpoint/{device['id']}", role="enterprise", json=named)
        assert done.is_success, done.text
