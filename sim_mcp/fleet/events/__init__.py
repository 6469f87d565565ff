"""What happened to a SIM: events, sessions, a timeline."""
