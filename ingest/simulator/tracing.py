"""Steps to spans, by the OpenTelemetry SDK: one TracerProvider per service and tenant, ids from a seeded generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.sdk.version import __version__ as sdk_version
from opentelemetry.trace import Link, Span, Status, StatusCode, Tracer

from ingest.simulator.catalog import Service
from ingest.simulator.naming import Written, write
from ingest.simulator.tasks import Task

BATCH_SPANS = 512


class SeededIds(IdGenerator):
    """Trace and span ids from a ``Random``; never zero."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def generate_trace_id(self) -> int:
        """128 bits."""
        return self._rng.getrandbits(128) or 1

    def generate_span_id(self) -> int:
        """64 bits."""
        return self._rng.getrandbits(64) or 1


class Outbox(SpanProcessor):
    """Collects the ended spans of one service and hands them over in batches, in the order in which they ended."""

    def __init__(self, hand_over: Callable[[Sequence[ReadableSpan]], None]) -> None:
        self._hand_over = hand_over
        self._ended: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        """Keep the span until the batch is full."""
        self._ended.append(span)
        if len(self._ended) >= BATCH_SPANS:
            self.flush()

    def flush(self) -> None:
        """Hand over what there is."""
        if self._ended:
            batch, self._ended = self._ended, []
            self._hand_over(batch)


class Tracers:
    """The services as OpenTelemetry sees them. ``hand_over(tenant, spans)`` takes the full batches."""

    def __init__(self, rng: Random, hand_over: Callable[[str, Sequence[ReadableSpan]], None]) -> None:
        self._ids = SeededIds(rng)
        self._hand_over = hand_over
        self._providers: dict[tuple[Service, str], TracerProvider] = {}
        self._outboxes: list[Outbox] = []
        self._tracers: dict[tuple[Service, str, str], Tracer] = {}

    def start(self, task: Task) -> list[Span]:
        """Start one span per step; end each at its step's ``ended_at_ns``."""
        spans: list[Span] = []
        for index, step in enumerate(task.steps):
            written = write(task, index)
            parent = Context() if step.parent is None else trace.set_span_in_context(spans[step.parent], Context())
            links = [] if step.retry_of is None else [Link(spans[step.retry_of].get_span_context())]
            span = self._tracer(step.service, task.feature.tenant, written).start_span(
                written.name,
                context=parent,
                kind=written.kind,
                attributes=written.attributes,
                links=links,
                start_time=step.started_at_ns,
            )
            _finish_writing(span, written)
            spans.append(span)
        return spans

    def flush(self) -> None:
        """Hand over all that has ended, full batch or not."""
        for outbox in self._outboxes:
            outbox.flush()

    def _tracer(self, service: Service, tenant: str, written: Written) -> Tracer:
        key = (service, tenant, written.scope)
        if key not in self._tracers:
            provider = self._provider(service, tenant)
            self._tracers[key] = provider.get_tracer(
                written.scope, written.scope_version, schema_url=written.schema_url
            )
        return self._tracers[key]

    def _provider(self, service: Service, tenant: str) -> TracerProvider:
        if (service, tenant) not in self._providers:
            outbox = Outbox(lambda spans: self._hand_over(tenant, spans))
            provider = TracerProvider(
                sampler=ALWAYS_ON, resource=_resource(service), id_generator=self._ids, shutdown_on_exit=False
            )
            provider.add_span_processor(outbox)
            self._outboxes.append(outbox)
            self._providers[service, tenant] = provider
        return self._providers[service, tenant]


def _finish_writing(span: Span, written: Written) -> None:
    for event in written.events:
        span.add_event(event.name, event.attributes, timestamp=event.at_ns)
    if written.status_message is not None:
        span.set_status(Status(StatusCode.ERROR, written.status_message))


def _resource(service: Service) -> Resource:
    return Resource(
        {
            "service.name": service.name,
            "service.version": service.version,
            "deployment.environment.name": service.environment,
            "host.name": f"node-{len(service.name) % 5}",
            "k8s.pod.name": f"{service.name}-0",
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.sdk.version": sdk_version,
        }
    )
