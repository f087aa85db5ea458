"""A scrape in Prometheus' text format as the Collector's Prometheus receiver sends it."""

from __future__ import annotations

import re

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Gauge,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from tests.processors.otlp import START_NS, attributes

_SAMPLE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')
SCOPE = "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/prometheusreceiver"


def scraped(
    text: str,
    *,
    target: str = "10.0.0.7:9400",
    job: str = "gpu",
    at_ns: int = START_NS,
    since_ns: int = START_NS - 10**12,
) -> ExportMetricsServiceRequest:
    """One scrape of ``target`` at ``at_ns``; its counters began at ``since_ns``."""
    kinds = dict(re.findall(r"^# TYPE (\S+) (\w+)$", text, re.MULTILINE))
    points: dict[str, list[NumberDataPoint]] = {}
    for name, labels, value in _SAMPLE.findall("\n".join(line for line in text.splitlines() if line[:1] != "#")):
        start = since_ns if kinds.get(name) == "counter" else 0
        point = NumberDataPoint(
            attributes=attributes(dict(_LABEL.findall(labels))),
            start_time_unix_nano=start,
            time_unix_nano=at_ns,
            as_double=float(value),
        )
        points.setdefault(name, []).append(point)
    host, _, port = target.rpartition(":")
    told = {"service.name": job, "service.instance.id": target, "server.address": host, "server.port": port}
    metrics = [_metric(name, kinds.get(name, "unknown"), each) for name, each in points.items()]
    scopes = [ScopeMetrics(scope=InstrumentationScope(name=SCOPE), metrics=metrics)]
    resource = Resource(attributes=attributes(told | {"url.scheme": "http"}))
    return ExportMetricsServiceRequest(resource_metrics=[ResourceMetrics(resource=resource, scope_metrics=scopes)])


def _metric(name: str, kind: str, points: list[NumberDataPoint]) -> Metric:
    if kind == "counter":
        return Metric(name=name, sum=Sum(aggregation_temporality=2, is_monotonic=True, data_points=points))
    return Metric(name=name, gauge=Gauge(data_points=points))
