"""Batches of SIMs, registered or waiting for it."""

from dataclasses import dataclass

from sim_mcp.sandbox.world.catalogue import ENTERPRISE_ORG, OTHER_ORG


@dataclass(frozen=True)
class Batch:
    """A batch of SIMs: its BIC, its owner and its size."""

    key: str
    about: str
    bic: str
    customer: int | None
    size: int


BATCHES = (
    Batch("batch_registrable", "a batch of ten SIMs that can be registered", "#31F6E2S6XTR3NEY", None, 10),
    Batch("batch_second", "another batch that can be registered, of three SIMs", "#7K2M9QWE4RTZ8AB", None, 3),
    Batch("batch_registered", "a batch this customer has registered already", "#5A1BC2DE3FG4HJ5", ENTERPRISE_ORG, 4),
    Batch("batch_foreign", "a batch that belongs to another customer", "#9Z8YX7WV6UT5SR4", OTHER_ORG, 4),
)
UNKNOWN_BIC = "#0000AAAA1111BBB"
"""A well-formed BIC of no batch."""
