"""A delivery of SIMs, by its BIC: what it holds, and its registration."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from sim_mcp.emnify.errors import InvalidValueError, RuleError
from sim_mcp.emnify.http.calls import Answer, Call, on_batch
from sim_mcp.emnify.http.error_mapping import batch_refusal
from sim_mcp.emnify.identifiers import Bic
from sim_mcp.emnify.models import Batch, SimRef
from sim_mcp.emnify.parsing import parse_record, parse_records
from sim_mcp.emnify.values import SimStatus

Send = Callable[[Call, float | None], Awaitable[Answer]]


class Registered(NamedTuple):
    """The SIMs of a registered batch, as far as emnify lists them, and emnify's id of the request."""

    sims: list[SimRef]
    request_id: str | None


class Batches:
    """Look at deliveries and register them. Every method takes `deadline_s`, its time in seconds."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def get(self, bic: Bic, *, deadline_s: float | None = None) -> Batch:
        """Get a batch that can be registered (GET /api/v1/sim_batch/bic/{bic}).

        Raises:
            RuleError: It is registered already (400), or its SIMs belong to another organisation (422).
            NotFoundError: There is no such batch.
        """
        try:
            answer = await self._send(on_batch("GET", bic), deadline_s)
        except RuleError as error:
            raise batch_refusal(bic, error) from None
        return parse_record(Batch, answer)

    async def register(self, bic: Bic, status: SimStatus, *, deadline_s: float | None = None) -> Registered:
        """Register a batch with a status for its SIMs (PATCH /api/v1/sim_batch/bic/{bic}).

        Raises:
            RuleError: It is unknown, registered already or of another organisation, or factory test is not allowed.
                emnify does not say which: get the batch first.
        """
        if status not in (SimStatus.ISSUED, SimStatus.ACTIVATED, SimStatus.FACTORY_TEST):
            raise InvalidValueError(f"a batch cannot be registered as {status.label}")
        answer = await self._send(on_batch("PATCH", bic, json={"sim_status": {"id": status.value}}), deadline_s)
        registered = answer.data.get("sim") if isinstance(answer.data, dict) else None
        references = Answer(answer.operation, answer.status, answer.headers, registered or [])
        sims = parse_records(SimRef, references)[0] if isinstance(registered, list) else []
        return Registered(sims, answer.request_id)
