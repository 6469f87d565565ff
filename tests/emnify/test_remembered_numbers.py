"""Digits lead to the SIM they led to before: only where no other SIM can have come to them, and not for ever."""

import pytest

from sim_mcp.emnify import Candidate, Sim, parse_candidates
from sim_mcp.emnify.remembered_numbers import RememberedNumbers

ICCID = Candidate("iccid", "8988303000000000001")
IMSI = Candidate("imsi", "901430000000001")


@pytest.mark.parametrize("kind", ["eid", "imei", "ip", "device", "device_id", "id"])
def test_what_two_sims_may_have_or_a_sim_may_get_is_not_remembered(kind: str) -> None:
    numbers, number = RememberedNumbers(), Candidate(kind, "7")  # type: ignore[arg-type]  # the kinds are a literal.
    numbers.remember([number], number, 1)
    assert numbers.find([number]) is None


def test_digits_are_remembered_with_all_they_may_mean() -> None:
    numbers, dialled, bare = RememberedNumbers(), parse_candidates("+423663910"), parse_candidates("423663910")
    (number,) = [each for each in dialled if each.kind == "msisdn"]
    numbers.remember(dialled, number, 1)
    assert numbers.find(dialled) is not None
    assert numbers.find(bare) is None, "they may be a SIM id as well, which nobody has looked for"


def test_an_iccid_is_remembered_from_any_reading_however_it_is_written() -> None:
    numbers = RememberedNumbers()
    numbers.learn(Sim(id=1, iccid=ICCID.value))
    numbers.learn(Sim(id=2))
    for typed in (ICCID.value, "8988 3030 0000 0000 001", "8988-3030-0000-0000-001"):
        found = numbers.find(parse_candidates(typed))
        assert found is not None
        assert (found.number, found.sim_id) == (ICCID, 1)


def test_a_number_is_looked_for_anew_after_an_hour_or_when_it_is_forgotten() -> None:
    now = [0.0]
    numbers = RememberedNumbers(clock=lambda: now[0])
    numbers.remember([IMSI], IMSI, 1)
    now[0] = 3599.0
    assert numbers.find([IMSI]) is not None
    now[0] = 3600.0
    assert numbers.find([IMSI]) is None
    numbers.remember([IMSI], IMSI, 1)
    numbers.forget([IMSI])
    assert numbers.find([IMSI]) is None


def test_the_numbers_used_last_are_kept_and_no_more() -> None:
    numbers = RememberedNumbers()
    for sim in range(1, 20_101):
        numbers.learn(Sim(id=sim, iccid=f"89883030000{sim:08}"))
    assert numbers.find([Candidate("iccid", f"89883030000{100:08}")]) is None
    assert numbers.find([Candidate("iccid", f"89883030000{101:08}")]) is not None
