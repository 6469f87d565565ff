"""Usage of many SIMs: read once, kept, ranked, searched for waste."""
