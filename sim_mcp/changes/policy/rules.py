"""The operator's standing decisions: which changes need a person's yes, and which nobody may make."""

import difflib
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sim_mcp.changes.kinds import STATUSES, StatusWord, ToolName
from sim_mcp.changes.plan import Plan
from sim_mcp.changes.record.entries import Caller
from sim_mcp.principal import SCOPES, Scope
from sim_mcp.settings import Confirm

Decision = Literal["allow", "ask", "page", "never"]
"""Nobody is asked; by form or else on the page; on the page alone, for hosts that answer forms themselves; refused."""


Approver = Literal["requester", "another", "sims:approve"]
"""Who asked; somebody else who may make such a change, or may approve (four eyes); whoever may approve."""


class PolicyError(Exception):
    """The policy file cannot be used; the message says where."""


class ForbiddenByPolicyError(Exception):
    """The operator's policy does not let this change be made; nothing changed."""


class Rule(BaseModel):
    """One decision, and the changes it is about; what is left out matches anything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    decision: Decision
    approver: Approver | None = None
    """Whose yes it takes where one is asked for; by default what the file says outside its rules."""
    tool: ToolName | None = None
    status: StatusWord | None = None
    max_sims: int | None = Field(default=None, ge=1, strict=True)
    principal: str | None = None
    """Who asks: the subject, or issuer and subject, as the audit has them; of who did not sign in the account."""
    scope: Scope | None = None
    """What who asks may do."""
    workspace: str | None = None
    """The workspace as a plan names it, or its id alone."""

    @model_validator(mode="after")
    def _may_fit(self) -> Self:
        # A rule about another status would never fit, and nobody would notice.
        if self.tool is not None and self.status is not None and self.status not in STATUSES[self.tool]:
            known = ", ".join(STATUSES[self.tool]) or "no status at all"
            raise ValueError(f'it never fits: {self.tool} does not set status "{self.status}", but {known}')
        return self

    @model_validator(mode="after")
    def _asks_whom_it_names(self) -> Self:
        if self.approver is not None and self.decision in ("allow", "never"):
            raise ValueError(f'decision = "{self.decision}" asks nobody, so that approver says nothing; leave it out')
        return self

    def fits(self, plan: Plan, caller: Caller | None) -> bool:
        """Tell whether a plan of a caller is what this rule is about."""
        sims = plan.sims_to_do
        status = plan.change.status.word if plan.change.status is not None else None
        return (
            self.tool in (None, plan.tool)
            and self.status in (None, status)
            and (self.max_sims is None or (sims is not None and sims <= self.max_sims))
            and self.workspace in (None, plan.workspace, _id_of(plan.workspace), plan.workspace_name or None)
            and self._is_about(caller)
        )

    def _is_about(self, caller: Caller | None) -> bool:
        if caller is None:
            return self.principal is None and self.scope is None
        names = (caller.subject, caller.identity) if caller.signed_in else (caller.principal,)
        return self.principal in (None, *names) and (self.scope is None or self.scope in caller.scopes)


class Policy(BaseModel):
    """The rules in order; the first that fits decides, and where none fits, the default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: tuple[Rule, ...] = ()
    default: Decision = "ask"
    approver: Approver = "requester"

    def approver_of(self, plan: Plan, caller: Caller | None = None) -> Approver:
        """Return whose yes a plan takes, where one is asked for."""
        rule = self._rule_for(plan, caller)
        return rule.approver if rule is not None and rule.approver is not None else self.approver

    def decide(self, plan: Plan, caller: Caller | None = None) -> Decision:
        """Decide on one plan.

        What cannot be undone is asked about, unless a rule that names its tool says otherwise; so is a batch of which
        nobody knows how many SIMs it holds.
        """
        rule = self._rule_for(plan, caller)
        decision = rule.decision if rule is not None else self.default
        named = rule is not None and rule.tool == plan.tool
        needs_a_name = plan.change.irreversible and not named
        return "ask" if decision == "allow" and (needs_a_name or plan.sims_to_do is None) else decision

    @property
    def wants_others(self) -> bool:
        """Tell whether somebody who signs in has to agree to some change that they did not ask for."""
        named = {self.approver, *(rule.approver for rule in self.rule)}
        return not named <= {None, "requester"}

    def _rule_for(self, plan: Plan, caller: Caller | None) -> Rule | None:
        return next((rule for rule in self.rule if rule.fits(plan, caller)), None)


def read_policy(file: Path | None, confirm: Confirm) -> Policy:
    """Read the policy file; without one, `SIM_MCP_CONFIRM` alone decides.

    Raises:
        PolicyError: The file is missing, or holds what is not a rule; the message says what to write instead.
    """
    default: Decision = "allow" if confirm is Confirm.HOST else "ask"
    if file is None:
        return Policy(default=default)
    try:
        # Editors on Windows put a mark in front.
        raw = tomllib.loads(file.read_text(encoding="utf-8-sig"))
        if not raw:
            raise PolicyError(_unusable(file, f"holds no rule and no default, so it decides nothing; {_EXAMPLE}"))
        return Policy.model_validate({"default": default, **raw})
    except OSError as error:
        raise PolicyError(_unusable(file, f"cannot be read ({error.strerror})")) from None
    except UnicodeDecodeError:
        raise PolicyError(_unusable(file, "cannot be read: it is not UTF-8; save it as UTF-8 text")) from None
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(_unusable(file, f"is not TOML: {error}; {_EXAMPLE}")) from None
    except ValidationError as error:
        raise PolicyError(_unusable(file, f"cannot be used: {'; '.join(map(_problem, error.errors()))}")) from None


_EXAMPLE = """a rule is written [[rule]], then tool = "set_sim_status" and decision = "ask", a line each"""
_WORDS: dict[str, Sequence[str]] = {
    "decision": get_args(Decision),
    "default": get_args(Decision),
    "approver": get_args(Approver),
    "scope": SCOPES,
    "tool": tuple(STATUSES),
    "status": get_args(StatusWord),
}


def _id_of(workspace: str) -> str | None:
    """Return the id in a workspace as plans name it: "Acme" (id 7), or id 7."""
    return workspace.removesuffix(")").rpartition("id ")[2] or None


def _unusable(file: Path, why: str) -> str:
    return f"SIM_MCP_POLICY: {file} {why}. Nothing was started."


def _problem(error: Any) -> str:
    """Word one thing that is wrong with a policy: where, and what to write instead."""
    place, key = error["loc"], str(error["loc"][-1])
    if place == ("rule",):
        return "rules start with [[rule]], in two brackets, one for each rule"
    where = f"rule {place[1] + 1}" if len(place) > 1 else "the file"
    match error["type"]:
        case "missing":
            return f"rules start with [[rule]]; {where} has no {key}: write {key} = {_or(_WORDS[key])}"
        case "value_error":
            return f"{where}: {error['msg'].removeprefix('Value error, ')}"
        case "extra_forbidden":
            return f"{where} knows no {_unknown(key, in_rule=len(place) > 1)}"
        case _:
            return f"{where}: {_wrong_value(key, error['input'])}"


def _unknown(key: str, *, in_rule: bool) -> str:
    known = list(Rule.model_fields if in_rule else Policy.model_fields)
    if not in_rule and key in Rule.model_fields:
        return f'"{key}" outside a rule: write [[rule]] on a line above it'
    return f'"{key}"{_near(key, known)}; it knows {", ".join(known)}'


def _wrong_value(key: str, value: object) -> str:
    if key in _WORDS:
        return f"{key} = {_written(value)} is none of {_or(_WORDS[key])}{_near(str(value), _WORDS[key])}"
    if key in ("principal", "workspace"):
        return f"{key} = {_written(value)} is no text: write it in quotes"
    if key == "max_sims":
        return f"max_sims = {_written(value)} is no number of SIMs: write a whole number from 1 on, without quotes"
    return f"{_written(value)} is no rule: {_EXAMPLE}"


def _written(value: object) -> str:
    """Write a value as it stands in the file."""
    return json.dumps(value, default=str, ensure_ascii=False)[:60]


def _or(words: Sequence[str]) -> str:
    *others, last = [f'"{word}"' for word in words]
    return f"{', '.join(others)} or {last}"


def _near(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f'; did you mean "{near[0]}"?' if near else ""
