"""The last change that was sent for a SIM, where the record is a database."""

from tests.changes.record.test_last_change import (  # noqa: F401  # each runs here too, with a database.
    test_a_doubt_is_told_as_one_with_what_was_wanted,
    test_the_newest_that_was_sent_is_told_with_its_outcome,
    test_without_a_record_or_anything_sent_there_is_none,
)
