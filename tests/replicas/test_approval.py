"""A plan waits on a page, and only a person's click there carries it out, where the record is a database."""

from tests.changes.test_approval import *  # noqa: F403  # each runs here too, with a database.
