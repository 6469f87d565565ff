"""4xx answers of emnify as exceptions; its services use four shapes of error bodies."""

from typing import Any

import httpx

from sim_mcp.emnify.errors import (
    AuthenticationError,
    ConflictError,
    EmnifyError,
    ForbiddenError,
    NotFoundError,
    RuleError,
)
from sim_mcp.emnify.identifiers import Bic
from sim_mcp.sanitize import clean

_LOCKED_OUT = 1105
_MAX_MESSAGE_LENGTH = 200
_RULES: dict[int, str] = {
    1000: "it cannot read a value of the request",
    1301: "it cannot filter that way",
    1302: "it cannot sort that way",
    1400: "a value of the request is not valid",
    1401: "something the request refers to does not exist",
    1402: "something the request needs is missing",
    1403: "a value of the request has the wrong form",
    1405: "that exists already",
    1406: "its rules do not allow that",
}
"""What emnify's documented error codes mean (emnify docs: errors)."""


def refusal(operation: str, subject: str, response: httpx.Response) -> EmnifyError:
    """Return the exception for a 4xx answer; emnify's own text is kept apart from its message."""
    status = response.status_code
    body = _object(response)
    code = body.get("error_code") if isinstance(body.get("error_code"), int) else None
    facts: dict[str, Any] = {
        "operation": operation,
        "status": status,
        "code": code,
        "token": _clean_or_none(body.get("error_token")),
        "upstream_message": _clean_or_none(body.get("message")),
    }
    match status:
        case 401 if code == _LOCKED_OUT:
            return AuthenticationError("emnify has locked this token for five minutes after failed sign-ins", **facts)
        case 401:
            return AuthenticationError(f"emnify does not accept {subject}: wrong, expired or revoked", **facts)
        case 403:
            return ForbiddenError(f"emnify does not let this token do that with {subject}", **facts)
        case 404:
            return NotFoundError(f"emnify knows no {subject} in this workspace", **facts)
        case 409:
            return ConflictError(f"emnify refused for {subject}: {_why(code, 'its present state forbids it')}", **facts)
        case _:
            return RuleError(f"emnify refused for {subject}: {_why(code, 'one of its rules forbids it')}", **facts)


def sign_in_refusal(operation: str, response: httpx.Response) -> EmnifyError:
    """Return the exception for a 4xx answer to POST /api/v1/authenticate, where 400 and 404 mean the token too."""
    error = refusal(operation, "the application token", response)
    if response.status_code not in (400, 404):
        return error
    return AuthenticationError(
        "emnify does not accept the application token: it cannot be read or is not known",
        operation=operation,
        status=error.status,
        code=error.code,
        token=error.token,
        upstream_message=error.upstream_message,
    )


def _why(code: int | None, otherwise: str) -> str:
    known = _RULES.get(code) if code is not None else None
    return f"{known or otherwise}{f' (error {code})' if code is not None else ''}"


def _object(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _clean_or_none(text: object) -> str | None:
    if not isinstance(text, str):
        return None
    return clean(text, _MAX_MESSAGE_LENGTH) or None


def batch_refusal(bic: Bic, error: RuleError) -> RuleError:
    """Return a refusal of a batch that says why; emnify says so by the status alone."""
    reasons = {400: "it is registered already", 422: "its SIMs belong to another organisation"}
    why = reasons.get(error.status or 0, "emnify refuses it")
    return RuleError(
        f"batch {bic.display} cannot be registered: {why}",
        operation=error.operation,
        status=error.status,
        code=error.code,
    )
