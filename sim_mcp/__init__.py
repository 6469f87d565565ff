"""An MCP server for emnify SIM cards."""

from importlib.metadata import version

__version__ = version("sim-mcp")
