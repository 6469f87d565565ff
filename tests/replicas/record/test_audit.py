"""The audit, where the record is a database."""

from tests.changes.record.test_audit import (  # noqa: F401  # it runs here too, with a database.
    test_since_means_the_same_moment_in_every_zone,
)
