"""Every kind of change is found by being there, and says for itself what the rest of the room asks of it."""

from typing import get_args

import pytest

from sim_mcp.changes import kinds
from sim_mcp.changes.item import PlannedItem
from sim_mcp.changes.kinds.assign import Assign
from sim_mcp.changes.kinds.delete import Delete
from sim_mcp.changes.kinds.kind import Kind, SimKind
from sim_mcp.changes.kinds.register import Register
from sim_mcp.changes.kinds.status import SetStatus
from sim_mcp.changes.plan import Plan, make
from sim_mcp.emnify import Organisation, Sim, SimStatus

SUSPEND = SetStatus(target=SimStatus.SUSPENDED)
REGISTER = Register(bic="#31F 6E2S 6XTR 3NEY", size="25 SIMs", quantity=25, target=SimStatus.ISSUED)
ALL: dict[str, Kind] = {
    '{"kind":"status","target":2}': SUSPEND,
    '{"kind":"assign","organisations":[["customer",null]]}': Assign(organisations=(("customer", None),)),
    '{"kind":"delete"}': Delete(),
    '{"kind":"register","bic":"#31F 6E2S 6XTR 3NEY","size":"25 SIMs","quantity":25,"target":0}': REGISTER,
}


def sim(**fields: object) -> Sim:
    return Sim.model_validate({"id": 7, "status": {"id": 1}, **fields})


def item(sim_id: int, iccid: str | None = None) -> PlannedItem:
    return PlannedItem(sim_id=sim_id, iccid=iccid, before="b", after="a", verdict="change", reason="it stops")


def test_each_is_found_with_its_tool_and_its_statuses() -> None:
    assert {SetStatus, Assign, Delete, Register} <= set(kinds.KINDS)
    assert (
        kinds.STATUSES.items()
        >= {
            "assign_sims": (),
            "delete_sims": (),
            "register_sim_batch": ("issued", "activated", "factory_test"),
            "set_sim_status": ("activated", "suspended", "factory_test"),
        }.items()
    )
    assert get_args(kinds.StatusWord) == ("issued", "activated", "suspended", "factory_test")


@pytest.mark.parametrize(("json", "kind"), ALL.items())
def test_the_journal_keeps_each_by_its_kind_and_fields(json: str, kind: Kind) -> None:
    assert kind.model_dump_json() == json
    plan = Plan.model_validate_json(f'{{"tool":"{kind.tool}","change":{json},"items":[]}}')
    assert plan.change == kind
    assert f'"change":{json}' in plan.model_dump_json()


def test_what_stands_for_a_whole_change_is_read_from_the_journal_as_it_is() -> None:
    assert kinds.label_recorded(REGISTER.model_dump()) == REGISTER.bic
    assert kinds.label_recorded({"kind": "register", "bic": 5}) == 5
    assert kinds.label_recorded({"kind": "register"}) == ""
    assert kinds.label_recorded({"kind": "status", "bic": "x"}) == ""
    assert kinds.label_recorded({}) == ""


@pytest.mark.parametrize(
    ("items", "text", "words"),
    [
        ([item(7, "8988303000000000129")], "0129", "type the last four digits of the ICCID."),
        ([item(7)], "7", "type the id of the SIM."),
        ([item(7), item(8)], "2", "type the number of SIMs to delete."),
        ([], "0", "type the number of SIMs to delete."),
    ],
)
def test_a_deletion_is_confirmed_by_what_was_read(items: list[PlannedItem], text: str, words: str) -> None:
    assert Delete().confirmation(items) == (text, f"This cannot be undone. To confirm, {words}")
    assert all(kind.confirmation(items) is None for kind in ALL.values() if kind.kind != "delete")


def test_only_a_deletion_cannot_be_undone_and_only_it_is_written_together() -> None:
    assert [kind.kind for kind in ALL.values() if kind.irreversible] == ["delete"]
    assert [kind.kind for kind in ALL.values() if kind.together] == ["delete"]


def test_a_batch_counts_and_weighs_what_it_holds() -> None:
    unknown = REGISTER.model_copy(update={"quantity": None})
    assert (REGISTER.count_sims([item(0)]), REGISTER.count_sims([]), unknown.count_sims([item(0)])) == (25, 0, None)
    assert (REGISTER.weigh(item(0)), unknown.weigh(item(0)), SUSPEND.weigh(item(7))) == (25, 1, 1)
    assert SUSPEND.count_sims([item(7), item(8)]) == 2


def test_items_are_labelled_as_on_the_card_or_on_the_packaging() -> None:
    assert (SUSPEND.label(item(7, "89")), SUSPEND.label(item(7)), REGISTER.label(item(0))) == (
        "89",
        "id 7",
        REGISTER.bic,
    )
    assert (SUSPEND.describe(item(7)), REGISTER.describe(item(0))) == ("SIM id 7: b → a. It stops.", "it stops")


@pytest.mark.parametrize(
    ("kind", "done", "not_done"),
    [
        (SUSPEND, sim(status={"id": 2}), sim()),
        (Delete(), None, sim()),
        (Delete(), sim(status={"id": 3}), sim(status={"id": 2})),
        (Assign(organisations=(("customer", None),)), sim(), sim(customer_org={"id": 5})),
        (
            Assign(organisations=(("customer", None), ("reseller", Organisation(id=5)))),
            sim(reseller_org={"id": 5}),
            sim(reseller_org={"id": 6}),
        ),
    ],
)
def test_each_recognises_when_it_is_done(kind: SimKind, done: Sim | None, not_done: Sim) -> None:
    assert kind.is_done(done)
    assert not kind.is_done(not_done)
    assert kind.is_done(None) is (kind.kind == "delete")


def test_who_may_do_what_depends_on_the_role_of_the_workspace() -> None:
    sold = sim(reseller_org={"id": 1}, customer_org={"id": 2}, issuer_org={"id": 3})
    clear = Assign(organisations=(("customer", None),))
    reasons = {
        (kind.kind, own): kind.refusal(sold, own) for kind in (SUSPEND, Delete(), clear) for own in (1, 2, 3, None)
    }
    refused = {who: reason for who, reason in reasons.items() if reason}
    assert refused == {
        ("status", 1): "a reseller cannot change the status of SIMs it sold; the customer or the issuer can",
        ("delete", 1): "a reseller cannot delete SIMs it sold; the customer or the issuer can",
        ("assign", 2): "a customer organisation may only change a SIM's status; its reseller or issuer can reassign it",
    }


def test_a_plan_says_what_is_left_alone() -> None:
    plan = make(SUSPEND, [sim(), sim(status={"id": 2}), sim(status={"id": 0})], selection="status Activated")
    assert [each.verdict for each in plan.items] == ["change", "already", "refused"]
    assert [each.after for each in plan.items] == ["Suspended", "Suspended", "Issued"]
    assert plan.summary == (
        "Set 1 SIM to Suspended, chosen from all 3 SIMs with status Activated "
        "(and leave 1 already so, 1 refused by emnify's rules)"
    )


def test_the_consequences_are_those_of_the_status_the_contracts_or_the_end() -> None:
    service = {kind.kind: kind.consequences() for kind in ALL.values()}
    assert service["status"][0].startswith("no network access; the device stays assigned")
    assert service["register"] == ("no network access", "no charge")
    assert service["assign"] == ("stays as it is", "follows the contracts of the organisations named")
    assert service["delete"] == ("ends for good", "no charge afterwards; the current month is still charged")
