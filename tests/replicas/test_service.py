"""How many SIMs may be changed, whoever asks at once, where the record is a database."""

from tests.changes.test_service import (  # noqa: F401  # each runs here too, with a database.
    crowded,
    test_a_batch_counts_as_many_sims_as_it_holds,
    test_many_deletions_together_stop_at_the_hours_limit,
    test_parallel_changes_share_the_hours_limit_and_go_on_when_it_frees_up,
    test_plans_kept_before_and_approved_after_count_too,
)
