"""Run `python -m sim_mcp` like `sim-mcp`."""

from sim_mcp.cli.commands import main

main(prog_name="sim-mcp")
