"""Tools that find, count and describe SIMs."""
