"""Who is signed in: until the time is over, or somebody ends it."""

from datetime import timedelta

from sim_mcp.changes.record.place import Place, open_record
from sim_mcp.server.approvals.sign_ins import SignIns
from tests.changes.policy.test_agreement import NOON, Clock


def test_a_sign_in_is_on_until_its_time_is_over_or_it_is_ended(place: Place) -> None:
    clock = Clock()
    kept, elsewhere = (SignIns(open_record(place), clock) for _ in range(2))
    assert not kept.is_on("a")
    for name in "ab":
        kept.begin(name, "issuer", name, name, NOON + timedelta(hours=1))
    assert elsewhere.is_on("a")
    assert not elsewhere.is_on("c")
    elsewhere.end("a")
    assert [kept.is_on(name) for name in "ab"] == [False, True]
    clock.time += timedelta(hours=1)
    assert not kept.is_on("b")
    assert kept.all() == []
    # What is over is not kept for ever.
    kept.begin("c", "issuer", "c", "c", clock.time + timedelta(hours=1))
    clock.time -= timedelta(minutes=30)
    assert [each.id for each in kept.all()] == ["c"]
