"""What a change would do, SIM by SIM, worked out before anybody is asked."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict

from sim_mcp.changes.item import PlannedItem, Verdict
from sim_mcp.changes.kinds import AnyKind
from sim_mcp.changes.kinds.kind import Kind, SimKind
from sim_mcp.changes.kinds.roles import ROLES, label_organisation, organisation_in
from sim_mcp.emnify import EmnifyClient, Sim
from sim_mcp.formatting import format_quantity

_LEFT_ALONE: tuple[tuple[Verdict, str], ...] = (("already", "already so"), ("refused", "refused by emnify's rules"))


_MEANING = ("Service", "Bill", "Falls due now")
_ORDER: tuple[Verdict, ...] = ("change", "refused", "already")


class Group(NamedTuple):
    """Items of a plan to which the same happens."""

    heading: str
    """What happens to each, with their number; where there is one, the item too."""
    listed: list[PlannedItem]
    total: int

    @property
    def is_single(self) -> bool:
        """Tell whether the heading says all."""
        return self.total == 1


class Plan(BaseModel):
    """One change and everything it concerns, as read when it was made."""

    model_config = ConfigDict(frozen=True)

    tool: str
    change: AnyKind
    items: tuple[PlannedItem, ...]
    selection: str = ""
    """The filter that chose the SIMs, in words; empty where they were named one by one."""
    place: str = "emnify"
    """What it is done at: `emnify`, `sandbox`, or emnify at another address."""
    workspace: str = ""
    """The name and id of the token's workspace, as far as they are known."""
    workspace_name: str = ""
    """What the operator calls it, where there are several: it is carried out there and nowhere else."""
    due: str = ""
    """What falls due at once, in words; empty where the kind does not say."""

    @classmethod
    def of(cls, change: Kind, items: Iterable[PlannedItem], *, selection: str = "", workspace: str = "") -> Self:
        """Return the plan of a change."""
        return cls(tool=change.tool, change=change, items=tuple(items), selection=selection, workspace=workspace)

    def having(self, verdict: Verdict) -> tuple[PlannedItem, ...]:
        """Return the items with a verdict, in the order they were named."""
        return tuple(item for item in self.items if item.verdict == verdict)

    @property
    def to_do(self) -> tuple[PlannedItem, ...]:
        """Return what would really change."""
        return self.having("change")

    @property
    def sims_to_do(self) -> int | None:
        """Return how many SIMs would really change, or None where emnify does not say what a batch holds."""
        return self.change.count_sims(self.to_do)

    @property
    def act(self) -> str:
        """Return what a person does by agreeing, such as `Suspend 100 SIMs`."""
        return self.change.act(format_quantity(len(self.to_do), "SIM"))

    @property
    def header(self) -> str:
        """Return where it would be done, on one line: by what, at emnify or loudly the sandbox, in which workspace."""
        at = "SANDBOX, made-up SIMs" if self.place == "sandbox" else self.place
        return f"sim-mcp · {at}{f' · workspace {self.workspace_label}' if self.workspace_label else ''}"

    @property
    def workspace_label(self) -> str:
        """Return the workspace as people are shown it: what the operator calls it, then its own name and id."""
        if not (self.workspace_name and self.workspace):
            return self.workspace_name or self.workspace
        return f"{self.workspace_name} ({self.workspace})"

    @property
    def meaning(self) -> tuple[tuple[str, str], ...]:
        """Return what it does to service and to the bill, and what falls due at once, each with its name."""
        service, bill = self.change.consequences()
        return tuple((name, words) for name, words in zip(_MEANING, (service, bill, self.due), strict=True) if words)

    @property
    def digest(self) -> str:
        """Return a digest of the tool, the change, the exact SIMs and the state they were in."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @property
    def summary(self) -> str:
        """Return what would be done in a few words."""
        if self.items and not self.to_do:
            return f"{self.change.summarize(format_quantity(len(self.items), 'SIM'))}: nothing to do"
        left = [f"{len(found)} {words}" for verdict, words in _LEFT_ALONE if (found := self.having(verdict))]
        everything = format_quantity(len(self.items), "SIM")
        chosen = f", chosen from all {everything} with {self.selection}" if self.selection else ""
        suffix = f" (and leave {', '.join(left)})" if left else ""
        return self.change.summarize(format_quantity(len(self.to_do), "SIM")) + chosen + suffix

    def outline(self, most: int) -> tuple[list["Group"], int]:
        """Return the items in groups that are alike, what changes first, and how many are left out after `most`."""
        alike: dict[tuple[str, str, str, str], list[PlannedItem]] = {}
        for item in sorted(self.items, key=lambda item: _ORDER.index(item.verdict)):
            alike.setdefault((item.verdict, item.before, item.after, item.reason), []).append(item)
        groups: list[Group] = []
        room = most
        for items in alike.values():
            several = f"{format_quantity(len(items), 'SIM')}: {items[0].effect}"
            groups.append(
                Group(several if len(items) > 1 else self.change.describe(items[0]), items[:room], len(items))
            )
            room -= len(groups[-1].listed)
        return groups, len(self.items) - (most - room)

    @property
    def confirmation_request(self) -> str:
        """Return what a person is asked to type; empty where a yes is enough."""
        confirmation = self.change.confirmation(self.to_do)
        return confirmation.request if confirmation is not None else ""

    def is_confirmed_by(self, typed: str) -> bool:
        """Tell whether what was typed is what the plan asks for; anything is, where it asks for nothing."""
        confirmation = self.change.confirmation(self.to_do)
        return confirmation is None or "".join(typed.split()) == confirmation.text


def make(change: SimKind, sims: Sequence[Sim], *, own_organisation: int | None = None, selection: str = "") -> Plan:
    """Return the plan for SIMs as just read; `own_organisation` is the id of the token's workspace."""
    items = [change.judge(sim, own_organisation) for sim in sims]
    return Plan.of(change, items, selection=selection, workspace=name_workspace(own_organisation, sims))


def name_workspace(own: int | None, sims: Iterable[Sim] = ()) -> str:
    """Return the id of the token's workspace, with its name where a SIM that it holds tells that."""
    if own is None:
        return ""
    held = (organisation_in(sim, role) for sim in sims for role in ROLES)
    named = next((found for found in held if found is not None and found.id == own), None)
    return f"id {own}" if named is None else label_organisation(named)


async def remake(client: EmnifyClient, plan: Plan, items: Sequence[PlannedItem]) -> Plan:
    """Return a plan for some items of an earlier one, as they are now.

    Raises:
        EmnifyError: emnify could not be asked.
    """
    return Plan.of(*await plan.change.replan(client, items), workspace=plan.workspace)
