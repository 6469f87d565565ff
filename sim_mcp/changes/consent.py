"""A person's yes, by form, or the operator's standing decision. Nothing else counts as consent."""

import logging
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

import anyio
from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Context, Elicit
from mcp.shared.exceptions import MCPError
from mcp.types import ClientCapabilities, ElicitResult, InputResponse
from pydantic import BaseModel, Field, StrictBool, ValidationError

from sim_mcp.changes.policy.agreement import BY_FORM
from sim_mcp.changes.policy.rules import Decision, ForbiddenByPolicyError
from sim_mcp.changes.record.entries import StoredPlan
from sim_mcp.sanitize import fence

log = logging.getLogger(__name__)

MODERN = "2026-07-28"
_CLEAR_NO = {"n", "nein", "no", "non"}
"""What somebody types who means no, where a number was asked for."""

_SHOWN = 25
"""SIMs a form can list and a person can read; the rest is counted."""


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
    """Why there is no answer to a form: none was needed, none could be shown, or it came back without one."""

    reason: Literal["the operator's policy", "nothing to agree to", "cannot be asked", "not answered"]


def can_be_asked(ctx: Context[Any, Any]) -> bool:
    """Tell whether a form can reach a person behind this very call."""
    if not _forms_count(ctx):
        return False
    if not _declares_forms(ctx.client_capabilities):
        return False
    return _is_modern(ctx) or ctx.session.can_send_request


async def ask(
    ctx: Context[Any, Any], decision: Decision, stored: StoredPlan, form: type[FormT], waits_s: float
) -> Elicit[FormT] | FormT | NoForm:
    """Ask by form, and return the form to be shown, or the one filled in, or why there is none.

    Since protocol 2026-07-28 the client shows the form between two calls. Before, it answers within this one, and is
    waited for `waits_s` seconds.

    Raises:
        ForbiddenByPolicyError: The operator's policy forbids the change.
    """
    if (reason := _no_form(ctx, decision, stored)) is not None:
        return reason
    if _is_modern(ctx):
        unusable = any(_is_unusable(answer, form) for answer in (ctx.input_responses or {}).values())
        return NoForm("not answered") if unusable else Elicit(question(stored), form)
    with anyio.move_on_after(waits_s):
        try:
            answer = await ctx.elicit(question(stored), form)
        except MCPError as error:
            log.info("The form of %s came back as a protocol error %d", stored.plan.tool, error.error.code)
        except ValueError:
            log.info("The form of %s came back with something it has no room for", stored.plan.tool)
        else:
            return answer.data if isinstance(answer, AcceptedElicitation) else NoForm("not answered")
    return NoForm("not answered")


def agreed_by(stored: StoredPlan, answer: ElicitationResult[Any]) -> str | None:
    """Return how the change was agreed to, or None where it was not: anything but a clear yes is none."""
    if not isinstance(answer, AcceptedElicitation):
        return None
    given = answer.data
    if isinstance(given, NoForm):
        return given.reason if given.reason in ("the operator's policy", "nothing to agree to") else None
    if isinstance(given, Agreement):
        return BY_FORM if given.agree else None
    if isinstance(given, TypedAgreement):
        return BY_FORM if stored.plan.is_confirmed_by(given.typed) else None
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
    given = answer.data if isinstance(answer, AcceptedElicitation) else None
    return not isinstance(given, NoForm) or given.reason == "not answered"


def question(stored: StoredPlan) -> str:
    """Return the question; the same plan always gives the same words, and another plan gives others.

    The id in it is what makes an answer good for one plan only: an answer sent again meets a new question.
    """
    groups, left_out = stored.plan.outline(_SHOWN)
    lines: list[str] = []
    for group in groups:
        lines.append(f"• {group.heading}")
        lines += [] if group.is_single else [f"  {item.identity}" for item in group.listed]
    more = [f"• and {left_out:,} more"] if left_out else []
    head = f"{stored.plan.summary}? (plan {stored.id})"
    due = [f"Falls due now: {stored.plan.due}." if stored.plan.due else ""]
    asked = [stored.plan.header, head, *lines, *more, *due, stored.plan.confirmation_request]
    return "\n".join(filter(None, asked))


def _forms_count(ctx: Context[Any, Any]) -> bool:
    serving: Serving = ctx.request_context.lifespan_context
    return serving.forms_count


def _is_modern(ctx: Context[Any, Any]) -> bool:
    return (ctx.protocol_version or "") >= MODERN


def _is_unusable(answer: InputResponse, form: type[BaseModel]) -> bool:
    """Tell whether a form came back with what it has no room for; to decline or to close it is room enough."""
    if not isinstance(answer, ElicitResult):
        return True
    if answer.action != "accept":
        return False
    try:
        form.model_validate(answer.content)
    except ValidationError:
        return True
    return False


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
