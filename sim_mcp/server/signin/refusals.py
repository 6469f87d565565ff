"""Why somebody was not let in."""


class RefusedTokenError(Exception):
    """A token is not good here; the message says why in a few words that hold nothing of it."""


class IssuerAwayError(Exception):
    """The issuer's keys cannot be read now, so that no token of it can be checked; nothing is wrong with the token."""
