"""Usage across many SIMs: read once, kept, ranked."""
