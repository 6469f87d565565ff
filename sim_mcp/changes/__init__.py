"""Every write goes through here: planned, agreed, carried out once, read back."""
