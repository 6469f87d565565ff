"""The scenarios of the sandbox: states of SIMs that support desks meet, one module per theme."""

from sim_mcp.sandbox.world.scenarios import lifecycle, limits, names, network, sessions
from sim_mcp.sandbox.world.scenarios.scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = tuple(
    sorted(
        (
            *lifecycle.SCENARIOS,
            *limits.SCENARIOS,
            *names.SCENARIOS,
            *network.SCENARIOS,
            *sessions.SCENARIOS,
        ),
        key=lambda scenario: scenario.place,
    )
)
