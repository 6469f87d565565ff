"""What lapses, lapses, where the record is a database.

Two tests are left out: they go on with a second server while emnify has the first wait, and here all servers wait.
"""

from tests.changes.policy.test_agreement import (  # noqa: F401  # each runs here too, with a database.
    slow,
    test_a_clock_that_goes_back_gains_nobody_time,
    test_a_clock_that_goes_back_revives_nothing,
    test_a_plan_that_waits_is_decided_by_the_policy_of_the_day,
    test_only_what_was_sent_is_begun,
    test_plans_nobody_agreed_to_are_thinned_out_and_that_they_were_made_stays,
    test_the_hour_of_the_limit_is_no_shorter_for_a_clock_that_went_back,
    test_time_that_passes_while_the_clock_stands_still_counts,
    test_what_is_larger_than_a_change_may_be_by_now_is_not_gone_on_with,
    test_what_is_left_of_a_change_wants_a_new_yes_after_a_day,
    test_what_the_policy_forbids_by_now_is_not_gone_on_with,
)
from tests.changes.policy.test_limit import (  # noqa: F401  # as above.
    test_a_limit_looks_back_as_far_as_it_says,
    test_beyond_what_may_be_changed_without_asking_a_person_is_asked,
    test_one_persons_limit_is_not_anothers,
    test_what_is_left_beyond_the_limit_waits_for_a_yes,
    test_what_was_sent_counts_by_who_asked_for_what_and_where,
)
