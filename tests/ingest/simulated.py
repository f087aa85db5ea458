"""Fakes for the simulator's tests: a clock that jumps, exporters that remember, and tasks tallied without sending."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from ingest.simulator import Simulation, Truth, Workload
from ingest.simulator.incidents import Incident
from ingest.simulator.tally import Tally
from ingest.simulator.tasks import SECOND_NS, Task

NOON_NS = 1_790_164_800 * SECOND_NS  # 2026-09-23 12:00 UTC, a Wednesday
MINUTE_NS = 60 * SECOND_NS


class JumpingClock:
    """Time that passes only while somebody waits."""

    def __init__(self, now_ns: int = NOON_NS) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        """UTC nanoseconds."""
        return self._now_ns

    def wait(self, seconds: float) -> None:
        """Let the time pass at once."""
        self._now_ns += int(seconds * SECOND_NS)


class Remembering(SpanExporter):
    """Takes every span; the first ``failures`` exports fail."""

    def __init__(self, *, failures: int = 0) -> None:
        self.spans: list[ReadableSpan] = []
        self.exports = 0
        self.tenants: list[str] = []
        self._failures = failures
        self._lock = threading.Lock()

    def __call__(self, tenant: str) -> SpanExporter:
        """All senders share this one."""
        self.tenants.append(tenant)
        return self

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Remember, or fail."""
        with self._lock:
            self.exports += 1
            if self.exports <= self._failures:
                return SpanExportResult.FAILURE
            self.spans += spans
        return SpanExportResult.SUCCESS

    @property
    def identities(self) -> list[tuple[int, int]]:
        """Trace and span ids of what was taken, sorted."""
        return sorted((span.context.trace_id, span.context.span_id) for span in self.spans if span.context)


def simulate(workload: Workload, exporter: Remembering, **options: Any) -> Truth:
    """Run a simulation in no time; ``options`` are Simulation's."""
    given = {"clock": JumpingClock(), "stop": threading.Event(), **options}
    return Simulation(workload, exporter, **given).run()


def tally(tasks: Iterable[Task], incidents: Sequence[Incident] = ()) -> Truth:
    """The truth of tasks as if all their spans had been acknowledged."""
    numbers = count(1)
    sums = Tally()
    for incident in incidents:
        sums.watch(incident)
    for task in tasks:
        for index in range(len(task.steps)):
            span_id = next(numbers)
            sums.expect(span_id, task, index)
            sums.acknowledge([span_id])
    return sums.truth()
