"""How requests reach emnify: signed in, within its limits, tried again, and their failures named."""
