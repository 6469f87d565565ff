"""What lapses, lapses, where the record is a database."""

from tests.changes.test_agreement import *  # noqa: F403  # each runs here too, with a database.
