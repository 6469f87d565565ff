"""The commands of `sim-mcp`, and what a person sees in a terminal."""
