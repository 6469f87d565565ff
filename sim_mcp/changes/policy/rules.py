"""The operator's standing decisions: which changes need a person's yes, and which nobody may make."""

import difflib
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sim_mcp.changes.kinds import STATUSES, StatusWord
from sim_mcp.changes.plan import Plan
from sim_mcp.changes.policy.about import About
from sim_mcp.changes.policy.limit import LONGEST_H, Limit, Over, Per
from sim_mcp.changes.record.entries import Caller
from sim_mcp.principal import SCOPES
from sim_mcp.settings import Confirm

Decision = Literal["allow", "ask", "page", "never"]
"""Nobody is asked; by form or else on the page; on the page alone, for hosts that answer forms themselves; refused."""


Approver = Literal["requester", "another", "sims:approve"]
"""Who asked; somebody else who may make such a change, or may approve (four eyes); whoever may approve."""


class PolicyError(Exception):
    """The policy file cannot be used; the message says where."""


class ForbiddenByPolicyError(Exception):
    """The operator's policy does not let this change be made; nothing changed."""


class Rule(About):
    """One decision, and the changes it is about; what is left out matches anything."""

    decision: Decision
    approver: Approver | None = None
    """Whose yes it takes where one is asked for; by default what the file says outside its rules."""
    max_sims: int | None = Field(default=None, ge=1, strict=True)

    @model_validator(mode="after")
    def _asks_whom_it_names(self) -> Self:
        if self.approver is not None and self.decision in ("allow", "never"):
            raise ValueError(f'decision = "{self.decision}" asks nobody, so that approver says nothing; leave it out')
        return self

    def fits(self, plan: Plan, caller: Caller | None) -> bool:
        """Tell whether a plan of a caller is what this rule is about."""
        sims = plan.sims_to_do
        return self.is_about(plan, caller) and (self.max_sims is None or (sims is not None and sims <= self.max_sims))


class Policy(BaseModel):
    """The rules in order; the first that fits decides, and where none fits, the default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: tuple[Rule, ...] = ()
    limit: tuple[Limit, ...] = ()
    """What holds besides, whichever rule fits."""
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

    def limits_of(self, plan: Plan, caller: Caller) -> list[tuple[int, Limit]]:
        """Return the limits that are about a plan, each with its place in the file, from 1."""
        return [(number, limit) for number, limit in enumerate(self.limit, 1) if limit.is_about(plan, caller)]

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
            raise PolicyError(
                _unusable(file, f"holds no rule, no limit and no default, so it decides nothing; {_EXAMPLE}")
            )
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
    "per": get_args(Per),
    "over": get_args(Over),
}


def _unusable(file: Path, why: str) -> str:
    return f"SIM_MCP_POLICY: {file} {why}. Nothing was started."


def _problem(error: Any) -> str:
    """Word one thing that is wrong with a policy: where, and what to write instead."""
    place, key = error["loc"], str(error["loc"][-1])
    if place in (("rule",), ("limit",)):
        return f"{key}s start with [[{key}]], in two brackets, one for each {key}"
    kind = str(place[0]) if len(place) > 1 else ""
    where = f"{kind} {place[1] + 1}" if kind else "the file"
    match error["type"]:
        case "missing":
            return f"{kind}s start with [[{kind}]]; {where} has no {key}: write {_HOW.get(key) or _one_of(key)}"
        case "value_error":
            return f"{where}: {error['msg'].removeprefix('Value error, ')}"
        case "extra_forbidden":
            return f"{where} knows no {_unknown(key, kind)}"
        case _:
            return f"{where}: {_wrong_value(key, error['input'], kind)}"


def _unknown(key: str, kind: str) -> str:
    known = list(_MODELS[kind].model_fields)
    for other in ("rule", "limit"):
        if not kind and key in _MODELS[other].model_fields:
            return f'"{key}" outside a {other}: write [[{other}]] on a line above it'
    return f'"{key}"{_near(key, known)}; it knows {", ".join(known)}'


def _wrong_value(key: str, value: object, kind: str) -> str:
    if key in _WORDS:
        return f"{key} = {_written(value)} is none of {_or(_WORDS[key])}{_near(str(value), _WORDS[key])}"
    if key in ("principal", "workspace"):
        return f"{key} = {_written(value)} is no text: write it in quotes"
    if key in _NUMBERS:
        return f"{key} = {_written(value)} is no {_NUMBERS[key]}, without quotes"
    return f"{_written(value)} is no {kind}: {_EXAMPLES.get(kind, _EXAMPLE)}"


_MODELS: dict[str, type[BaseModel]] = {"": Policy, "rule": Rule, "limit": Limit}
_EXAMPLES = {
    "rule": _EXAMPLE,
    "limit": """a limit is written [[limit]], then sims = 50 and per = "principal", a line each""",
}
_HOW = {"sims": "sims = 50, or another number"}
_NUMBERS = {
    "max_sims": "number of SIMs: write a whole number from 1 on",
    "sims": "number of SIMs: write a whole number from 1 on",
    "hours": f"number of hours: write a whole number from 1 to {LONGEST_H}",
}


def _one_of(key: str) -> str:
    return f"{key} = {_or(_WORDS[key])}"


def _written(value: object) -> str:
    """Write a value as it stands in the file."""
    return json.dumps(value, default=str, ensure_ascii=False)[:60]


def _or(words: Sequence[str]) -> str:
    *others, last = [f'"{word}"' for word in words]
    return f"{', '.join(others)} or {last}"


def _near(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f'; did you mean "{near[0]}"?' if near else ""
