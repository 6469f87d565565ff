"""Why somebody was not let in."""


class RefusedTokenError(Exception):
    """A token is not good here; the message says why, in words of which there are few: they are counted.

    `detail` says more to who sent it and to the log.
    """

    def __init__(self, reason: str = "", detail: str = "") -> None:
        super().__init__(reason)
        self.detail = detail

    @property
    def words(self) -> str:
        """Return the reason and the detail."""
        return f"{self} ({self.detail})" if self.detail else str(self)


class IssuerAwayError(Exception):
    """The issuer's keys cannot be read now, so that no token of it can be checked; nothing is wrong with the token."""
