"""The emnify REST API for SIM cards, as typed Python."""
