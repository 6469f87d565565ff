"""What happens inside, as spans and metrics of OpenTelemetry."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from sim_mcp.changes.record.storage import JournalError
from sim_mcp.observing import Attempt, Observer, PlanState, Route

log = logging.getLogger(__name__)

_REQUEST_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_WAIT_BUCKETS_S = (0.01, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)
_CLIENT_ERROR = 400


class _Answer(Attempt):
    """What emnify answered to one request, as far as it did."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.request_id: str | None = None

    def answered(self, status: int, request_id: str | None) -> None:
        self.status, self.request_id = status, request_id


class Instruments(Observer):
    """Turn what happens into spans and metrics."""

    def __init__(self, tracer: Tracer, meter: Meter) -> None:
        self._tracer = tracer
        self._count_unsettled: Callable[[], int] | None = None
        self._requests = meter.create_histogram(
            "http.client.request.duration",
            unit="s",
            description="How long emnify takes to answer.",
            explicit_bucket_boundaries_advisory=_REQUEST_BUCKETS_S,
        )
        self._waits = meter.create_histogram(
            "sim_mcp.pacing.wait",
            unit="s",
            description="How long requests wait for their turn under emnify's rate limits.",
            explicit_bucket_boundaries_advisory=_WAIT_BUCKETS_S,
        )
        counter = meter.create_counter
        self._refusals = counter(
            "sim_mcp.pacing.refusals", description="Requests not sent, since their turn would have come too late."
        )
        self._throttled = counter("sim_mcp.throttled", description="Answers of emnify that asked to slow down (429).")
        self._plans = counter("sim_mcp.plans", description="Plans that were made, approved or rejected.")
        self._approvals = counter("sim_mcp.approvals", description="Decisions on plans, by the route they came.")
        self._outcomes = counter("sim_mcp.plan.outcomes", description="What became of the items of plans.")
        self._takeovers = counter("sim_mcp.lease.takeovers", description="Plans taken over from another replica.")
        self._callers_refused = counter("sim_mcp.refused", description="Requests that were not let in, by reason.")
        meter.create_observable_gauge(
            "sim_mcp.intents.unsettled",
            callbacks=[self._observe_unsettled],
            description="What was sent to emnify and is not known to have happened.",
        )

    @contextmanager
    def attempt(self, operation: str, host: str, number: int) -> Iterator[Attempt]:
        """Make a span of a request to emnify, a child of the call it is for, and measure it."""
        method, _, template = operation.partition(" ")
        labels: dict[str, str | int] = {
            "http.request.method": method,
            "server.address": host,
            "url.template": template,
        }
        began, answer = time.perf_counter(), _Answer()
        # What an exception says may hold numbers of SIMs; its kind is enough here, and the log has the rest.
        with self._tracer.start_as_current_span(
            operation,
            kind=SpanKind.CLIENT,
            attributes=labels | ({"http.request.resend_count": number - 1} if number > 1 else {}),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield answer
            except BaseException as error:
                labels["error.type"] = type(error).__qualname__
                raise
            finally:
                if answer.status is not None:
                    labels["http.response.status_code"] = answer.status
                    if answer.status >= _CLIENT_ERROR:
                        labels["error.type"] = str(answer.status)
                if answer.request_id is not None:
                    span.set_attribute("aws.request_id", answer.request_id)
                if "error.type" in labels:
                    span.set_status(StatusCode.ERROR)
                span.set_attributes(labels)
                self._requests.record(time.perf_counter() - began, labels)

    def turn_came(self, operation: str, waited_s: float, *, background: bool) -> None:
        """Measure a wait."""
        self._waits.record(waited_s, {"operation": operation, "background": background})

    def turn_refused(self, operation: str) -> None:
        """Count a request that was not sent."""
        self._refusals.add(1, {"operation": operation})

    def throttled(self, operation: str) -> None:
        """Count a 429."""
        self._throttled.add(1, {"operation": operation})

    def plan(self, tool: str, state: PlanState) -> None:
        """Count a plan by how it stands now."""
        self._plans.add(1, {"tool": tool, "state": state})

    def decided(self, route: Route, *, approved: bool) -> None:
        """Count a decision."""
        self._approvals.add(1, {"route": route, "decision": "approved" if approved else "rejected"})

    def settled(self, tool: str, outcomes: Mapping[str, int]) -> None:
        """Count outcomes."""
        for outcome, items in outcomes.items():
            self._outcomes.add(items, {"tool": tool, "outcome": outcome})

    def lease_taken_over(self) -> None:
        """Count a takeover."""
        self._takeovers.add(1)

    def caller_refused(self, reason: str) -> None:
        """Count a refusal."""
        self._callers_refused.add(1, {"reason": reason})

    def watch_unsettled(self, count: Callable[[], int]) -> None:
        """Have the gauge count, each time it is read."""
        self._count_unsettled = count

    def _observe_unsettled(self, _: CallbackOptions) -> Iterable[Observation]:
        if self._count_unsettled is None:
            return []
        try:
            return [Observation(self._count_unsettled())]
        except JournalError as error:
            # Without a value the series ends, which is alerted on as well.
            log.warning("%s", error)
            return []
