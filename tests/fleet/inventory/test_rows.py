"""A SIM reads the same whether it is taken apart quickly or goes through the lenient models."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from sim_mcp.emnify import Sim
from sim_mcp.fleet.inventory.rows import Names, Row, row_of_json, row_of_sim
from sim_mcp.fleet.lookup.folding import fold

PLAIN: dict[str, Any] = {
    "id": 2500000,
    "iccid": "8988303000006000000",
    "iccid_with_luhn": "89883030000060000004",
    "production_date": "2026-05-06T08:47:00.000+0000",
    "activation_date": "2026-06-15T15:34:21Z",
    "status": {"id": 1, "description": "Activated"},
    "customer_org": {"id": 13886, "name": "Alpenwerk Devices"},
    "reseller_org": {"id": 9100, "name": "Nordlicht"},
    "issuer_org": {"id": 2, "name": "org2"},
    "endpoint": {"id": 11380000, "name": "Zürich Ölpumpe", "ip_address": "10.128.0.0"},
    "imsi": "295050100000000",
    "msisdn": "423663100000000",
    "eid": "89" + "0" * 30,
    "model": {"id": 52, "description": "DIM", "formfactor": {"id": 3, "name": " 3FF "}},
}
ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 5),
    st.sampled_from([2**63, 10**40, 1.0, 2.5, "", " ", "7", "x", "\ud800", "0", [], {}, [1]]),
    st.sampled_from(["2026-02-30T00:00:00Z", "2026-11-22", "2026-11-22T10:00:00+02:00", "1999-12-31T25:00:00Z"]),
    st.sampled_from([{"id": 4}, {"id": "5", "name": "n"}, {"id": 6, "description": None, "name": "n"}, {"name": "n"}]),
    st.sampled_from([{"id": 8, "description": 9}, {"id": 3, "name": "\ud800"}, {"id": -1, "name": "minus"}]),
)


def through_the_models(raw: Any) -> tuple[Row | None, Names]:
    names: Names = {}
    try:
        return row_of_sim(Sim.model_validate(raw), names), names
    except ValidationError:
        return None, {}


@given(st.dictionaries(st.sampled_from(sorted(PLAIN)), ODD, max_size=3), st.sets(st.sampled_from(sorted(PLAIN))))
@example({}, set())
def test_whatever_emnify_sends_reads_as_the_models_read_it(odd: dict[str, Any], absent: set[str]) -> None:
    raw = {key: value for key, value in (PLAIN | odd).items() if key not in absent}
    names: Names = {}
    row = row_of_json(raw, names)
    assert (row, names if row else {}) == through_the_models(raw)


def test_what_is_no_sim_is_none() -> None:
    nothings: list[Any] = [None, 3, "SIM", [], {}, {"id": None}, {"id": "x"}, {"iccid": "8988"}]
    for raw in nothings:
        assert row_of_json(raw, {}) is None


@pytest.mark.parametrize(
    ("written", "typed"), [("İzmir 5", "izmir 5"), ("STRASSE", "straße"), ("Cafe\u0301", "CAFÉ"), ("ПОМПА", "помпа")]
)
def test_names_compare_whatever_their_case_and_however_accents_are_written(written: str, typed: str) -> None:
    assert fold(written) == fold(typed)
