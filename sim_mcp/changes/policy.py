"""The operator's standing decisions: which changes need a person's yes, and which nobody may make."""

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sim_mcp.changes.plan import Delete, Plan, Register, SetStatus
from sim_mcp.settings import Confirm

Decision = Literal["allow", "ask", "page", "never"]
"""Nobody is asked; by form or else on the page; on the page alone, for hosts that answer forms themselves; refused."""


class PolicyError(Exception):
    """The policy file cannot be used; the message says where."""


class ForbiddenByPolicyError(Exception):
    """The operator's policy does not let this change be made; nothing changed."""


class Rule(BaseModel):
    """One decision, and the changes it is about; what is left out matches anything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    decision: Decision
    tool: Literal["set_sim_status", "assign_sims", "delete_sims", "register_sim_batch"] | None = None
    status: Literal["issued", "activated", "suspended", "factory_test"] | None = None
    max_sims: int | None = Field(default=None, ge=1)

    def fits(self, plan: Plan) -> bool:
        """Tell whether a plan is what this rule is about."""
        target = plan.change.target.word if isinstance(plan.change, SetStatus | Register) else None
        return (
            self.tool in (None, plan.tool)
            and self.status in (None, target)
            and (self.max_sims is None or len(plan.to_do) <= self.max_sims)
        )


class Policy(BaseModel):
    """The rules in order; the first that fits decides, and where none fits, the default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: tuple[Rule, ...] = ()
    default: Decision = "ask"

    def decide(self, plan: Plan) -> Decision:
        """Decide on one plan. Deleting is never allowed by default or by a rule that does not name it."""
        for rule in self.rule:
            if rule.fits(plan):
                return "ask" if rule.decision == "allow" and _needs_naming(rule, plan) else rule.decision
        return self.default


def read_policy(file: Path | None, confirm: Confirm) -> Policy:
    """Read the policy file; without one, `SIM_MCP_CONFIRM` alone decides.

    Raises:
        PolicyError: The file is missing or holds what is not a rule.
    """
    default: Decision = "allow" if confirm is Confirm.HOST else "ask"
    if file is None:
        return Policy(default=default)
    try:
        return Policy.model_validate({"default": default, **tomllib.loads(file.read_text(encoding="utf-8"))})
    except OSError as error:
        raise PolicyError(f"SIM_MCP_POLICY: {file} cannot be read ({error.strerror}). Nothing was started.") from None
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"SIM_MCP_POLICY: {file} is not TOML: {error}. Nothing was started.") from None
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise PolicyError(f"SIM_MCP_POLICY: {file}: {problems}. Nothing was started.") from None


def _needs_naming(rule: Rule, plan: Plan) -> bool:
    return isinstance(plan.change, Delete) and rule.tool != "delete_sims"
