"""The benchmark of shared limits runs, in short, so that it still does when somebody wants to know."""

from benchmarks import replicas


async def test_the_share_of_the_limits_is_told_for_each_number_of_servers() -> None:
    rows = await replicas.measure([2], 3.0, 0)
    assert [(row.what, row.compared) for row in rows] == [("2 servers, 10 a second for 3 s", "30 allowed")]
    # More than the limits allow would not have come through; how much of them it is, the machine decides.
    assert 0 < float(rows[0].ratio.split(" ")[0]) <= 1.1
