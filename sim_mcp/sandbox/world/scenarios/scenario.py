"""What a scenario is: a SIM in a state that support desks meet."""

from collections.abc import Callable
from dataclasses import dataclass

from sim_mcp.sandbox.world.sim_builder import SimBuilder


@dataclass(frozen=True)
class Scenario:
    """Describe a SIM by how it differs from a fresh one."""

    place: int
    """Position among all scenarios, which its ICCID follows from; a new scenario takes the next free one."""
    key: str
    about: str
    apply: Callable[[SimBuilder], None]
    """Give a fresh SIM the status, device, events and usage of the scenario."""
