"""A small crowd for a few seconds: that of the benchmark, which 200 clients are for five minutes."""

from benchmarks.crowd import run

QUESTIONS = {"get_sim", "get_sim_usage", "list_sims", "summarize_sims", "find_sims", "set_sim_status"}


async def test_clients_of_both_eras_are_answered_right_by_either_server() -> None:
    tally = await run(clients=12, seconds=10, servers=2, thinks_s=0.5)
    assert (tally.wrong, tally.errors) == ([], [])
    assert {kind.split()[0] for kind in tally.kinds} == QUESTIONS
    for era in ("modern", "legacy"):
        assert sum(answers for kind, answers in tally.kinds.items() if kind.endswith(era)) > 0
    assert [len(held) > 1 for held in tally.memory_mib.values()] == [True, True]
