"""A SIM on record is found by whatever names it, as in every other question."""

import pytest

from sim_mcp.changes.record.sim_matcher import match_sim

ITEM = {
    "sim_id": 166,
    "iccid": "89883030000067385937",
    "imsi": "295050999900095",
    "msisdn": "423663999900095",
    "device": "Pump 3 Gda\u0144sk, '2'",
}


@pytest.mark.parametrize(
    "said",
    [
        "166",
        "8988303000006738593",
        "ICCID: 8988 3030 0000 6738 5937",
        '="89883030000067385937"',
        "FF8988303000006738593",
        "6738593",
        "00423663999900095",
        "IMSI 295050999900095",
        "pump 3 GDA\u0143SK, '2'",
        "Pump\u00a03  Gdan\u0301sk, '2'",
        'Pump\u200b 3 Gda\u0144sk, "2"',
        "\"Pump 3 Gda\u0144sk, '2'\"",
    ],
)
def test_a_sim_on_record_goes_by_its_numbers_and_its_name_as_answers_show_it(said: str) -> None:
    assert match_sim(said)(ITEM, "")


@pytest.mark.parametrize("said", ["167", "Pump 3", "pump 3 gdansk, '2'", "295050999900096", "8.98830E+19", "\u200b"])
def test_another_name_or_number_is_not_taken_for_it(said: str) -> None:
    assert not match_sim(said)(ITEM, "")
    assert not match_sim(said)(ITEM | {"device": None}, "")
