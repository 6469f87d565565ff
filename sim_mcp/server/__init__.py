"""The server put together, and how it is reached, looked after and ended."""
