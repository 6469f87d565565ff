"""Tools that tell what happened to a SIM, and why it behaves as it does."""
