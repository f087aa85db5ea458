"""The three signals of OTLP: where each comes in, what its messages are called, and how its items are counted.

Names and paths are those of the OTLP specification 1.10 (opentelemetry-proto, docs/specification.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

TRACE_ID_BYTES = 16
SPAN_ID_BYTES = 8
NO_TRACE = bytes(TRACE_ID_BYTES)
NO_SPAN = bytes(SPAN_ID_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Items of a request, and how many of them nobody can accept."""

    items: int
    rejected: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One kind of telemetry. ``resources`` and ``rejected`` name fields of its request and of its partial success."""

    name: str
    path: str
    method: str
    request: Any  # generated message classes: the protobuf library gives them no usable type
    response: Any
    resources: str
    rejected: str
    count: Callable[[Any], Counted]

    def __hash__(self) -> int:
        return hash(self.name)


def count_spans(request: Any) -> Counted:
    """Count spans; ids that are missing, of a wrong length or all zero make one rejected (W3C Trace Context 3.2.2)."""
    items = rejected = 0
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            spans = scope_spans.spans
            items += len(spans)
            for span in spans:
                trace_id, span_id = span.trace_id, span.span_id
                valid_trace = len(trace_id) == TRACE_ID_BYTES and trace_id != NO_TRACE
                valid_span = len(span_id) == SPAN_ID_BYTES and span_id != NO_SPAN
                rejected += not (valid_trace and valid_span)
    return Counted(items=items, rejected=rejected)


def count_data_points(request: Any) -> Counted:
    """Count the data points of all metrics."""
    return Counted(
        items=sum(
            len(getattr(metric, kind).data_points)
            for resource_metrics in request.resource_metrics
            for scope_metrics in resource_metrics.scope_metrics
            for metric in scope_metrics.metrics
            if (kind := metric.WhichOneof("data"))
        )
    )


def count_log_records(request: Any) -> Counted:
    """Count the log records of all scopes."""
    return Counted(
        items=sum(
            len(scope_logs.log_records)
            for resource_logs in request.resource_logs
            for scope_logs in resource_logs.scope_logs
        )
    )


TRACES = Signal(
    name="traces",
    path="/v1/traces",
    method="/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    request=trace_service_pb2.ExportTraceServiceRequest,
    response=trace_service_pb2.ExportTraceServiceResponse,
    resources="resource_spans",
    rejected="rejected_spans",
    count=count_spans,
)
METRICS = Signal(
    name="metrics",
    path="/v1/metrics",
    method="/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    request=metrics_service_pb2.ExportMetricsServiceRequest,
    response=metrics_service_pb2.ExportMetricsServiceResponse,
    resources="resource_metrics",
    rejected="rejected_data_points",
    count=count_data_points,
)
LOGS = Signal(
    name="logs",
    path="/v1/logs",
    method="/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    request=logs_service_pb2.ExportLogsServiceRequest,
    response=logs_service_pb2.ExportLogsServiceResponse,
    resources="resource_logs",
    rejected="rejected_log_records",
    count=count_log_records,
)
SIGNALS = (TRACES, METRICS, LOGS)
