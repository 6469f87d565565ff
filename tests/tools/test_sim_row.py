"""A SIM as a row: its names in full, or once for all rows."""

from sim_mcp.tools.sim_row import build_sim_row, extract_customer, note_cut_names, render_sim_row
from tests.tools.usage.calls import fleet_sim


def test_a_row_has_what_is_known() -> None:
    bare = build_sim_row(fleet_sim(1, iccid=None), status=False)
    assert bare.wire() == {"iccid": "id 1"}
    assert render_sim_row(bare) == "id 1 no device"
    row = build_sim_row(fleet_sim(1, device="x" * 61, device_id=5, customer="\u200b", customer_id=6))
    assert row.wire() == {
        "iccid": "89883030000000000190",
        "status": "Activated",
        "device": "x" * 59 + "…",
        "customer": "id 6",
    }
    assert render_sim_row(row) == f'89883030000000000190 Activated "{"x" * 59}…" "id 6"'


def test_a_name_that_is_cut_says_where_it_is_whole() -> None:
    cut = build_sim_row(fleet_sim(1, device="x" * 61, device_id=5))
    whole = build_sim_row(fleet_sim(2, device="x" * 60, device_id=6))
    assert note_cut_names([whole, cut]) == "Device names that end in … are cut; get_sim has them whole."
    assert note_cut_names([whole, build_sim_row(fleet_sim(3))]) is None


def test_a_customer_is_named_once_only_if_all_rows_share_it() -> None:
    rows = [build_sim_row(fleet_sim(number, customer="A", customer_id=1)) for number in (1, 2)]
    assert extract_customer(rows) == "A"
    assert [row.customer for row in rows] == [None, None]
    mixed = [build_sim_row(fleet_sim(1, customer="A", customer_id=1)), build_sim_row(fleet_sim(2))]
    assert extract_customer(mixed) is None
    assert [row.customer for row in mixed] == ["A", None]
    assert extract_customer([]) is None
