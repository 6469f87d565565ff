"""A person's yes, by form, or the operator's standing decision. Nothing else counts as consent."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

import anyio
from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Context, Elicit
from mcp.types import ClientCapabilities
from pydantic import BaseModel, Field, StrictBool

from sim_mcp.changes.agreement import BY_FORM
from sim_mcp.changes.plan import typed_right
from sim_mcp.changes.policy import Decision, ForbiddenByPolicyError
from sim_mcp.changes.record.entries import StoredPlan
from sim_mcp.sanitize import fence

MODERN = "2026-07-28"
_CLEAR_NO = {"n", "nein", "no", "non"}
"""What somebody types who means no, where a number was asked for."""

_SHOWN = 25
"""Lines a form can hold and a person can read; the rest is counted."""


class Agreement(BaseModel):
    """The form for a change that can be taken back."""

    agree: StrictBool = Field(title="Do exactly this", description="Yes, carry out the change described above.")


class TypedAgreement(BaseModel):
    """The form for a deletion: something typed that shows the question was read."""

    typed: str = Field(title="To confirm, type what the text above asks for", max_length=40)


class Serving(Protocol):
    """What consent has to know of how the server is reached."""

    @property
    def forms_count(self) -> bool:
        """Whether a form that the client answers is a person's word."""


FormT = TypeVar("FormT", Agreement, TypedAgreement)


@dataclass(frozen=True)
class NoForm:
    """Why no form was shown: it is decided already, there is nothing to decide, or nobody can be asked this way."""

    reason: Literal["the operator's policy", "nothing to agree to", "cannot be asked"]


@dataclass(frozen=True)
class Asking:
    """How asking by form stands within one call: since when it runs, and whether a form came to nothing."""

    started: float
    waits_s: float
    scope: anyio.CancelScope
    failed: bool


_asking: ContextVar[Asking | None] = ContextVar("asking", default=None)


@contextmanager
def asking(started: float, waits_s: float, *, failed: bool = False) -> Iterator[None]:
    """Leave the block early when a form was open for `waits_s`; after one that failed, show none.

    `started` is the moment of the event loop's clock at which the call began.
    """
    with anyio.CancelScope() as scope:
        token = _asking.set(Asking(started, waits_s, scope, failed))
        try:
            yield
        finally:
            _asking.reset(token)


def answered() -> float:
    """Stop the clock of the form, if there was one, and return since when the call runs."""
    state = _asking.get()
    if state is None:
        return anyio.current_time()
    state.scope.deadline = math.inf
    return state.started


def can_be_asked(ctx: Context[Any, Any]) -> bool:
    """Tell whether a form can reach a person behind this very call."""
    if not _forms_count(ctx):
        return False
    if _failed() or not _declares_forms(ctx.client_capabilities):
        return False
    version = ctx.protocol_version or ""
    return version >= MODERN or ctx.session.can_send_request


def ask(ctx: Context[Any, Any], decision: Decision, stored: StoredPlan, form: type[FormT]) -> Elicit[FormT] | NoForm:
    """Return the form to ask with, or why there is none; from here on its time runs.

    Raises:
        ForbiddenByPolicyError: The operator's policy forbids the change.
    """
    reason = _no_form(ctx, decision, stored)
    if reason is None and (state := _asking.get()) is not None:
        state.scope.deadline = anyio.current_time() + state.waits_s
    return reason or Elicit(question(stored), form)


def agreed_by(stored: StoredPlan, answer: ElicitationResult[Any]) -> str | None:
    """Return how the change was agreed to, or None where it was not: anything but a clear yes is none."""
    if not isinstance(answer, AcceptedElicitation):
        return None
    given = answer.data
    if isinstance(given, NoForm):
        return None if given.reason == "cannot be asked" else given.reason
    if isinstance(given, Agreement):
        return BY_FORM if given.agree else None
    if isinstance(given, TypedAgreement):
        return BY_FORM if typed_right(stored.plan, given.typed) else None
    return None


def refused_by(answer: ElicitationResult[Any]) -> str | None:
    """Return how the change was refused, or None where it was not: only a clear no is one.

    To decline a form or to close it is none: hosts do both by themselves, before anybody has seen it.
    """
    given = answer.data if isinstance(answer, AcceptedElicitation) else None
    if isinstance(given, Agreement):
        return None if given.agree else BY_FORM
    if isinstance(given, TypedAgreement):
        return BY_FORM if given.typed.strip(" .!").lower() in _CLEAR_NO else None
    return None


def was_asked(answer: ElicitationResult[Any]) -> bool:
    """Tell whether a form went out at all."""
    return _failed() or not (isinstance(answer, AcceptedElicitation) and isinstance(answer.data, NoForm))


def question(stored: StoredPlan) -> str:
    """Word the question; the same plan always gives the same words, and another plan gives others.

    The id in it is what makes an answer good for one plan only: an answer sent again meets a new question.
    """
    lines = [f"• {line}" for line in stored.plan.lines[:_SHOWN]]
    more = [f"• and {len(stored.plan.lines) - _SHOWN:,} more"] if len(stored.plan.lines) > _SHOWN else []
    head = f"{stored.plan.summary}? (plan {stored.id})"
    return "\n".join([head, *lines, *more, stored.plan.typing_request]).rstrip()


def _forms_count(ctx: Context[Any, Any]) -> bool:
    serving: Serving = ctx.request_context.lifespan_context
    return serving.forms_count


def _failed() -> bool:
    state = _asking.get()
    return state is not None and state.failed


def _no_form(ctx: Context[Any, Any], decision: Decision, stored: StoredPlan) -> NoForm | None:
    if not stored.plan.to_do:
        return NoForm("nothing to agree to")
    if decision == "never":
        raise ForbiddenByPolicyError(
            "Not done. Nothing changed. The operator's policy (SIM_MCP_POLICY) forbids this:\n"
            f"{fence(f'{stored.plan.summary}.')}"
        )
    if decision == "allow" and _forms_count(ctx):
        return NoForm("the operator's policy")
    return NoForm("cannot be asked") if decision == "page" or not can_be_asked(ctx) else None


def _declares_forms(capabilities: ClientCapabilities | None) -> bool:
    elicitation = capabilities.elicitation if capabilities is not None else None
    # A bare `elicitation: {}` is how clients from before the modes say "forms".
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)
