"""Who is signed in, where the record is a database."""

from tests.cli.test_sessions import (  # noqa: F401  # as above.
    test_everybodys_are_ended_only_where_that_is_said,
    test_the_sign_ins_of_a_subject_are_ended_and_others_stay,
)
from tests.server.approvals.test_sign_ins import (  # noqa: F401  # each runs here too, with a database.
    test_a_sign_in_is_on_until_its_time_is_over_or_it_is_ended,
)
