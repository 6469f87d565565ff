"""Error texts for the model: what was wrong, with which value, what to do next, and whether anything changed."""

import re
import sqlite3
from typing import Any

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import ValidationError

from sim_mcp.changes.policy.rules import ForbiddenByPolicyError
from sim_mcp.changes.record.storage import JournalError
from sim_mcp.changes.refusals import NotConfirmedError
from sim_mcp.emnify import (
    AuthenticationError,
    DeadlineExceededError,
    EmnifyError,
    ForbiddenError,
    InvalidValueError,
    NotFoundError,
    RateLimitedError,
    UnreachableError,
    UnreadableAnswerError,
    UpstreamError,
)
from sim_mcp.exports.files import ExportRefusedError
from sim_mcp.fleet.inventory.inventory import InventoryError
from sim_mcp.fleet.inventory.sql import UnknownNameError
from sim_mcp.fleet.lookup.failures import LookupFailedError
from sim_mcp.fleet.lookup.organisations import NotAllSeenError, OrganisationNotFoundError
from sim_mcp.formatting import join_sentences
from sim_mcp.sanitize import clean
from sim_mcp.tools.context import Here, NoTokenError, workspace_here

_NEXT_STEPS: tuple[tuple[type[EmnifyError], str], ...] = (
    (AuthenticationError, "The operator has to renew EMNIFY_APPLICATION_TOKEN."),
    (ForbiddenError, "The token's workspace or role lacks this right; the operator can use another token."),
    (NotFoundError, "list_sims finds SIMs by part of an ICCID, IMSI, MSISDN or by device name."),
    (DeadlineExceededError, "Ask for less at once, or try again in a minute."),
    (UpstreamError, "This is emnify's fault and usually passes: try again in a minute."),
    (UnreachableError, "The operator should check the network and EMNIFY_BASE_URL."),
    (UnreadableAnswerError, "Try again; if it stays so, the operator should check EMNIFY_BASE_URL."),
)


_EFFECT = re.compile(r" ?\b(?:Nothing was sent, nothing changed|Nothing changed)\.(?=\s|$)")
_WITH_OWN_TEXT = (
    NotConfirmedError,
    ExportRefusedError,
    ForbiddenByPolicyError,
    JournalError,
    NoTokenError,
    LookupFailedError,
    NotAllSeenError,
    OrganisationNotFoundError,
    UnknownNameError,
    InventoryError,
)
"""Errors whose message is written for the model already."""


def explain(cause: BaseException | None) -> str | None:
    """Return the text for an expected error, or None for a crash, whose details stay on the server."""
    if isinstance(cause, _WITH_OWN_TEXT):
        return str(cause)
    if isinstance(cause, ValidationError):
        return explain_arguments(cause)
    if isinstance(cause, ToolError):
        return str(cause)
    if isinstance(cause, sqlite3.Error):
        return (
            f"What this server keeps on disk cannot be used ({cause}). The operator should look at SIM_MCP_STATE_DIR, "
            "remove what is damaged there and restart the server. A question changes nothing; how a change stands, "
            "sim-mcp audit tells."
        )
    if isinstance(cause, EmnifyError):
        return join_sentences(str(cause), _next_step(cause), _effect(cause, str(cause)))
    return None


def leave_out_effect(text: str) -> str:
    """Return the text for a question, which changes nothing anyway, without the sentence that says so."""
    return _EFFECT.sub("", text).strip()


def explain_arguments(error: ValidationError) -> str:
    """Return the text for arguments that do not fit the schema: which, with which value, and what would fit."""
    problems = [_explain_argument(problem) for problem in error.errors(include_url=False)]
    return f"{'; '.join(problems)}. Nothing was sent, nothing changed."


def _explain_argument(problem: Any) -> str:
    name = ".".join(str(part) for part in problem["loc"] if not isinstance(part, int)) or "arguments"
    message = problem["msg"].removeprefix("Value error, ").replace("Input should", "should")
    if problem["type"] == "missing":
        return f"{name} is required"
    if problem["type"] == "string_type" and isinstance(problem["input"], int | float):
        message = "should be a string: put it in quotes, longer numbers lose digits on the way"
    # A pasted column is one text, and a list by the time it is counted.
    things = "characters" if problem["type"].startswith("string_") else "items"
    if (most := problem.get("ctx", {}).get("max_length")) is not None:
        message = f"should have at most {most} {things}"
    elif problem["type"] in {"too_short", "string_too_short"}:
        message = "should not be empty" if things == "characters" else "should have at least 1 item"
    return f"{name}={_format_value(problem['input'])}: {message}"


def _format_value(value: object) -> str:
    return clean(repr(value), 60)


def _next_step(error: EmnifyError) -> str:
    here = workspace_here()
    if isinstance(error, RateLimitedError):
        wait = error.retry_after_s
        return f"Try again in {wait:.0f} s." if wait is not None else "Try again in 30 s."
    if isinstance(error, NotFoundError) and "/sim_batch/" in (error.operation or ""):
        return "Compare the code with the packaging; it has 16 characters, '#' first."
    if "The operator should" in str(error):  # it says itself what to do.
        return ""
    if here is not None and isinstance(error, AuthenticationError):
        return _who_renews(here)
    if isinstance(error, UpstreamError) and error.status is None:
        return "Try again in a minute."
    return next((step for kind, step in _NEXT_STEPS if isinstance(error, kind)), "")


def _who_renews(here: Here) -> str:
    if here.token_page:
        return f"It is your own token that is refused: enter another one at {here.token_page}, where you sign in."
    return f"The operator has to renew the token of the workspace {here.name}."


def _effect(error: EmnifyError, message: str) -> str:
    if error.changed == "unknown":
        return "It may have happened: read the SIM again before repeating anything."
    if "nothing changed" in message.lower():
        return ""
    return "Nothing was sent, nothing changed." if isinstance(error, InvalidValueError) else "Nothing changed."
