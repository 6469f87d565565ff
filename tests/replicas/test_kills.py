"""Changes of two servers that share a database, killed at any point of a bad day, end as the record says."""

from tests.chaos.test_kills import (  # noqa: F401  # it runs here too, with a database.
    test_two_servers_that_share_one_record_are_killed_and_nothing_is_sent_twice,
)
