"""A person's yes, by form, or the operator's standing decision. Nothing else counts as consent."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Context, Elicit
from mcp.types import CallToolResult, ClientCapabilities, TextContent
from pydantic import BaseModel, Field

from sim_mcp.settings import Confirm

MODERN = "2026-07-28"
_REMEMBERED = 10_000


class NotConfirmedError(Exception):
    """Nobody agreed, so nothing changed; the message says why and what can be done."""


class Agreement(BaseModel):
    """The form for a change that can be taken back."""

    agree: bool = Field(title="Do exactly this", description="Yes, carry out the change described above.")


class TypedAgreement(BaseModel):
    """The form for a deletion: something typed that shows the question was read."""

    typed: str = Field(title="To confirm, type what the text above asks for", max_length=40)


@dataclass(frozen=True)
class Standing:
    """An answer that needed no form: the operator's decision, or nothing to decide."""

    how: Literal["the operator's setting", "nothing to agree to"]


class Proposal(Protocol):
    """What consent needs to know of a plan."""

    @property
    def summary(self) -> str:
        """Say what would be done, in a few words."""

    @property
    def lines(self) -> Sequence[str]:
        """Say what it means, a line for each thing touched."""

    @property
    def anything_to_do(self) -> bool:
        """Tell whether anything would change at all."""

    @property
    def expected_words(self) -> tuple[str, ...]:
        """Return what a person may type to confirm; empty where nothing is to be typed."""

    @property
    def typing_request(self) -> str:
        """Ask for the words to type; empty where nothing is to be typed."""


def can_be_asked(ctx: Context[Any, Any]) -> bool:
    """Tell whether a form can reach a person behind this very call."""
    if not _declares_forms(ctx.client_capabilities):
        return False
    version = ctx.protocol_version or ""
    return version >= MODERN or ctx.session.can_send_request


def ask(ctx: Context[Any, Any], confirm: Confirm, plan: Proposal) -> Elicit[Agreement] | Standing:
    """Return the form for a change that can be taken back, or the standing answer.

    Raises:
        NotConfirmedError: The caller cannot be asked and the operator has not decided otherwise.
    """
    return _standing(ctx, confirm, plan) or Elicit(question(plan), Agreement)


def ask_typed(ctx: Context[Any, Any], confirm: Confirm, plan: Proposal) -> Elicit[TypedAgreement] | Standing:
    """Return the form for a deletion, which wants something typed, or the standing answer.

    Raises:
        NotConfirmedError: The caller cannot be asked and the operator has not decided otherwise.
    """
    return _standing(ctx, confirm, plan) or Elicit(question(plan), TypedAgreement)


def settle(plan: Proposal, answer: ElicitationResult[Any]) -> str:
    """Return how the change was agreed to.

    Raises:
        NotConfirmedError: The answer is not a yes to exactly this plan.
    """
    if not isinstance(answer, AcceptedElicitation):
        raise NotConfirmedError(
            f"Not confirmed: {plan.summary}. Nothing changed. The form came back without a yes "
            f"({answer.action}); perhaps nobody saw it. If a person wants this change, call again."
        )
    given = answer.data
    if isinstance(given, Standing):
        return given.how
    if isinstance(given, Agreement) and given.agree:
        return "a person, by form"
    if isinstance(given, TypedAgreement) and "".join(given.typed.split()) in plan.expected_words:
        return "a person, by form"
    reason = "what was typed is not what the form asked for" if plan.expected_words else "the box was not ticked"
    raise NotConfirmedError(
        f"Not confirmed: {plan.summary}. Nothing changed, because {reason}. If a person wants this change, call again."
    )


def question(plan: Proposal) -> str:
    """Word the question; the same plan always gives the same words, as the protocol demands."""
    return "\n".join([f"{plan.summary}?", *(f"• {line}" for line in plan.lines), plan.typing_request]).rstrip()


class UsedOnce:
    """Let each answered form be used once: the protocol itself lets a client send it again."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, None] = OrderedDict()

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Refuse a `tools/call` whose sealed `requestState` has been here before."""
        state = (ctx.params or {}).get("requestState")
        if isinstance(state, str) and ctx.method == "tools/call":
            digest = hashlib.sha256(state.encode()).hexdigest()
            if digest in self._seen:
                return _already_used()
            self._seen[digest] = None
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
        return await call_next(ctx)


def _standing(ctx: Context[Any, Any], confirm: Confirm, plan: Proposal) -> Standing | None:
    if not plan.anything_to_do:
        return Standing("nothing to agree to")
    if confirm is Confirm.HOST:
        return Standing("the operator's setting")
    if can_be_asked(ctx):
        return None
    lines = "\n".join(f"- {line}" for line in plan.lines)
    raise NotConfirmedError(
        f"Not done: {plan.summary}. Nothing changed. A person has to agree first, and this client "
        f"cannot show a form to ask with. It would have been:\n{lines}\n"
        "What the operator can do: use a client that shows forms (such as Claude Code, VS Code or Cursor), "
        "or set SIM_MCP_CONFIRM=host where the host asks a person before each call."
    )


def _declares_forms(capabilities: ClientCapabilities | None) -> bool:
    elicitation = capabilities.elicitation if capabilities is not None else None
    # A bare `elicitation: {}` is how clients from before the modes say "forms".
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def _already_used() -> CallToolResult:
    text = (
        "This confirmation was used already; each one counts once. Nothing changed now. "
        "If a person wants the change again, call the tool anew."
    )
    return CallToolResult(content=[TextContent(text=text)], is_error=True)
