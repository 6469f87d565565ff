"""The record of changes in PostgreSQL, for several servers that share it."""
