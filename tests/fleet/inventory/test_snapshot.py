"""What the inventory answers is what counting by hand over every SIM gives."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import pytest

from sim_mcp.emnify import EmnifyClient, InvalidValueError, SimStatus
from sim_mcp.fleet.inventory.database import SnapshotDatabase, SnapshotInfo
from sim_mcp.fleet.inventory.filters import FleetFilter, FleetSim, GroupBy, Order, OrderBy
from sim_mcp.fleet.inventory.inventory import Inventory
from sim_mcp.fleet.inventory.rows import Kind, Names, row_of_json
from sim_mcp.fleet.inventory.snapshot import Snapshot
from sim_mcp.fleet.inventory.sql import UnknownNameError, condition
from sim_mcp.sandbox import SandboxSettings
from tests.support import Fleet, fleet_of

DAY = date(2026, 6, 1)


@pytest.fixture(scope="module")
async def known() -> AsyncIterator[Fleet]:
    """A fleet whose dates stand still."""
    async with fleet_of(SandboxSettings(sims=400, clock=datetime(2026, 11, 22, 12, tzinfo=UTC))) as made:
        yield made


@pytest.fixture(scope="module")
async def whole(known: Fleet) -> AsyncIterator[Snapshot]:
    """The fleet as its issuer sees it: several customers and a reseller."""
    with TemporaryDirectory() as directory:
        async with (
            EmnifyClient(base_url=known.world.base_url, application_token=known.world.tokens["issuer"]) as client,
            Inventory(client, Path(directory)) as inventory,
        ):
            yield await inventory.snapshot()


@pytest.mark.parametrize("by", get_args(GroupBy))
async def test_groups_add_up_to_the_whole_and_come_largest_first(whole: Snapshot, by: GroupBy) -> None:
    for groups in (whole.group((by,)), whole.group((by, "status"))):
        counts = [count for _, count in groups]
        assert sum(counts) == whole.total
        assert counts == sorted(counts, reverse=True)
        assert len({values for values, _ in groups}) == len(groups)


async def test_groups_hold_what_counting_by_hand_gives(whole: Snapshot) -> None:
    sims = list(whole.sims())
    by_hand = Counter((sim.status_label, sim.customer or "none") for sim in sims)
    assert dict(whole.group(("status", "customer"))) == by_hand
    months = Counter((f"{sim.activated:%Y-%m}" if sim.activated else "none",) for sim in sims)
    assert dict(whole.group(("activation_month",))) == months
    devices = Counter(("with device" if sim.device_id else "without device",) for sim in sims)
    assert dict(whole.group(("has_device",))) == devices


FILTERS: list[tuple[FleetFilter, Callable[[FleetSim], Any]]] = [
    (
        FleetFilter(statuses=(SimStatus.ISSUED, SimStatus.SUSPENDED)),
        lambda sim: sim.status in {SimStatus.ISSUED, SimStatus.SUSPENDED},
    ),
    (FleetFilter(customers=(" alpenwerk DEVICES ",)), lambda sim: sim.customer == "Alpenwerk Devices"),
    (FleetFilter(customers=("13886",)), lambda sim: sim.customer_id == 13886),
    (FleetFilter(resellers=("nordlicht iot vertrieb",)), lambda sim: sim.reseller == "Nordlicht IoT Vertrieb"),
    (FleetFilter(models=("industrial",)), lambda sim: "Industrial" in (sim.model or "")),
    (FleetFilter(form_factors=("mff2",)), lambda sim: "MFF2" in (sim.form_factor or "")),
    (FleetFilter(name_contains="ZÜRICH"), lambda sim: "zürich" in (sim.device or "").casefold()),
    (FleetFilter(name_contains="Zu\u0308rich"), lambda sim: "Zürich" in (sim.device or "")),
    (FleetFilter(name_contains="zurich elev"), lambda sim: {"Z\u00fcrich", "Elevator"} <= words(sim)),
    (FleetFilter(customers=("devices alpen",)), lambda sim: sim.customer == "Alpenwerk Devices"),
    (FleetFilter(msisdn="004236"), lambda sim: "4236" in (sim.msisdn or "")),
    (FleetFilter(has_device=False), lambda sim: sim.device_id is None),
    (FleetFilter(has_device=True, activated_before=DAY), lambda sim: sim.device_id and before(sim.activated)),
    (FleetFilter(activated_after=DAY), lambda sim: sim.activated and sim.activated > DAY),
    (FleetFilter(produced_before=DAY), lambda sim: before(sim.produced)),
    (FleetFilter(imsi="0001"), lambda sim: "0001" in (sim.imsi or "")),
    (FleetFilter(msisdn="+4236"), lambda sim: "4236" in (sim.msisdn or "")),
    (FleetFilter(iccid="8988 3030"), lambda sim: "89883030" in (sim.iccid or "")),
    (FleetFilter(ids=(2500000, 2500001, 1)), lambda sim: sim.id in {2500000, 2500001}),
]


def words(sim: FleetSim) -> set[str]:
    return set((sim.device or "").split())


def before(day: date | None) -> bool:
    return day is not None and day < DAY


@pytest.mark.parametrize(("where", "fits"), FILTERS)
async def test_a_filter_finds_what_looking_at_each_sim_finds(
    whole: Snapshot, where: FleetFilter, fits: Callable[[FleetSim], Any]
) -> None:
    by_hand = [sim for sim in whole.sims() if fits(sim)]
    assert by_hand
    assert list(whole.sims(where)) == by_hand
    assert whole.count(where) == len(by_hand) == sum(count for _, count in whole.group(("status",), where))


@pytest.mark.parametrize("order", get_args(OrderBy))
async def test_pages_in_any_order_are_together_the_whole(whole: Snapshot, order: OrderBy) -> None:
    for descending in (False, True):
        pages = [
            list(whole.sims(order=(Order(order, descending),), limit=90, offset=offset))
            for offset in range(0, whole.total + 90, 90)
        ]
        found = [sim for page in pages for sim in page]
        assert {sim.id for sim in found} == {sim.id for sim in whole.sims()}
        assert len(found) == whole.total


async def test_sims_without_what_is_sorted_by_come_last(whole: Snapshot) -> None:
    for descending in (False, True):
        days = [sim.activated for sim in whole.sims(order=(Order("activation_date", descending),))]
        known = [day for day in days if day is not None]
        assert days[: len(known)] == sorted(known, reverse=descending)


@pytest.mark.parametrize(
    "where",
    [
        FleetFilter(name_contains=" "),
        FleetFilter(iccid="-"),
        FleetFilter(imsi=" - "),
        FleetFilter(msisdn="+"),
        FleetFilter(eid=" "),
        FleetFilter(models=(" ",)),
        FleetFilter(form_factors=(" ",)),
        FleetFilter(name_contains="\u3164"),
        FleetFilter(models=("\u200b\ufe0f",)),
        FleetFilter(customers=("\u3164",)),
    ],
)
async def test_a_text_that_holds_nothing_is_refused_and_not_ignored(whole: Snapshot, where: FleetFilter) -> None:
    with pytest.raises(InvalidValueError, match="holds nothing to search for"):
        whole.count(where)


@pytest.mark.parametrize(
    ("where", "says"),
    [
        (
            FleetFilter(customers=("Nobody",)),
            r'(?s)No customer is called "Nobody"\. .*<data-.*"Alpenwerk Devices" \(id 13886\)',
        ),
        (FleetFilter(models=("Nothing",)), r'(?s)No model is called "Nothing"\. .*There are:.*<data-.*"Classic"'),
        (FleetFilter(form_factors=("5FF",)), r'(?s)No form factor is called "5FF"\. .*There are:.*<data-'),
    ],
)
async def test_an_unknown_name_is_answered_with_those_there_are(whole: Snapshot, where: FleetFilter, says: str) -> None:
    for ask in (whole.count, whole.sims, lambda where: whole.group(("status",), where)):
        with pytest.raises(UnknownNameError, match=says):
            ask(where)


@pytest.mark.parametrize(
    ("story", "key", "write", "field", "fit"),
    [
        ("healthy", "iccid_with_luhn", str, "ICCID", "exact"),
        ("healthy", "iccid", str, "ICCID", "exact"),
        ("healthy", "iccid_with_luhn", lambda said: " ".join((said[:4], said[4:])), "ICCID", "exact"),
        ("healthy", "iccid_with_luhn", lambda said: said[4:], "ICCID", "part"),
        ("healthy", "iccid_with_luhn", lambda said: "-".join((said[:9], said[9:18])), "ICCID", "prefix"),
        ("healthy", "imsi", str, "IMSI", "exact"),
        ("healthy", "imsi", lambda said: said[4:], "IMSI", "part"),
        ("healthy", "msisdn", lambda said: f"+{said}", "MSISDN", "exact"),
        ("healthy", "sim_id", str, "SIM id", "exact"),
        ("euicc", "eid", lambda said: said[:-1], "EID", "prefix"),
        ("healthy", "device_name", str.upper, "device", "exact"),
        ("healthy", "device_name", lambda said: said[1:], "device", "part"),
        ("healthy", "device_id", str, "device id", "exact"),
        ("healthy", "iccid_with_luhn", lambda said: f"ICCID: {said}", "ICCID", "exact"),
        ("healthy", "msisdn", lambda said: f"00{said}", "MSISDN", "exact"),
        ("foreign", "iccid", str, "ICCID", "exact"),
    ],
)
async def test_a_sim_is_found_by_what_a_person_has(
    known: Fleet, whole: Snapshot, story: str, key: str, write: Callable[[str], str], field: str, fit: str
) -> None:
    found = whole.search(write(str(known.scenarios[story][key])))
    first = found.matches[0]
    assert (first.sim.id, first.field, first.fit) == (known.scenarios[story]["sim_id"], field, fit)
    assert len(found.matches) == min(20, found.total)


async def test_whole_comes_before_beginning_and_beginning_before_part(whole: Snapshot) -> None:
    found = whole.search("8988", limit=500)
    fits = [["exact", "prefix", "part"].index(match.fit) for match in found.matches]
    assert fits == sorted(fits)
    assert found.total == whole.count(FleetFilter(iccid="8988"))


@pytest.mark.parametrize(
    ("text", "field", "fit"), [("alpenwerk devices", "customer", "exact"), ("nordl", "reseller", "prefix")]
)
async def test_the_sims_of_an_organisation_are_found_by_its_name(
    whole: Snapshot, text: str, field: str, fit: str
) -> None:
    found = whole.search(text, limit=3)
    assert {(match.field, match.fit) for match in found.matches} == {(field, fit)}
    assert found.total > 3


@pytest.mark.parametrize("text", ["", "  ", "%", "a_b", "' OR 1", "no such thing", "\x00", "9" * 200])
async def test_what_nobody_is_called_finds_nobody(whole: Snapshot, text: str) -> None:
    assert whole.search(text) == ([], 0)


def snapshot_of(*raw: dict[str, Any]) -> Snapshot:
    names: Names = {}
    filled = SnapshotDatabase.new(None)
    filled.put([row for each in raw if (row := row_of_json(each, names)) is not None], names)
    info = SnapshotInfo(datetime(2026, 11, 22, tzinfo=UTC), 0.0, 1.0, settled=True, unreadable=0)
    return Snapshot(filled.finish(info, None))


DEVICE = {"id": 5, "name": "Lift\u200b  7 K\u00f6ln", "imei": "3534900698737101", "tags": "S\u00fcd, lift 7"}


@pytest.mark.parametrize(
    ("text", "field", "fit"),
    [
        ("3534900698737101", "IMEI", "exact"),
        ("353490069873715", "IMEI", "exact"),
        ("35349006987371", "IMEI", "exact"),
        ("3534900", "IMEI", "prefix"),
        ("sud", "tag", "exact"),
        ("SUD, LIFT", "tag", "part"),
        ("s\u00fc", "tag", "prefix"),
        ("koln lift", "device", "part"),
        ("lift 7 k\u00f6ln", "device", "exact"),
        ('"lift 7 koln"', "device", "exact"),
        ("10.128.0.7", "IP address", "exact"),
        ("10.128.", "IP address", "prefix"),
        ("IP 10.128.0.7", "IP address", "exact"),
    ],
)
def test_a_device_is_found_by_imei_tag_address_and_words(text: str, field: str, fit: str) -> None:
    snapshot = snapshot_of({"id": 1, "endpoint": DEVICE | {"ip_address": "10.128.0.7"}}, {"id": 2, "imsi": "10128007"})
    found = snapshot.search(text)
    assert [(match.sim.id, match.field, match.fit) for match in found.matches] == [(1, field, fit)]


def test_a_name_is_found_whatever_is_invisible_in_it_but_with_its_accents() -> None:
    snapshot = snapshot_of({"id": 1, "endpoint": DEVICE}, {"id": 2, "endpoint": {"id": 6, "name": "Lift 7 Koln"}})
    assert snapshot.named("lift 7 Ko\u0308ln") == [1]
    assert snapshot.named("lift 7 koln") == [2]
    assert snapshot.named("lift 7") == []


def test_near_numbers_are_found_in_every_number_a_sim_has() -> None:
    numbers = {"iccid": "8988303000006738593", "imsi": "295050999900095", "msisdn": "423663999900011"}
    snapshot = snapshot_of({"id": 1, "endpoint": DEVICE, **numbers}, {"id": 2, "iccid": "8988303000006000000"})
    for number in ("8988303000006738593", "89883030000067385937", *list(numbers.values())[1:], "35349006987371"):
        assert [sim.id for sim in snapshot.near(frozenset({number, "7"}), limit=5)] == [1]
    assert snapshot.near(frozenset({"7"}), limit=5) == []


@pytest.mark.parametrize("name", [None, "", "\u3164", " \u200b "])
def test_an_organisation_whose_name_nobody_sees_is_called_by_its_id(name: str | None) -> None:
    snapshot = snapshot_of({"id": 1, "customer_org": {"id": 5, "name": name}}, {"id": 2})
    assert snapshot.group(("customer",)) == [(("none",), 1), (("unnamed (id 5)",), 1)]


def test_organisations_that_look_alike_are_told_apart_by_id_and_others_are_not() -> None:
    named = {1: "Twin", 2: "Tw\u3164in", 3: "Other"}
    snapshot = snapshot_of(*({"id": each, "customer_org": {"id": each, "name": name}} for each, name in named.items()))
    labels = {label for (label,), _ in snapshot.group(("customer",))}
    assert labels == {"Twin (id 1)", "Twin (id 2)", "Other"}


@pytest.mark.parametrize(
    ("status", "label"),
    [
        ({"id": 4, "description": "FactoryTest"}, "Factory Test"),
        ({"id": 9, "description": "Lent"}, "Lent"),
        ({"id": 9}, "status 9"),
        (None, "unknown status"),
    ],
)
def test_a_status_is_labelled_as_far_as_it_is_known(status: dict[str, Any] | None, label: str) -> None:
    (sim,) = snapshot_of({"id": 1, "status": status}).sims()
    assert sim.status_label == label


def test_pages_of_sims_begin_where_the_one_before_ended() -> None:
    snapshot = snapshot_of(*({"id": number} for number in range(1, 8)))
    pages = [[sim.id for sim in snapshot.sims(limit=3, offset=start)] for start in (0, 3, 6, 9)]
    assert pages == [[1, 2, 3], [4, 5, 6], [7], []]
    assert [sim.id for sim in snapshot.sims(order=(Order("id", descending=True),), limit=2)] == [7, 6]


def test_a_model_or_a_form_is_no_organisation_even_of_its_name() -> None:
    names: dict[tuple[Kind, int], str] = {
        ("model", 1): "Classic",
        ("form_factor", 2): "Classic",
        ("organisation", 3): "Acme",
    }
    with pytest.raises(UnknownNameError, match=r'(?s)No customer is called "Classic".*"Acme" .id 3.'):
        condition(FleetFilter(customers=("Classic",)), names)
    assert condition(FleetFilter(customers=("acme",)), names).values == (3,)
