"""Nothing is written unless a person, or the operator's standing decision, agreed to exactly that.

The matrix: both protocol eras, each way a client may answer, each policy, each tool that writes. Writes are counted
where they arrive.
"""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest
from mcp import Client
from mcp.client.session import ClientRequestContext, ElicitationFnT
from mcp.shared.exceptions import MCPError
from mcp.types import (
    CallToolResult,
    ElicitRequestFormParams,
    ElicitRequestParams,
    ElicitResult,
    ErrorData,
    InputRequiredResult,
    InputResponses,
)

from sim_mcp.changes.record.journal import Journal
from sim_mcp.sandbox import SandboxSettings
from sim_mcp.server.app import build_server
from sim_mcp.settings import Confirm
from tests.support import Fleet, UrlOnlyClient, fleet_of, structured, text_of

Era = Literal["auto", "legacy"]
ERAS: tuple[Era, ...] = ("auto", "legacy")
Asked = list[str]


def answering(result: ElicitResult | ErrorData, asked: Asked) -> ElicitationFnT:
    async def answer(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult | ErrorData:
        del context
        asked.append(params.message)
        return result

    return answer


def yes(asked: Asked, typed: str = "") -> ElicitationFnT:
    """Tick the box, or type what is asked for."""

    async def answer(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        del context
        asked.append(params.message)
        assert isinstance(params, ElicitRequestFormParams)
        fields = params.requested_schema["properties"]
        return ElicitResult(action="accept", content={"typed": typed} if "typed" in fields else {"agree": True})

    return answer


def never(shown: anyio.Event) -> ElicitationFnT:
    async def answer(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        del context, params
        shown.set()
        await anyio.sleep_forever()
        raise AssertionError

    return answer


@asynccontextmanager
async def client_of(
    fleet: Fleet,
    *,
    era: Era = "auto",
    answer: ElicitationFnT | None = None,
    confirm: Confirm = Confirm.ASK,
    role: str = "enterprise",
    page: bool = True,
    form_wait_s: float = 40,
    policy: Path | None = None,
) -> AsyncIterator[Client]:
    settings = fleet.settings(confirm=confirm, role=role, approval_page=page, form_wait_s=form_wait_s, policy=policy)
    server = build_server(settings)
    async with Client(server, mode=era, elicitation_callback=answer) as client:
        yield client


def changes(fleet: Fleet) -> dict[str, tuple[str, dict[str, Any], str]]:
    """For each tool that writes: the role that may, its arguments, and what a person types, if anything."""
    stories = fleet.scenarios
    return {
        "set_sim_status": ("enterprise", {"sims": [stories["healthy"]["iccid"]], "status": "suspended"}, ""),
        "assign_sims": ("issuer", {"sims": [stories["healthy"]["iccid"]], "customer": "none"}, ""),
        "delete_sims": (
            "enterprise",
            {"sims": [stories["no_device"]["iccid"]]},
            stories["no_device"]["iccid_with_luhn"][-4:],
        ),
        "register_sim_batch": ("enterprise", {"bic": stories["batch_registrable"]["bic"]}, ""),
    }


TOOLS = ("set_sim_status", "assign_sims", "delete_sims", "register_sim_batch")
NO: dict[str, Callable[[Asked], ElicitationFnT | None]] = {
    "no form": lambda _: None,
    "declines": lambda asked: answering(ElicitResult(action="decline"), asked),
    "cancels": lambda asked: answering(ElicitResult(action="cancel"), asked),
    "accepts nothing": lambda asked: answering(ElicitResult(action="accept", content={}), asked),
    "accepts without content": lambda asked: answering(ElicitResult(action="accept"), asked),
    "types something else": lambda asked: answering(ElicitResult(action="accept", content={"typed": "yes"}), asked),
    "answers with an error": lambda asked: answering(ErrorData(code=-32603, message="no"), asked),
}

BROKEN = {"answers with an error"}


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("tool", TOOLS)
async def test_a_yes_writes_exactly_once_and_is_read_back(fleet: Fleet, era: Era, tool: str) -> None:
    role, arguments, typed = changes(fleet)[tool]
    asked: Asked = []
    async with client_of(fleet, era=era, answer=yes(asked, typed), role=role) as client:
        report = structured(await client.call_tool(tool, arguments))
    assert len(asked) == 1
    assert len(await fleet.writes()) == 1
    assert report["agreed"] == "a person, by form"
    # A batch is as many SIMs as it holds.
    assert report["counts"] == {"changed": 10 if tool == "register_sim_batch" else 1}
    assert report["state"] == "done"


async def test_a_form_lists_25_sims_and_counts_the_others(fleet: Fleet) -> None:
    asked: Asked = []
    async with client_of(fleet, era=ERAS[0], answer=answering(ElicitResult(action="decline"), asked)) as client:
        await client.call_tool("set_sim_status", {"status": "suspended", "with_status": "activated"})
    wanted = int(re.findall(r"Set (\d+) SIMs", asked[0])[0])
    assert wanted > 26
    assert len(re.findall(r"\b\d{20}\b", asked[0])) == 25
    assert f"and {wanted - 25} more" in asked[0]
    assert await fleet.writes() == []


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(("page", "answer"), [(page, answer) for page in (True, False) for answer in NO])
@pytest.mark.parametrize("tool", TOOLS)
async def test_anything_but_a_yes_writes_nothing(fleet: Fleet, era: Era, page: bool, answer: str, tool: str) -> None:
    role, arguments, _ = changes(fleet)[tool]
    asked: Asked = []
    async with client_of(fleet, era=era, answer=NO[answer](asked), role=role, page=page) as client:
        if answer in BROKEN and era == "auto":
            # Here the client itself gives up, before anything goes back to the server.
            with pytest.raises(MCPError):
                await client.call_tool(tool, arguments)
        else:
            result = await client.call_tool(tool, arguments)
            if page:
                told = structured(result)
                assert told["state"] == "waiting for approval"
                assert "Nothing changed" in text_of(result)
                # Who was asked by form is told what came of it, and nobody else is.
                assert ("came back without a yes" in told.get("note", "")) is bool(asked)
                assert ("came back without a yes" in text_of(result)) is bool(asked)
            else:
                assert result.is_error
                assert_not_confirmed(text_of(result))
    assert await fleet.writes() == []


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("tool", TOOLS)
async def test_a_clear_no_by_form_ends_the_plan(fleet: Fleet, era: Era, tool: str) -> None:
    role, arguments, _ = changes(fleet)[tool]
    asked: Asked = []
    no: dict[str, str | bool] = {"typed": " No."} if tool == "delete_sims" else {"agree": False}
    answer = answering(ElicitResult(action="accept", content=dict(no)), asked)
    async with client_of(fleet, era=era, answer=answer, role=role) as client:
        refused = await client.call_tool(tool, arguments)
        plan = asked[0].split("(plan ")[1][:8]
        later = await client.call_tool("continue_change", {"plan": plan})
        again = await client.call_tool(tool, arguments)
    for result in (refused, later):
        assert result.is_error
        assert f"plan {plan} was rejected by form. Nothing changed" in text_of(result)
        assert "/approve/" not in text_of(result)
    assert plan not in text_of(again)  # who asks again after a no makes another plan.
    assert await fleet.writes() == []


@pytest.mark.parametrize("typed", ["", "nothing", "1234", "not sure"])
async def test_what_is_typed_wrong_is_no_clear_no(fleet: Fleet, typed: str) -> None:
    arguments = {"sims": [fleet.scenarios["no_device"]["iccid"]]}
    async with client_of(fleet, answer=yes([], typed)) as client:
        told = structured(await client.call_tool("delete_sims", arguments))
    assert told["state"] == "waiting for approval"
    assert "came back without a yes" in told["note"]
    assert await fleet.writes() == []


async def test_a_no_that_comes_after_the_page_approved_does_not_pretend(fleet: Fleet) -> None:
    """Two calls for the same change share its plan; one person says yes on the page, then no on the form."""
    arguments = {"sims": [fleet.scenarios["healthy"]["iccid"]], "status": "suspended"}

    async def meanwhile(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        del context
        journal = Journal(fleet.place)
        assert journal.decide(
            params.message.split("(plan ")[1][:8], approved=True, how="a person, on the approval page"
        )
        return ElicitResult(action="accept", content={"agree": False})

    async with client_of(fleet, era="legacy", answer=meanwhile) as client:
        result = await client.call_tool("set_sim_status", arguments)
    assert result.is_error
    assert "came too late" in text_of(result)
    assert await fleet.writes() == []


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("tool", TOOLS)
async def test_where_the_client_may_be_any_program_its_form_does_not_count(fleet: Fleet, era: Era, tool: str) -> None:
    role, arguments, typed = changes(fleet)[tool]
    asked: Asked = []
    server = build_server(fleet.settings(role=role), forms_count=False)
    async with Client(server, mode=era, elicitation_callback=yes(asked, typed)) as client:
        told = structured(await client.call_tool(tool, arguments))
    assert told["state"] == "waiting for approval"
    assert (asked, await fleet.writes()) == ([], [])


async def test_where_the_client_may_be_any_program_no_policy_answers_for_a_person(fleet: Fleet) -> None:
    arguments = {"sims": [fleet.scenarios["healthy"]["iccid"]], "status": "suspended"}
    async with Client(build_server(fleet.settings(confirm=Confirm.HOST), forms_count=False)) as client:
        assert structured(await client.call_tool("set_sim_status", arguments))["state"] == "waiting for approval"
        assert structured(await client.call_tool("continue_change", {}))["state"] == "waiting for approval"
    assert await fleet.writes() == []


def assert_not_confirmed(text: str) -> None:
    assert "Nothing changed" in text
    assert text.startswith(("Not confirmed", "Not done"))
    assert "sim_mcp." not in text
    assert "user" not in text.lower()


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("tool", TOOLS)
async def test_a_form_nobody_answers_writes_nothing(fleet: Fleet, era: Era, tool: str) -> None:
    role, arguments, _ = changes(fleet)[tool]
    shown = anyio.Event()
    async with (
        client_of(fleet, era=era, answer=never(shown), role=role) as client,
        anyio.create_task_group() as group,
    ):
        group.start_soon(client.call_tool, tool, arguments)
        await shown.wait()
        group.cancel_scope.cancel()
    assert await fleet.writes() == []


@pytest.mark.parametrize("tool", TOOLS)
async def test_a_form_that_stays_open_too_long_leads_to_the_page_within_the_call(fleet: Fleet, tool: str) -> None:
    role, arguments, _ = changes(fleet)[tool]
    shown = anyio.Event()
    async with client_of(fleet, era="legacy", answer=never(shown), role=role, form_wait_s=0.3) as client:
        told = structured(await client.call_tool(tool, arguments))
    assert shown.is_set()
    assert told["state"] == "waiting for approval"
    assert await fleet.writes() == []


@pytest.mark.parametrize("era", ERAS)
async def test_who_shows_only_links_is_given_the_page_not_a_form(fleet: Fleet, era: Era) -> None:
    asked: Asked = []
    arguments = {"sims": [fleet.scenarios["healthy"]["iccid"]], "status": "suspended"}
    async with UrlOnlyClient(build_server(fleet.settings()), mode=era, elicitation_callback=yes(asked)) as client:
        assert structured(await client.call_tool("set_sim_status", arguments))["state"] == "waiting for approval"
    assert (asked, await fleet.writes()) == ([], [])


async def test_where_forms_are_not_trusted_the_policy_asks_on_the_page_alone(fleet: Fleet, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('default = "page"')
    asked: Asked = []
    arguments = {"sims": [fleet.scenarios["healthy"]["iccid"]], "status": "suspended"}
    async with Client(build_server(fleet.settings(policy=file)), elicitation_callback=yes(asked)) as client:
        assert structured(await client.call_tool("set_sim_status", arguments))["state"] == "waiting for approval"
    assert (asked, await fleet.writes()) == ([], [])


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("tool", TOOLS)
async def test_the_operators_decision_writes_without_a_form(fleet: Fleet, era: Era, tool: str) -> None:
    role, arguments, _ = changes(fleet)[tool]
    asked: Asked = []
    policy = fleet.trusting() if tool == "delete_sims" else None
    async with client_of(fleet, era=era, answer=yes(asked), confirm=Confirm.HOST, role=role, policy=policy) as client:
        report = structured(await client.call_tool(tool, arguments))
    assert asked == []
    assert report["agreed"] == "the operator's policy"
    assert len(await fleet.writes()) == 1


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("policy", [None, 'default = "allow"', '[[rule]]\ndecision = "allow"'])
async def test_a_deletion_is_asked_for_where_no_rule_names_it(fleet: Fleet, era: Era, policy: str | None) -> None:
    role, arguments, typed = changes(fleet)["delete_sims"]
    file = None
    if policy is not None:
        file = fleet.state_dir / "policy.toml"
        file.write_text(policy)
    async with client_of(fleet, era=era, confirm=Confirm.HOST, role=role, policy=file) as client:
        waiting = structured(await client.call_tool("delete_sims", arguments))
    assert waiting["state"] == "waiting for approval"
    assert waiting["approve_at"]
    assert await fleet.writes() == []
    asked: Asked = []
    async with client_of(
        fleet, era=era, answer=yes(asked, typed), confirm=Confirm.HOST, role=role, policy=file
    ) as client:
        report = structured(await client.call_tool("delete_sims", arguments))
    assert len(asked) == 1
    assert report["agreed"] == "a person, by form"


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("tool", TOOLS)
async def test_blocked_means_that_there_is_no_such_tool(fleet: Fleet, era: Era, tool: str) -> None:
    role, arguments, typed = changes(fleet)[tool]
    async with client_of(fleet, era=era, answer=yes([], typed), confirm=Confirm.BLOCK, role=role) as client:
        assert (await client.call_tool(tool, arguments)).is_error
    assert await fleet.writes() == []


@pytest.mark.parametrize("tool", TOOLS)
async def test_who_cannot_be_asked_is_told_the_plan_and_what_the_operator_may_set(fleet: Fleet, tool: str) -> None:
    role, arguments, _ = changes(fleet)[tool]
    async with client_of(fleet, role=role, page=False) as client:
        text = text_of(await client.call_tool(tool, arguments))
    assert "Nothing changed" in text
    assert "cannot show a form" in text
    assert "SIM_MCP_CONFIRM=host" in text
    assert "sim_mcp." not in text


async def test_the_question_says_what_this_very_change_does_to_service_and_bill(fleet: Fleet) -> None:
    asked: Asked = []
    arguments = {"sims": [fleet.scenarios["healthy"]["iccid"]], "status": "suspended"}
    async with client_of(fleet, answer=yes(asked)) as client:
        await client.call_tool("set_sim_status", arguments)
    assert fleet.scenarios["healthy"]["iccid_with_luhn"] in asked[0]
    assert "Activated → Suspended" in asked[0]
    assert "loses network access" in asked[0].lower()
    assert "this month is still charged" in asked[0]
    assert "Falls due now: nothing." in asked[0]


@pytest.mark.parametrize("era", ERAS)
async def test_the_form_says_first_where_it_would_be_done(fleet: Fleet, era: Era) -> None:
    asked: Asked = []
    for tool in ("set_sim_status", "register_sim_batch"):
        role, arguments, _ = changes(fleet)[tool]
        async with client_of(fleet, era=era, answer=yes(asked), role=role) as client:
            await client.call_tool(tool, arguments)
    heads = [question.splitlines()[0] for question in asked]
    assert re.fullmatch(r'sim-mcp · SANDBOX, made-up SIMs · workspace "Alpenwerk Devices" \(id \d+\)', heads[0])
    assert re.fullmatch(r"sim-mcp · SANDBOX, made-up SIMs · workspace id \d+", heads[1])


async def test_deleting_several_wants_their_number_typed(fleet: Fleet) -> None:
    sims = [fleet.scenarios[key]["iccid"] for key in ("no_device", "fresh")]
    asked: Asked = []
    async with client_of(fleet, answer=yes(asked, "1")) as client:
        told = structured(await client.call_tool("delete_sims", {"sims": sims}))
    assert told["state"] == "waiting for approval"
    assert await fleet.writes() == []
    async with client_of(fleet, answer=yes(asked, " 2 ")) as client:
        report = structured(await client.call_tool("delete_sims", {"sims": sims}))
    assert "type the number of SIMs" in asked[-1]
    assert report["counts"] == {"changed": 2}
    assert [write["method"] for write in await fleet.writes()] == ["DELETE", "DELETE"]


@pytest.mark.parametrize(
    ("tool", "story", "arguments", "rule"),
    [
        ("delete_sims", "healthy", {}, "still in device"),
        ("set_sim_status", "healthy", {"status": "factory_test"}, "factory test can only follow Issued"),
        ("set_sim_status", "fresh", {"status": "suspended"}, "Issued can only become"),
        ("set_sim_status", "factory_test", {"status": "suspended"}, "Factory Test can only become Activated"),
        ("assign_sims", "healthy", {"customer": "none"}, "may only change a SIM's status"),
    ],
)
async def test_what_emnifys_rules_forbid_is_refused_before_anybody_is_asked(
    fleet: Fleet, tool: str, story: str, arguments: dict[str, Any], rule: str
) -> None:
    asked: Asked = []
    async with client_of(fleet, answer=yes(asked)) as client:
        report = structured(await client.call_tool(tool, {"sims": [fleet.scenarios[story]["iccid"]], **arguments}))
    assert asked == []
    assert report["counts"] == {"refused": 1}
    assert rule in report["sims"][0]["note"]
    assert await fleet.writes() == []


@pytest.mark.parametrize(("tool", "arguments"), [("set_sim_status", {"status": "suspended"}), ("delete_sims", {})])
async def test_a_reseller_is_told_before_asking_that_sims_it_sold_are_not_its_to_change(
    fleet: Fleet, tool: str, arguments: dict[str, Any]
) -> None:
    asked: Asked = []
    async with client_of(fleet, answer=yes(asked), role="reseller") as client:
        report = structured(await client.call_tool(tool, {"sims": [fleet.scenarios["resold"]["iccid"]], **arguments}))
    assert report["counts"] == {"refused": 1}
    assert "a reseller cannot" in report["sims"][0]["note"]
    assert (asked, await fleet.writes()) == ([], [])


async def test_what_is_so_already_is_neither_asked_nor_written(fleet: Fleet) -> None:
    asked: Asked = []
    arguments = {"sims": [fleet.scenarios["suspended"]["iccid"]], "status": "suspended"}
    async with client_of(fleet, answer=yes(asked)) as client:
        assert structured(await client.call_tool("set_sim_status", arguments))["counts"] == {"already": 1}
    assert (asked, await fleet.writes()) == ([], [])


@pytest.mark.parametrize("era", ERAS)
async def test_a_sim_that_changed_while_the_form_was_open_is_left_alone(fleet: Fleet, era: Era) -> None:
    story = fleet.scenarios["healthy"]
    asked: Asked = []

    async def meanwhile(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        del context
        if not asked:
            await fleet.api("PATCH", f"/sim/{story['sim_id']}", json={"status": {"id": 2}})
            await fleet.api("PATCH", f"/endpoint/{story['device_id']}", role="enterprise", json={"sim": {"id": None}})
        asked.append(params.message)
        return ElicitResult(action="accept", content={"agree": True})

    async with client_of(fleet, era=era, answer=meanwhile) as client:
        result = await client.call_tool("set_sim_status", {"sims": [story["iccid"]], "status": "suspended"})
    counts = structured(result)["counts"]
    # The newer protocol plans anew when the answer arrives and finds nothing left to do.
    assert counts == ({"already": 1} if era == "auto" else {"moved": 1})
    ours = [write for write in await fleet.writes() if write["path"].endswith(f"/sim/{story['sim_id']}")]
    assert len(ours) == 1


async def test_a_changed_question_is_asked_again_not_answered_with_the_old_yes(fleet: Fleet) -> None:
    story = fleet.scenarios["suspended"]
    asked: Asked = []

    async def meanwhile(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        del context
        asked.append(params.message)
        if len(asked) == 1:
            await fleet.api("PATCH", f"/endpoint/{story['device_id']}", role="enterprise", json={"sim": {"id": None}})
        return ElicitResult(action="accept", content={"agree": True})

    async with client_of(fleet, answer=meanwhile) as client:
        await client.call_tool("set_sim_status", {"sims": [story["iccid"]], "status": "activated"})
    assert len(asked) == 2
    assert asked[0] != asked[1]


async def test_a_confirmation_sent_twice_counts_once(fleet: Fleet) -> None:
    """The protocol lets a client send an answered form again; between the two, the SIM was changed back."""
    story = fleet.scenarios["healthy"]
    arguments = {"sims": [story["iccid"]], "status": "suspended"}
    async with client_of(fleet, answer=yes([])) as client:
        first = await client.session.call_tool("set_sim_status", arguments, allow_input_required=True)
        assert isinstance(first, InputRequiredResult)
        answers: InputResponses = {
            key: ElicitResult(action="accept", content={"agree": True}) for key in first.input_requests or {}
        }

        async def send() -> CallToolResult:
            return await client.session.call_tool(
                "set_sim_status", arguments, input_responses=answers, request_state=first.request_state
            )

        assert structured(await send())["counts"] == {"changed": 1}
        await fleet.api("PATCH", f"/sim/{story['sim_id']}", json={"status": {"id": 1}})
        again = await client.session.call_tool(
            "set_sim_status",
            arguments,
            input_responses=answers,
            request_state=first.request_state,
            allow_input_required=True,
        )
    # What was answered was the first plan; this is another one, and asks anew.
    assert isinstance(again, InputRequiredResult)
    assert len(await fleet.writes()) == 2  # ours and the one that changed it back.


async def test_one_agreed_plan_reports_each_sim_with_its_own_outcome(fleet: Fleet) -> None:
    stories = fleet.scenarios
    sims = [stories[key]["iccid"] for key in ("healthy", "suspended", "fresh", "went_silent")]
    asked: Asked = []
    async with client_of(fleet, answer=yes(asked)) as client:
        report = structured(await client.call_tool("set_sim_status", {"sims": sims, "status": "suspended"}))
    outcomes = {row["iccid"][:-1]: row["outcome"] for row in report["sims"]}
    assert [outcomes[sim] for sim in sims] == ["changed", "already", "refused", "changed"]
    assert report["sims"][0]["outcome"] == "refused"  # what needs a look comes first.
    assert "Set 2 SIMs to Suspended (and leave 1 already so, 1 refused" in asked[0]
    assert len(await fleet.writes()) == 2


@pytest.mark.parametrize("fault", ["drop_after=x1@PATCH", "error=503:x1@PATCH", "truncate=x1@PATCH"])
async def test_a_lost_answer_is_settled_by_reading_back_and_never_sent_twice(fleet: Fleet, fault: str) -> None:
    await fleet.faults(fault)
    arguments = {"sims": [fleet.scenarios["healthy"]["iccid"]], "status": "suspended"}
    async with client_of(fleet, confirm=Confirm.HOST) as client:
        row = structured(await client.call_tool("set_sim_status", arguments))["sims"][0]
    assert row["outcome"] in {"changed", "unknown"}
    if row["outcome"] == "changed":
        assert row["after"] == "Suspended"
    assert len(await fleet.writes()) == 1


async def test_a_bulk_deletion_that_is_refused_is_read_back_sim_by_sim() -> None:
    """Whether the bulk operation does all or nothing is not documented."""
    free = {"q": "endpoint:null", "per_page": 10}
    async with fleet_of(SandboxSettings(sims=200)) as fleet:
        listed = (await fleet.api("GET", "/sim", role="enterprise", params=free)).json()
        await fleet.faults("error=403:x1@DELETE")
        async with client_of(fleet, policy=fleet.trusting()) as client:
            report = structured(await client.call_tool("delete_sims", {"sims": [sim["iccid"] for sim in listed]}))
        writes = await fleet.writes()
    assert report["counts"] == {"refused": len(listed)}
    assert all("read back: nothing changed" in row["note"] for row in report["sims"])
    assert [write["path"] for write in writes] == ["/api/v1/sim/multi"]


async def test_a_throttled_write_is_tried_again_for_it_never_happened(fleet: Fleet) -> None:
    await fleet.faults("throttle=x1@PATCH")
    arguments = {"sims": [fleet.scenarios["healthy"]["iccid"]], "status": "suspended"}
    async with client_of(fleet, confirm=Confirm.HOST) as client:
        assert structured(await client.call_tool("set_sim_status", arguments))["counts"] == {"changed": 1}


async def test_progress_is_reported_for_each_sim(fleet: Fleet) -> None:
    told: list[tuple[float, float | None]] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        assert message
        told.append((progress, total))

    sims = [fleet.scenarios[key]["iccid"] for key in ("healthy", "went_silent", "euicc")]
    async with client_of(fleet, confirm=Confirm.HOST) as client:
        await client.call_tool("set_sim_status", {"sims": sims, "status": "suspended"}, progress_callback=on_progress)
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("role", "target", "organisation"), [("reseller", "customer", "13887"), ("issuer", "reseller", "9101")]
)
async def test_who_sells_sims_may_set_and_empty_their_organisations(
    fleet: Fleet, role: str, target: str, organisation: str
) -> None:
    sims = [fleet.scenarios["stock"]["iccid"]]
    async with client_of(fleet, confirm=Confirm.HOST, role=role) as client:
        row = structured(await client.call_tool("assign_sims", {"sims": sims, target: organisation}))["sims"][0]
        assert (row["outcome"], organisation in row["after"]) == ("changed", True), row
    async with client_of(fleet, confirm=Confirm.HOST, role="issuer") as client:
        row = structured(await client.call_tool("assign_sims", {"sims": sims, target: "none"}))["sims"][0]
        assert (row["outcome"], "nobody" in row["after"]) == ("changed", True), row


async def test_what_only_emnify_knows_to_be_forbidden_is_reported_as_refused(fleet: Fleet) -> None:
    sims = [fleet.scenarios["stock"]["iccid"]]
    async with client_of(fleet, confirm=Confirm.HOST, role="issuer") as client:
        row = structured(await client.call_tool("assign_sims", {"sims": sims, "customer": "13887"}))["sims"][0]
    assert row["outcome"] == "refused"
    assert "nothing changed" in row["note"]


@pytest.mark.parametrize("era", ERAS)
async def test_a_cancelled_change_stops_between_two_sims(fleet: Fleet, era: Era) -> None:
    """Nobody listens to progress here: that alone must not keep the change going."""
    sims = [
        fleet.scenarios[key]["iccid"] for key in ("healthy", "went_silent", "euicc", "imei_lock", "twin_a", "twin_b")
    ]
    await fleet.faults("latency=0.3@PATCH")
    async with client_of(fleet, era=era, confirm=Confirm.HOST) as client:
        async with anyio.create_task_group() as group:
            group.start_soon(client.call_tool, "set_sim_status", {"sims": sims, "status": "suspended"})
            while not await fleet.writes():  # noqa: ASYNC110  # the sandbox tells nobody.
                await anyio.sleep(0.01)
            group.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await anyio.sleep(1)
    assert len(await fleet.writes()) <= 2


async def test_an_agreement_that_is_not_a_plain_true_is_none(fleet: Fleet) -> None:
    answer = answering(ElicitResult(action="accept", content={"agree": "yes"}), [])
    async with client_of(fleet, answer=answer) as client:
        arguments = {"sims": [fleet.scenarios["healthy"]["iccid"]], "status": "suspended"}
        assert structured(await client.call_tool("set_sim_status", arguments))["state"] == "waiting for approval"
    assert await fleet.writes() == []


@pytest.mark.parametrize("fault", ["empty=x1@PATCH", "malformed=x1@PATCH"])
async def test_a_batch_whose_answer_cannot_be_read_is_settled_by_asking_again(fleet: Fleet, fault: str) -> None:
    await fleet.faults(fault)
    async with client_of(fleet, confirm=Confirm.HOST) as client:
        arguments = {"bic": fleet.scenarios["batch_registrable"]["bic"]}
        (row,) = structured(await client.call_tool("register_sim_batch", arguments))["sims"]
    assert row["outcome"] == "changed"
    assert "it is registered now" in row["note"]
    assert len(await fleet.writes()) == 1
