"""Tools that write files."""
