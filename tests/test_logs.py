"""The formatter of logs in JSON."""

import json
import logging

from sim_mcp.logs import JsonLines, TextLines, hide, logging_with


def record(message: str, *args: object, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("a.logger", logging.WARNING, __file__, 1, message, args, None)
    made.__dict__.update(more)
    return made


def test_a_line_has_what_is_told_apart_and_nothing_a_library_adds() -> None:
    line = json.loads(JsonLines().format(record("%s\nand on", "one", tool="get_sim", status=None, color_message="red")))
    assert set(line) == {"time", "level", "logger", "message", "tool"}
    assert (line["message"], line["level"], line["logger"]) == ("one\nand on", "WARNING", "a.logger")


def test_an_exception_and_what_it_hides_are_in_the_same_line() -> None:
    hide("an-upstream-token")
    error = ValueError("an-upstream-token was refused")
    text = JsonLines().format(record("it failed", exc_info=(ValueError, error, None)))
    assert "\n" not in text
    assert "an-upstream-token" not in text
    assert "ValueError: … was refused" in json.loads(text)["exception"]


def test_fields_of_a_request_end_with_it() -> None:
    with logging_with({"request": "1"}), logging_with({"trace": "2"}):
        inside = json.loads(JsonLines().format(record("in")))
    assert (inside["request"], inside["trace"]) == ("1", "2")
    assert "request" not in json.loads(JsonLines().format(record("out")))


def test_a_line_of_text_ends_with_the_workspace_where_there_are_several() -> None:
    lines = TextLines("%(name)s: %(message)s")
    with logging_with({"workspace": "acme", "request": "1"}):
        assert lines.format(record("in")) == "a.logger: in (workspace acme)"
    assert lines.format(record("out")) == "a.logger: out"
