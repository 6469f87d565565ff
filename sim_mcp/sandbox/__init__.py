"""A local emnify: the SIM API over real HTTP on made-up SIMs, for trials, tests and demonstrations."""

from sim_mcp.sandbox.faults import Fault, Faults
from sim_mcp.sandbox.server import Sandbox, running, serve
from sim_mcp.sandbox.settings import SandboxSettings, Unknowns
from sim_mcp.sandbox.world.world import WorldMismatchError

__all__ = ["Fault", "Faults", "Sandbox", "SandboxSettings", "Unknowns", "WorldMismatchError", "running", "serve"]
