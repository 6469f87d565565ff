"""A batch is registered once, and whether it was is asked where the answer is not known."""

import pytest

from sim_mcp.changes.item import PlannedItem
from sim_mcp.changes.kinds.register import READ_BACK, Register
from sim_mcp.changes.outcome import Outcome, Sent
from sim_mcp.emnify import Batch, EmnifyClient, EmnifyError, RuleError, Sim, SimStatus, UpstreamError

KIND = Register(bic="#31F 6E2S 6XTR 3NEY", size="3 SIMs", quantity=3, target=SimStatus.ACTIVATED)
ITEM = PlannedItem(
    sim_id=0, iccid=None, before="not registered", after="registered as Activated", verdict="change", reason="it is new"
)
UNKNOWN = ("unknown", "not registered")


class Fake(EmnifyClient):
    """A client that answers about one batch and its SIMs without a network."""

    def __init__(self, batch: EmnifyError | None, sims: dict[int, int | None] | None = None) -> None:
        self._batch = batch
        self._sims = sims or {}

    async def get_batch(self, *_: object, **__: object) -> Batch:
        if self._batch is not None:
            raise self._batch
        return Batch.model_validate({"bic": KIND.bic})

    async def get_sim(self, sim_id: int, **_: object) -> Sim:
        status = self._sims[sim_id]
        if status is None:
            raise UpstreamError("emnify failed")
        return Sim.model_validate({"id": sim_id, "status": {"id": status}})


@pytest.mark.parametrize(
    ("batch", "doubt", "outcome"),
    [
        (
            RuleError("taken", status=400),
            None,
            Outcome("changed", "not registered", "registered", "emnify accepted it; it is registered now", "r"),
        ),
        (
            RuleError("taken", status=400),
            "no answer",
            Outcome("changed", "not registered", "registered", "no answer; it is registered now", "r"),
        ),
        (
            RuleError("odd", status=422),
            "no answer",
            Outcome(*UNKNOWN, "unknown", "no answer; validating it now answers: odd", "r"),
        ),
        (
            UpstreamError("down"),
            "no answer",
            Outcome(*UNKNOWN, "unknown", "no answer; it could not be validated again: down", "r"),
        ),
        (
            None,
            "no answer",
            Outcome(*UNKNOWN, "not registered", "no answer; it still reads unregistered, which may follow late", "r"),
        ),
    ],
)
async def test_where_the_answer_is_not_known_the_batch_is_validated(
    batch: EmnifyError | None, doubt: str | None, outcome: Outcome
) -> None:
    assert (await KIND.read_back(Fake(batch), [ITEM], [Sent(doubt, "r")])) == ([outcome], None)


@pytest.mark.parametrize(
    ("sims", "note"),
    [
        ({1: 1, 2: 1}, "2 SIMs registered, read back: 2 Activated"),
        (
            {1: 1, 2: 0, 3: 99, 4: None},
            "4 SIMs registered, read back: 1 Activated, 1 Issued, 1 unknown; "
            "those not yet Activated may follow late, look again in a while",
        ),
        ({1: None}, "1 SIM registered, read back: none"),
        (dict.fromkeys(range(30), 1), f"30 SIMs registered, read back: {READ_BACK} Activated"),
    ],
)
async def test_the_sims_that_emnify_names_are_read_back(sims: dict[int, int | None], note: str) -> None:
    found = await KIND.read_back(Fake(None, sims), [ITEM], [Sent(None, "r", sims=tuple(sims))])
    assert found == ([Outcome("changed", "not registered", "registered as Activated", note, "r")], None)


async def test_a_doubt_is_read_again_without_the_inventory_being_read_anew() -> None:
    first = Outcome(*UNKNOWN, "unknown", "lost", "r")
    found = await KIND.read_again(Fake(RuleError("taken", status=400)), [ITEM], [first])
    note = "emnify accepted it; it is registered now"
    assert found == ([Outcome("changed", "not registered", "registered", note)], {})
