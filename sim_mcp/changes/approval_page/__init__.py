"""A page on this machine on which a person reads what would change and decides."""
