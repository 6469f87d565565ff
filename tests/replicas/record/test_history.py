"""Changes are found again, where the record is a database; what one server left, another goes on with."""

from tests.changes.record.test_history import (  # noqa: F401  # each runs here too, with a database.
    test_a_page_of_changes_says_how_many_there_are_and_how_to_see_the_next,
    test_a_sim_is_found_on_record_by_any_spelling_that_a_tool_understands,
    test_after_a_kill_the_audit_alone_tells_for_every_sim_whether_it_was_sent,
    test_changes_are_listed_by_how_they_stand_by_sim_and_by_time,
    test_continuing_reads_the_doubt_again_and_sends_only_what_was_never_sent,
    test_continuing_without_an_id_takes_the_only_open_one_or_lists_them,
    test_start_up_tells_of_what_is_open_in_the_log_and_reads_it_again,
    test_what_sims_were_before_is_told_so_that_it_can_be_undone,
    test_what_was_so_already_or_left_alone_is_done_and_continuing_says_so,
)
