"""The diagnosis of a SIM: evidence read from many sources at once, and small rules applied to it."""
