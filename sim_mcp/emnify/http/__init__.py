"""How requests reach emnify: signed in, within its rate limits, retried, and with failures as exceptions."""
