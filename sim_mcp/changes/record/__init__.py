"""The durable record of plans, decisions, intents and outcomes, and the ways to read it."""
