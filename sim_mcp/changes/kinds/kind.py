"""What a kind of change is: all that the rest of this room asks of one.

A kind is a frozen model, since the journal keeps it as JSON: `kind` tells the kinds apart there, so its value, and
the names of the fields, stay readable for good.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple, Self

from pydantic import BaseModel, ConfigDict

from sim_mcp.changes.item import PlannedItem, Verdict
from sim_mcp.changes.kinds.fees import FeesDue
from sim_mcp.changes.kinds.roles import ROLES, organisation_in
from sim_mcp.changes.outcome import Outcome, Sent, judge_read_again, judge_read_back
from sim_mcp.emnify import ConflictError, EmnifyClient, EmnifyError, ForbiddenError, RuleError, Sim, SimStatus
from sim_mcp.fleet.lookup.sims_by_id import read_sims
from sim_mcp.sanitize import called


class Consequences(NamedTuple):
    """What a whole change does to service and to the bill."""

    service: str
    bill: str


class Confirmation(NamedTuple):
    """What a person has to type to confirm a change: the text that counts, and the request for it."""

    text: str
    request: str


class Reading(NamedTuple):
    """What was read after a write: an outcome for each item, in order, and the SIMs that were seen.

    `sims` is None where it is not known which SIMs the write concerned.
    """

    outcomes: Sequence[Outcome]
    sims: Mapping[int, Sim | None] | None


class Kind(BaseModel, ABC):
    """One kind of change, with what was asked for."""

    model_config = ConfigDict(frozen=True)

    tool: ClassVar[str]
    """The tool that makes it, which is also what a rule of the operator's policy calls it."""
    operation: ClassVar[str]
    """The operation of emnify's that writes it, whose rate limit is looked at before."""
    statuses: ClassVar[tuple[SimStatus, ...]] = ()
    """The statuses it may set, which a rule of the policy may name."""
    irreversible: ClassVar[bool] = False
    """Whether it cannot be taken back; the policy then allows it unasked only in a rule that names its tool."""
    label_field: ClassVar[str | None] = None
    """The field whose value stands for the whole change, where its items are not single SIMs."""
    together: ClassVar[bool] = False
    """Whether many items may be written in one request, by `write_together`."""
    refusals: ClassVar[tuple[type[EmnifyError], ...]] = (RuleError, ConflictError, ForbiddenError)
    """The errors by which emnify refuses it, other than failing at it."""

    kind: str

    @property
    def status(self) -> SimStatus | None:
        """Return the status it sets, or None where it sets none."""
        return None

    @abstractmethod
    def summarize(self, sims: str) -> str:
        """Return what is asked for in a few words; `sims` is how many SIMs, such as `2 SIMs`."""

    def act(self, sims: str) -> str:
        """Return what a person does by agreeing, as a button says it."""
        return self.summarize(sims)

    def fees_due(self, items: Sequence[PlannedItem]) -> FeesDue | None:  # noqa: ARG002  # for those it does.
        """Return for how many SIMs a hosting fee falls due at once, or None where that is not for this kind to say."""
        return None

    @abstractmethod
    def consequences(self) -> Consequences:
        """Return what the whole change does to service and to the bill."""

    def confirmation(self, items: Sequence[PlannedItem]) -> Confirmation | None:  # noqa: ARG002  # for those who ask.
        """Return what has to be typed to confirm the change of these items, or None where a yes is enough."""
        return None

    def count_sims(self, items: Sequence[PlannedItem]) -> int | None:
        """Return how many SIMs these items are, or None where emnify does not say."""
        return len(items)

    def weigh(self, item: PlannedItem) -> int:  # noqa: ARG002  # one SIM, unless a kind says otherwise.
        """Return how many SIMs one item counts for against the hour's limit, at least."""
        return 1

    def label(self, item: PlannedItem) -> str:
        """Return what one item is called in lists: the ICCID on the card, or the id."""
        return item.iccid or f"id {item.sim_id}"

    def describe(self, item: PlannedItem) -> str:
        """Return one item and what happens to it in one line."""
        return item.line

    @abstractmethod
    async def replan(
        self, client: EmnifyClient, items: Sequence[PlannedItem]
    ) -> tuple["Kind", tuple[PlannedItem, ...]]:
        """Return the change and these items as they are now.

        Raises:
            EmnifyError: emnify could not be asked.
        """

    @abstractmethod
    async def find_moved(self, client: EmnifyClient, items: Sequence[PlannedItem]) -> list[str | None]:
        """Return for each item, in order, how it stands if that changed since it was planned, else None.

        Raises:
            EmnifyError: emnify could not be asked.
        """

    @abstractmethod
    async def write(self, client: EmnifyClient, item: PlannedItem) -> Sent:
        """Write one item to emnify, once.

        Raises:
            EmnifyError: emnify refused it, failed at it, or did not answer.
        """

    async def write_together(self, client: EmnifyClient, items: Sequence[PlannedItem]) -> Sent:
        """Write several items to emnify in one request, once; only where `together` is set.

        Raises:
            EmnifyError: emnify refused it, failed at it, or did not answer.
        """
        raise NotImplementedError

    @abstractmethod
    async def read_back(self, client: EmnifyClient, items: Sequence[PlannedItem], sent: Sequence[Sent]) -> Reading:
        """Read items that were just written and judge each.

        Raises:
            EmnifyError: emnify could not be asked.
        """

    @abstractmethod
    async def read_again(self, client: EmnifyClient, items: Sequence[PlannedItem], first: Sequence[Outcome]) -> Reading:
        """Read items that were left in doubt, and judge each once more.

        Raises:
            EmnifyError: emnify could not be asked.
        """


class SimKind(Kind):
    """A kind of change whose items are single SIMs."""

    @property
    @abstractmethod
    def target_state(self) -> str:
        """Return what it makes of a SIM, in the words of `state`."""

    @abstractmethod
    def state(self, sim: Sim) -> str:
        """Return the part of a SIM's state that it concerns, for a person."""

    @abstractmethod
    def is_done(self, sim: Sim | None) -> bool:
        """Tell whether a SIM is as the change wants it; None is one that is gone."""

    @abstractmethod
    def refusal(self, sim: Sim, own_organisation: int | None) -> str | None:
        """Return which of emnify's rules forbids it for a SIM, or None where none does."""

    @abstractmethod
    def effect(self, sim: Sim) -> str:
        """Return what it does to one SIM's service and bill."""

    def judge(self, sim: Sim, own_organisation: int | None) -> PlannedItem:
        """Return a SIM, as just read, with what the change means for it."""
        before = self.state(sim)
        forbidden = self.refusal(sim, own_organisation)
        verdict: Verdict = "already" if self.is_done(sim) else "refused" if forbidden else "change"
        reasons = {
            "already": "already so, nothing to change",
            "refused": f"refused: {forbidden}",
            "change": self.effect(sim),
        }
        return PlannedItem(
            sim_id=sim.id,
            iccid=sim.printed_iccid,
            imsi=sim.imsi,
            msisdn=sim.msisdn,
            eid=sim.eid,
            device=called(sim.device.name, sim.device.id) if sim.device else None,
            organisation=called(sim.customer_org.name, sim.customer_org.id) if sim.customer_org else None,
            before=before,
            after=self.target_state if verdict == "change" else before,
            verdict=verdict,
            reason=reasons[verdict],
            fingerprint=fingerprint(sim),
        )

    async def replan(self, client: EmnifyClient, items: Sequence[PlannedItem]) -> tuple[Self, tuple[PlannedItem, ...]]:
        """Read the SIMs that are still there and judge each."""
        now = await read_sims(client, [item.sim_id for item in items])
        sims = [sim for item in items if (sim := now[item.sim_id]) is not None]
        return self, tuple(self.judge(sim, client.own_organisation_id) for sim in sims)

    async def find_moved(self, client: EmnifyClient, items: Sequence[PlannedItem]) -> list[str | None]:
        """Compare the fingerprint of each SIM with the one in the plan."""
        now = await read_sims(client, [item.sim_id for item in items])
        return [self._moved(item, now[item.sim_id]) for item in items]

    async def read_back(self, client: EmnifyClient, items: Sequence[PlannedItem], sent: Sequence[Sent]) -> Reading:
        """Read each SIM; one that is not as wanted yet stays in doubt."""
        now = await read_sims(client, [item.sim_id for item in items])
        return Reading(
            [
                judge_read_back(item, self._reading(sim := now[item.sim_id]), one, done=self.is_done(sim))
                for item, one in zip(items, sent, strict=True)
            ],
            now,
        )

    async def read_again(self, client: EmnifyClient, items: Sequence[PlannedItem], first: Sequence[Outcome]) -> Reading:
        """Read each SIM once more."""
        now = await read_sims(client, [item.sim_id for item in items])
        return Reading(
            [
                judge_read_again(item, self._reading(sim := now[item.sim_id]), outcome, done=self.is_done(sim))
                for item, outcome in zip(items, first, strict=True)
            ],
            now,
        )

    def _moved(self, item: PlannedItem, now: Sim | None) -> str | None:
        if now is not None and fingerprint(now) == item.fingerprint:
            return None
        return self._reading(now)

    def _reading(self, now: Sim | None) -> str:
        return "Deleted" if now is None else self.state(now)


def fingerprint(sim: Sim) -> str:
    """Return what of a SIM must not change between planning and writing: its status, device and organisations."""
    organisations = [org.id if (org := organisation_in(sim, role)) else None for role in ROLES]
    return json.dumps([sim.status_id, sim.device.id if sim.device else None, *organisations])
