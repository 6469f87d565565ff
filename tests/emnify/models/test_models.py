"""What emnify sends, has sent, documents, or might send one day: read as far as it can be read."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sim_mcp.emnify import Batch, DailyUsage, Device, Event, Label, Sim, SimRef, SimStatus, SimUsage
from sim_mcp.emnify.models import Connectivity, Quota
from sim_mcp.emnify.values import Record

RECORDED = json.loads(
    """{"id":250,"iccid":"8988303000000000129","production_date":"2015-03-06T11:15:57.000+0000",
    "activation_date":"2022-03-27T23:20:49.000+0000","status":{"id":1,"description":"Activated"},
    "customer_org":{"id":13886,"name":"Staging Sim Test","country":{"id":206,"name":"Ukraine"}},
    "issuer_org":{"id":2,"name":"org2","country":{"id":219,"name":"NonTerrestrial 883"}},
    "endpoint":{"id":11380016,"name":"syobg5zuaujrrc246gva","imei":null,"created":"2022-03-27T23:20:49.000+0000",
    "last_updated":"2022-03-27T23:20:49.000+0000","organisation_id":13886,"service_profile_id":438035,
    "tariff_profile_id":424560,"tags":null,"ip_address":"10.191.216.68","ip_address_space_id":24746},
    "imsi":"295050999900095","msisdn":"423663999900095","model":{"id":4,"description":"Classic","memory_size":128,
    "formfactor":{"id":6,"name":"1/2/3FF (3in1) "},"manufacturer":{"id":2,"name":"Bluefish"}}}"""
)
EVENT = json.loads(
    """{"timestamp":"2022-03-27T23:20:49.298Z","alert":false,"id":351732524384257,
    "description":"Status of SIM changed from 'Issued' to 'Activated'",
    "event_type":{"id":8,"description":"SIM activation"},"event_source":{"id":2,"description":"API"},
    "event_severity":{"id":0,"description":"Info"},"organisation":{"id":13886,"name":"x"},
    "sim":{"iccid":"8988303000000000129","id":250,"production_date":"2015-03-06T11:15:57.000Z"},
    "imsi":{"id":247,"import_date":"2015-03-06T11:18:06.000Z","imsi":"295050999900095"}}"""
)
MONTH = json.loads(
    """{"data":{"sim_id":166,"month":"2019-11-01T00:00:00.000Z","volume":"29.166235","volume_tx":"5.577229",
    "volume_rx":"23.589006","traffic_type_id":5,"last_updated":"2019-11-30T14:56:25.000Z","cost":"6.10483935",
    "currency_id":1,"id":1662019115,"traffic_type":{"description":"Data","unit":"MB","id":5},
    "currency":{"code":"EUR","symbol":"€","id":1}}}"""
)
RECORDS: list[type[Record]] = [
    Batch,
    Connectivity,
    Device,
    Event,
    Label,
    Quota,
    Sim,
    SimRef,
    SimUsage,
]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**17, 10**400)
    | st.floats()
    | st.text()
    | st.sampled_from(
        ["", " ", "TOTAL", "2026-11-22", "2026-11-22T08:00:00.000+0000", "9999-12-31T23:59:59-23:59", "1e999999"]
    )
    | st.sampled_from(["0E+999999999", "NaN", "-Infinity", "\ud800", "1_000", "٣", "1.5", "{'not': json}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def read_anything(record: type[Record], row: Any) -> Record | None:
    try:
        return record.model_validate(row)
    except ValidationError:
        return None


def names(record: type[Record]) -> list[str]:
    return [name for key, field in record.model_fields.items() for name in (key, field.alias or key)]


@given(st.sampled_from(RECORDS), st.data())
def test_any_json_in_any_field_is_read_and_only_a_missing_id_loses_the_record(
    record: type[Record], data: st.DataObject
) -> None:
    row = data.draw(st.dictionaries(st.sampled_from(names(record)), JSON), label="row")
    found = read_anything(record, row | {"id": 250})
    assert found is not None
    assert found.model_dump_json(warnings="error")
    repr(found)
    read_anything(record, row)


@pytest.mark.parametrize("half", ["\ud800", "SIM \udfff"])
def test_half_a_character_in_a_text_is_read_as_a_question_mark(half: str) -> None:
    batch = Batch.model_validate({"id": 1, "bic": half})
    assert batch.bic == f"{half[:-1]}?"
    assert batch.model_dump_json()


@given(JSON)
def test_an_answer_of_any_shape_is_read_or_refused_by_every_record(answer: Any) -> None:
    for record in RECORDS:
        read_anything(record, answer)


@given(JSON, JSON)
def test_usage_of_any_shape_gives_numbers_or_nothing(volume: Any, hour: Any) -> None:
    raw = {"current_month": {"data": {"volume": volume, "currency": hour}}, "last_hour": {"data": {"rx": hour}}}
    raw["last_hour"]["data"]["tx"] = [["06:38", volume], hour, ["06:39"]]
    usage = SimUsage.model_validate(raw)
    assert usage.last_hour_mb is None or usage.last_hour_mb == usage.last_hour_mb + 0
    assert usage.current_month is not None
    assert usage.current_month.data is not None
    assert usage.current_month.data.volume is None or usage.current_month.data.volume.is_finite()


@given(st.lists(JSON | st.fixed_dictionaries({"date": JSON, "data": JSON, "sms": JSON}), max_size=6))
def test_every_row_of_daily_usage_is_a_day_the_total_or_counted_as_unreadable(rows: list[Any]) -> None:
    daily = DailyUsage.read(rows)
    totals = [row for row in rows if isinstance(row, dict) and str(row.get("date")).strip().upper() == "TOTAL"]
    assert len(daily.days) + daily.unreadable + len(totals) == len(rows)
    assert list(daily.days) == sorted(daily.days, key=lambda day: day.date)


def test_a_recorded_sim_is_read_in_full() -> None:
    sim = Sim.model_validate(RECORDED)
    assert (sim.id, sim.iccid, sim.imsi, sim.msisdn) == (
        250,
        "8988303000000000129",
        "295050999900095",
        "423663999900095",
    )
    assert sim.known_status is SimStatus.ACTIVATED
    assert sim.production_date == datetime(2015, 3, 6, 11, 15, 57, tzinfo=UTC)
    assert sim.device is not None
    assert (sim.device.name, sim.device.imei) == ("syobg5zuaujrrc246gva", None)
    assert sim.customer_org is not None
    assert sim.customer_org.country is not None
    assert sim.customer_org.country.name == "Ukraine"
    assert sim.model is not None
    assert sim.model.formfactor == Label(id=6, description="1/2/3FF (3in1)")
    assert sim.printed_iccid == "89883030000000001294"


def test_the_id_alone_makes_a_sim() -> None:
    sim = Sim.model_validate({"id": 250})
    assert (sim.status_id, sim.known_status, sim.printed_iccid, sim.device) == (None, None, None, None)


@pytest.mark.parametrize(
    "key", ["activation_date", "endpoint", "reseller_org", "status", "model", "eid", "iccid_with_luhn"]
)
def test_null_means_the_same_as_absent(key: str) -> None:
    absent = {name: value for name, value in RECORDED.items() if name != key}
    assert Sim.model_validate(RECORDED | {key: None}) == Sim.model_validate(absent)


def test_unknown_ids_and_extra_fields_are_no_trouble() -> None:
    sim = Sim.model_validate(RECORDED | {"status": {"id": 9, "description": "Hibernated"}, "satellite": {"capable": 1}})
    assert sim.known_status is None
    assert sim.status == Label(id=9, description="Hibernated")
    event = Event.model_validate(EVENT | {"event_type": {"id": 777, "description": "Endpoint limit extension"}})
    assert event.type == Label(id=777, description="Endpoint limit extension")


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        ("2022-03-27T23:20:49.000+0000", datetime(2022, 3, 27, 23, 20, 49, tzinfo=UTC)),
        ("2022-03-27T23:20:49.298Z", datetime(2022, 3, 27, 23, 20, 49, 298000, tzinfo=UTC)),
        ("2014-08-01T08:47:00+0000", datetime(2014, 8, 1, 8, 47, tzinfo=UTC)),
        ("2021-10-06 10:42:58", datetime(2021, 10, 6, 10, 42, 58, tzinfo=UTC)),
        ("2021-10-27T08:38:02", datetime(2021, 10, 27, 8, 38, 2, tzinfo=UTC)),
        ("2021-10-27T10:38:02+02:00", datetime(2021, 10, 27, 8, 38, 2, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
    ],
)
def test_every_date_format_is_one_moment(said: str, moment: datetime | None) -> None:
    event = Event.model_validate(EVENT | {"timestamp": said})
    assert event.timestamp == moment
    assert moment is None or (event.timestamp is not None and event.timestamp.tzinfo is not None)
    assert Sim.model_validate(RECORDED | {"activation_date": said}).activation_date == moment


def test_a_recorded_event_is_read_in_full() -> None:
    event = Event.model_validate(EVENT)
    assert (event.id, event.alert, event.imsi) == (351732524384257, False, "295050999900095")
    assert event.type == Label(id=8, description="SIM activation")
    assert event.source == Label(id=2, description="API")
    assert event.severity == Label(id=0, description="Info")
    assert event.sim is not None
    assert event.sim.id == 250
    assert event.user is None
    assert event.device is None


def test_an_event_of_a_stream_reads_the_same() -> None:
    row = {
        "id": "12",
        "alert": 1,
        "event_source": {"id": 1, "name": "Policy Control"},
        "event_severity": {"id": 1, "name": "WARN"},
        "imsi": "295050999900095",
        "detail": "{expiryDate: 2022-07-31}",
        "user": {"id": 3, "name": "Ada", "username": "ada@example.com"},
        "sim": None,
    }
    event = Event.model_validate(row)
    assert (event.id, event.alert, event.imsi, event.detail) == (12, True, "295050999900095", None)
    assert event.source == Label(id=1, description="Policy Control")
    assert event.user == Label(id=3, description="Ada")


def test_usage_may_be_an_object_or_an_array_of_it() -> None:
    one = SimUsage.model_validate({"current_month": MONTH})
    assert one == SimUsage.model_validate([{"current_month": MONTH}])
    assert one == SimUsage.model_validate([{"current_month": MONTH}, {"last_hour": None}])
    assert one.current_month is not None
    assert one.current_month.data is not None
    assert one.current_month.sms is None
    assert one.current_month.data.volume == Decimal("29.166235")
    assert (one.current_month.data.rx, one.current_month.data.tx) == (Decimal("23.589006"), Decimal("5.577229"))
    assert (one.current_month.data.cost, one.current_month.data.currency) == (Decimal("6.10483935"), "EUR")


@pytest.mark.parametrize("nothing", [{}, [], None, [{}]])
def test_a_sim_without_traffic_has_no_months(nothing: Any) -> None:
    assert SimUsage.model_validate(nothing) == SimUsage()


def test_the_last_hour_is_summed_in_both_directions_strings_included() -> None:
    data = {"rx": [["06:38", 0], ["06:39", 0.1]], "tx": [["06:38", "0.2"], ["06:39"], None, ["06:40", None]]}
    assert SimUsage.model_validate({"last_hour": {"data": data}}).last_hour_mb == pytest.approx(0.3)
    assert SimUsage.model_validate({"last_hour": {"data": {}}}).last_hour_mb is None
    assert SimUsage.model_validate({"last_hour": {"data": {"rx": [["06:38", 10**400]]}}}).last_hour_mb is None


@pytest.mark.parametrize("volume", ["0.848157", 0.848157])
def test_the_total_row_is_no_day_and_not_counted_twice(volume: str | float) -> None:
    rows = [
        {"date": "2026-07-02T00:00:00.000Z", "data": {"volume": volume}},
        {"date": "2026-07-01", "data": {"volume": volume}, "sms": {"volume": "3.000000"}},
        {"date": "TOTAL", "data": {"volume": "1.696314"}, "sms": {"volume": "3.000000"}},
        {"date": "soon", "data": {"volume": "5"}},
    ]
    daily = DailyUsage.read(rows)
    assert [day.date for day in daily.days] == [date(2026, 7, 1), date(2026, 7, 2)]
    assert [day.data.volume for day in daily.days if day.data] == [Decimal("0.848157")] * 2
    assert daily.total is not None
    assert daily.total.data is not None
    assert daily.total.data.volume == Decimal("1.696314")
    assert daily.unreadable == 1


def test_a_batch_of_strings_has_numbers() -> None:
    batch = Batch.model_validate(
        {
            "sim_batch_status_id": "1",
            "bic": "#31F6E2S6XTR3NEY",
            "quantity": "10",
            "sim_model_id": "52",
            "customer_org_id": 13886,
            "issuer_org_id": "2",
            "id": 7,
            "status": {"id": "1", "description": "Delivered"},
        }
    )
    assert (batch.quantity, batch.sim_model_id, batch.issuer_org_id, batch.customer_org_id) == (10, 52, 2, 13886)
    assert batch.model_name == "model 52"
    assert batch.status == Label(id=1, description="Delivered")


def test_a_quota_of_strings_has_numbers_and_dates() -> None:
    quota = Quota.model_validate(
        {"status": {"id": "1", "description": "ACTIVE"}, "volume": 80.5, "expiry_date": "2022-07-31 00:00:00"}
    )
    assert (quota.volume, quota.status) == (Decimal("80.5"), Label(id=1, description="ACTIVE"))
    assert quota.expiry_date == datetime(2022, 7, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sent", "printed"),
    [
        ("4901542032375178", "490154203237518"),
        ("490154203237518", "490154203237518"),
        ("unknown", "unknown"),
        (None, None),
    ],
)
def test_an_imei_is_shown_as_printed_on_the_device(sent: str | None, printed: str | None) -> None:
    assert Device(id=1, imei=sent).printed_imei == printed
