"""Bad input of every kind to every tool: a clear answer, nothing sent that should not be, the server still alive."""

from typing import Any

import pytest
from mcp import Client

from tests.support import Fleet, structured, text_of

HUGE = "9" * 10_000
NOT_SIMS: list[Any] = [
    "",
    "   ",
    HUGE,
    "line\nbreak",
    "nul\x00byte",
    "89883030000060000005",  # the check digit should be 4.
    "8988303000006000999",
    "999999999",
    "-1",
    "0",
    "../../etc/passwd",
    "1?q=x",
    "1/stats",
    "a,b",
    "iccid:1",
    "' OR 1=1 --",
    "💥" * 50,
    None,
    True,
    1.5,
    8988303000006000000123,
    {},
    ["x"],
]
SIM_TOOLS = ["get_sim", "get_sim_usage", "get_sim_daily_usage", "get_sim_timeline"]
WRITING: list[tuple[str, dict[str, Any]]] = [
    ("set_sim_status", {"status": "suspended"}),
    ("assign_sims", {"customer": "none"}),
    ("delete_sims", {}),
]
NOT_BICS: list[Any] = [
    "",
    "#",
    "31F6E2S6XTR3NEY",
    "#31F6E2S6XTR3NE",
    "#31F6E2S6XTR3NEYY",
    "#31F-6E2S\n",
    HUGE,
    None,
    5,
    [],
]


def assert_helps(text: str) -> None:
    assert 10 < len(text) < 2000
    for leak in ("Traceback", "sim_mcp.", "pydantic", "http://", "Error executing", "object at 0x", "Bearer"):
        assert leak not in text


async def assert_alive(client: Client) -> None:
    assert structured(await client.call_tool("list_sims", {"per_page": 1}))["total"]


@pytest.mark.parametrize("sim", NOT_SIMS, ids=lambda value: repr(value)[:24])
async def test_what_names_no_sim_is_a_clear_error_in_every_tool(fleet: Fleet, client: Client, sim: Any) -> None:
    for tool in SIM_TOOLS:
        result = await client.call_tool(tool, {"sim": sim})
        assert result.is_error
        assert result.structured_content is None
        assert_helps(text_of(result))
    for tool, arguments in WRITING:
        result = await client.call_tool(tool, {"sims": [sim], **arguments})
        assert result.is_error
        assert_helps(text_of(result))
        assert "nothing changed" in text_of(result).lower()
    assert await fleet.writes() == []
    await assert_alive(client)


@pytest.mark.parametrize("sim", ["8.98830E+18", "8988303000006000000.0", "line\nbreak", "", None])
async def test_what_cannot_be_right_is_refused_before_anything_is_sent(fleet: Fleet, client: Client, sim: Any) -> None:
    for tool in SIM_TOOLS:
        await client.call_tool(tool, {"sim": sim})
    assert await fleet.requests() == []


async def test_a_wrong_check_digit_is_named_with_the_right_one(client: Client) -> None:
    text = text_of(await client.call_tool("get_sim", {"sim": "8988 3030 0000 6000 0005"}))
    assert "should be 4" in text


@pytest.mark.parametrize("tool", [*SIM_TOOLS, "set_sim_status", "delete_sims"])
async def test_other_peoples_sims_are_not_found(fleet: Fleet, client: Client, tool: str) -> None:
    story = fleet.scenarios["foreign"]
    for name in (str(story["sim_id"]), story["iccid"], story["imsi"], story["device_name"]):
        plural = tool.endswith(("_sims", "_status"))
        arguments: dict[str, Any] = {"sims": [name]} if plural else {"sim": name}
        if tool == "set_sim_status":
            arguments["status"] = "suspended"
        result = await client.call_tool(tool, arguments)
        assert result.is_error
        assert "No SIM found" in text_of(result)
    assert await fleet.writes() == []


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("list_sims", {"page": 0}, "page=0"),
        ("list_sims", {"page": -1}, "page=-1"),
        ("list_sims", {"page": "two"}, "page='two'"),
        ("list_sims", {"per_page": 101}, "per_page=101"),
        ("list_sims", {"per_page": 100, "detail": "full"}, "per_page=100"),
        ("list_sims", {"status": "deleted"}, "status='deleted'"),
        ("list_sims", {"status": 1}, "status=1"),
        ("list_sims", {"iccid": "1,2"}, "comma"),
        ("list_sims", {"model": "a\nb"}, "line break"),
        ("list_sims", {"imsi": "2.95050E+14"}, "the others are lost"),
        ("list_sims", {"status": []}, "status=[]"),
        ("summarize_sims", {}, "group_by is required"),
        ("summarize_sims", {"group_by": ["status", "model", "issuer"]}, "at most 2 items"),
        ("summarize_sims", {"group_by": ["colour"]}, "group_by='colour'"),
        ("summarize_sims", {"group_by": ["status"], "customer": "Nobody Ltd"}, "Nobody Ltd"),
        ("find_sims", {"text": ""}, "text=''"),
        ("list_sims", {"iccid": "89883030000060000005"}, "should be 4"),
        ("list_sims", {"produced": "yesterday"}, "produced='yesterday'"),
        ("list_sims", {"sort": "imsi"}, "sort='imsi'"),
        ("list_sims", {"customer": "Nobody Ltd"}, "Nobody Ltd"),
        ("list_sims", {"state": "suspended"}, "Did you mean status"),
        ("get_sim", {}, "sim is required"),
        ("get_sim", {"sim": "1", "confirm": True}, "no parameter 'confirm'"),
        ("get_sim_daily_usage", {"sim": "1", "start": "2026-03-02", "end": "2026-03-01"}, "swap them"),
        ("get_sim_daily_usage", {"sim": "1", "start": "2020-01-01", "end": "2026-01-01"}, "longer than"),
        ("get_sim_daily_usage", {"sim": "1", "start": "2026-02-30"}, "start='2026-02-30'"),
        ("get_sim_daily_usage", {"sim": "1", "end": "0001-01-01"}, "between 2000 and 2100"),
        ("list_sim_events", {"sim": "1", "end": "0001-01-01T00:00:00Z"}, "between 2000 and 2100"),
        ("list_sim_events", {"sim": "1", "start": "9999-12-31T23:59:59-14:00"}, "between 2000 and 2100"),
        ("list_sim_events", {"sim": "1", "type": ["no such thing"]}, "no event type"),
        ("list_sim_events", {"sim": "1", "type": ["1"] * 7}, "at most 6"),
        ("list_sim_events", {"sim": "1", "severity": "bad"}, "severity='bad'"),
        ("list_sim_events", {"sim": "1", "start": "soon"}, "start='soon'"),
        ("list_sim_events", {"sim": "1", "start": "2026-03-02", "end": "2026-03-01"}, "swap them"),
        ("list_sim_events", {"sim": "1", "text": "a,b"}, "comma"),
        ("list_sim_events", {"sim": "1", "per_page": 0}, "per_page=0"),
        ("set_sim_status", {"sims": [], "status": "suspended"}, "at least 1 item"),
        ("set_sim_status", {"sims": ["1"] * 3001, "status": "suspended"}, "at most 3000 items"),
        ("set_sim_status", {"sims": ["1"], "status": "issued"}, "status='issued'"),
        ("set_sim_status", {"sims": "1"}, "status is required"),
        ("set_sim_status", {"sims": ["1"], "status": "suspended", "confirm": True}, "no parameter 'confirm'"),
        ("delete_sims", {"sims": {"id": 1}}, "sims="),
        ("assign_sims", {"sims": ["1"]}, "at least one of customer"),
        ("assign_sims", {"sims": ["1"], "customer": "Nobody Ltd"}, "Nobody Ltd"),
        ("register_sim_batch", {"bic": "#31F6E2S6XTR3NEY", "status": "suspended"}, "status='suspended'"),
    ],
)
async def test_a_wrong_argument_is_named_with_its_value_and_nothing_but_reads_is_sent(
    fleet: Fleet, client: Client, tool: str, arguments: dict[str, Any], says: str
) -> None:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    assert says in text_of(result)
    assert_helps(text_of(result))
    assert await fleet.writes() == []
    await assert_alive(client)


@pytest.mark.parametrize("bic", NOT_BICS, ids=lambda value: repr(value)[:24])
async def test_what_is_no_batch_code_is_refused_before_anything_is_sent(fleet: Fleet, client: Client, bic: Any) -> None:
    for tool in ("validate_sim_batch", "register_sim_batch"):
        result = await client.call_tool(tool, {"bic": bic})
        assert result.is_error
        assert_helps(text_of(result))
    assert await fleet.requests() == []
    await assert_alive(client)


@pytest.mark.parametrize("story", ["batch_registered", "batch_foreign", "batch_unknown"])
async def test_a_batch_that_cannot_be_registered_is_refused_with_its_reason(
    fleet: Fleet, client: Client, story: str
) -> None:
    reasons = {"batch_registered": "registered", "batch_foreign": "another", "batch_unknown": "knows no batch"}
    for tool in ("validate_sim_batch", "register_sim_batch"):
        result = await client.call_tool(tool, {"bic": fleet.scenarios[story]["bic"]})
        assert result.is_error
        assert reasons[story] in text_of(result)
    assert await fleet.writes() == []


async def test_a_tool_that_does_not_exist_does_not_end_the_server(client: Client) -> None:
    assert (await client.call_tool("drop_database", {})).is_error
    await assert_alive(client)
