"""SpanLedger measures itself: OpenTelemetry metrics, served for Prometheus on loopback."""

from __future__ import annotations

import errno

from opentelemetry import metrics
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from prometheus_client import start_http_server

LOOPBACK = "127.0.0.1"
PORTS_TRIED = 50


def serve_metrics(port: int, *, service: str) -> int:
    """Start the Prometheus endpoint on loopback and return its port: the next free one where ``port`` is taken."""
    metrics.set_meter_provider(
        MeterProvider(
            metric_readers=[PrometheusMetricReader(disable_target_info=True)],
            resource=Resource.create({"service.name": service}),
        )
    )
    for candidate in range(port, port + PORTS_TRIED):
        try:
            server, _ = start_http_server(candidate, addr=LOOPBACK)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            continue
        return int(server.server_port)
    raise OSError(errno.EADDRINUSE, f"ports {port} to {port + PORTS_TRIED - 1} are all taken")
