"""The gateway as the simulator addresses it: stock OTLP exporters over HTTP or gRPC, with the tenant's API key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from opentelemetry.sdk.metrics.export import MetricExporter
from opentelemetry.sdk.trace.export import SpanExporter

from ingest.simulator.backfill import BatchExporter

EVERY_TENANT = ""
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to send. ``api_keys`` maps tenants to keys; the one under EVERY_TENANT serves all that have none.

    Raises ValueError where ``endpoint`` is no URL of http or https with a host.
    """

    endpoint: str
    grpc: bool = False
    api_keys: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _is_base_url(self.endpoint):
            example = "http://127.0.0.1:4317" if self.grpc else "http://127.0.0.1:4318"
            raise ValueError(f"{self.endpoint!r} is no URL of a gateway; write it like {example}")

    def exporter(self, tenant: str) -> SpanExporter:
        """A new stock exporter that sends as ``tenant``."""
        headers = self._headers(tenant)
        return self._over_grpc(headers) if self.grpc else self._over_http(headers)

    def batch_exporter(self, tenant: str) -> BatchExporter:
        """What sends encoded batches as ``tenant``; ``endpoint`` is one of OTLP/HTTP."""
        return BatchExporter(self.endpoint, self._headers(tenant))

    def metric_exporter(self) -> MetricExporter:
        """A new stock exporter of metrics, with the key of all tenants; they are nobody's alone."""
        headers = self._headers(EVERY_TENANT)
        if self.grpc:
            from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import (  # noqa: PLC0415 - likewise
                OTLPMetricExporter as OverGrpc,
            )

            return OverGrpc(endpoint=self.endpoint, headers=headers, timeout=TIMEOUT_S)
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # noqa: PLC0415 - likewise
            OTLPMetricExporter as OverHttp,
        )

        return OverHttp(endpoint=f"{self.endpoint.rstrip('/')}/v1/metrics", headers=headers, timeout=TIMEOUT_S)

    def _over_http(self, headers: Mapping[str, str]) -> SpanExporter:
        from opentelemetry.exporter.otlp.proto.http import Compression  # noqa: PLC0415 - only the chosen transport
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - likewise

        return OTLPSpanExporter(
            endpoint=f"{self.endpoint.rstrip('/')}/v1/traces",
            headers=dict(headers),
            timeout=TIMEOUT_S,
            compression=Compression.Gzip,
        )

    def _headers(self, tenant: str) -> dict[str, str]:
        key = self.api_keys.get(tenant, self.api_keys.get(EVERY_TENANT))
        return {"x-api-key": key} if key else {}

    def _over_grpc(self, headers: Mapping[str, str]) -> SpanExporter:
        from grpc import Compression  # noqa: PLC0415 - only the chosen transport
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - likewise

        return OTLPSpanExporter(
            endpoint=self.endpoint, headers=dict(headers), timeout=TIMEOUT_S, compression=Compression.Gzip
        )


def _is_base_url(text: str) -> bool:
    """Whether it is http(s)://host[:port][/path]."""
    try:
        parts = urlsplit(text)
        port = parts.port  # raises where it is no number from 0 to 65535
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0
