"""The tools that change SIMs: each plans, sees that a person agrees, and only then writes."""
