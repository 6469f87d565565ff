"""Each field of emnify's JSON is the field of ours that it should be, whichever way it is read."""

from typing import Any

import pytest

from sim_mcp.emnify import FlatSim, Sim, flat_sim, flatten

RAW: dict[str, Any] = {
    "id": 1,
    "iccid": "8988303000006000000",
    "imsi": "295050100000000",
    "msisdn": "423663100000000",
    "eid": "89" + "0" * 30,
    "status": {"id": 2, "description": " Suspended "},
    "endpoint": {"id": 3, "name": "Pump", "ip_address": "10.1.2.3", "imei": "3567201166216588", "tags": "a, b"},
    "customer_org": {"id": 4, "name": "Customer"},
    "reseller_org": {"id": 5, "name": "Reseller"},
    "issuer_org": {"id": 6, "name": "Issuer"},
    "model": {"id": 7, "description": "DIM", "formfactor": {"id": 8, "name": "3FF "}},
    "production_date": "2026-05-06T08:47:00.000+0000",
    "activation_date": "2026-06-15T15:34:21Z",
}
FLAT = FlatSim(
    id=1,
    iccid="89883030000060000004",
    iccid_19="8988303000006000000",
    imsi="295050100000000",
    msisdn="423663100000000",
    eid="89" + "0" * 30,
    status_id=2,
    status="Suspended",
    device_id=3,
    device="Pump",
    ip="10.1.2.3",
    imei="3567201166216588",
    tags="a, b",
    customer_id=4,
    customer="Customer",
    reseller_id=5,
    reseller="Reseller",
    issuer_id=6,
    issuer="Issuer",
    model="DIM",
    form_factor="3FF",
    produced="2026-05-06T08:47:00Z",
    activated="2026-06-15T15:34:21Z",
)
NOTHING = FlatSim(1, *[None] * (len(FLAT) - 1))


def test_every_field_is_where_it_belongs() -> None:
    assert flat_sim(RAW) == FLAT
    assert flatten(Sim.model_validate(RAW)) == FLAT


def test_what_is_absent_is_none() -> None:
    assert flat_sim({"id": 1}) == NOTHING
    assert flatten(Sim(id=1)) == NOTHING


@pytest.mark.parametrize(
    ("given", "field", "value"),
    [
        ({"iccid_with_luhn": "89883030000060000099"}, "iccid", "89883030000060000099"),
        ({"iccid_with_luhn": ""}, "iccid", "89883030000060000004"),
        ({"iccid": "898830300000600000"}, "iccid", "898830300000600000"),
        ({"status": {"id": 9}}, "status", None),
        ({"status": {"id": "2"}}, "status_id", 2),
        ({"status": {"id": 0, "description": "Issued"}}, "status_id", 0),
        ({"model": {"formfactor": {"id": 8}}}, "form_factor", "8"),
        ({"production_date": "2026-05-06T01:30:00+02:00"}, "produced", "2026-05-05T23:30:00Z"),
        ({"production_date": "2026-05-06"}, "produced", "2026-05-06T00:00:00Z"),
        ({"production_date": "9999-12-31T23:59:59-23:59"}, "produced", None),
        ({"production_date": "soon"}, "produced", None),
        ({"endpoint": None}, "device_id", None),
        ({"customer_org": {"id": "4", "name": "Customer"}}, "customer_id", 4),
        ({"customer_org": {"name": "without an id"}}, "customer", None),
    ],
)
def test_what_is_sent_in_another_way_is_understood(given: dict[str, Any], field: str, value: object) -> None:
    raw = RAW | given
    found = flat_sim(raw)
    assert found is not None
    assert getattr(found, field) == value
    assert found == flatten(Sim.model_validate(raw))


@pytest.mark.parametrize("raw", [None, [], {}, {"id": None}, {"id": "x"}, "8988303000006000000"])
def test_what_has_no_id_is_no_sim(raw: object) -> None:
    assert flat_sim(raw) is None


@pytest.mark.parametrize("number", [1, 2**63 - 1])
def test_any_id_that_a_database_can_hold_is_read(number: int) -> None:
    assert flat_sim({"id": number}) == NOTHING._replace(id=number)


def test_what_is_sent_as_it_is_documented_needs_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parsing with the model would take several times as long, and a fleet has a million SIMs."""
    monkeypatch.setattr(Sim, "model_validate", None)
    assert flat_sim(RAW) == FLAT
