"""SIMs, their usage and their events in files of their own, outside the chat."""
