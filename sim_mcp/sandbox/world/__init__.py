"""The content of a sandbox: SIMs, their traffic and events, scenarios, and the clock."""
