"""OTLP payloads with a known truth: every span a priced chat call, ids that never repeat."""

from __future__ import annotations

import time
from dataclasses import dataclass
from decimal import Decimal

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

MODEL = "gpt-4o-mini"
INPUT_TOKENS, OUTPUT_TOKENS = 1000, 100
COST_USD = Decimal("0.00021")  # 1000 × 0.15 $/M + 100 × 0.60 $/M
TENANTS = ("acme", "globex", "initech")


@dataclass(frozen=True, slots=True)
class Payload:
    """One export request and the (trace id, span id) pairs in it."""

    value: bytes
    ids: tuple[tuple[bytes, bytes], ...]


def payload(number: int, *, spans: int = 20, ended_ns: int | None = None, tenant: str | None = None) -> Payload:
    """The export request of this number: the same number gives the same ids."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.append(text("service.name", f"service-{number % 7}"))
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "tests.flows"
    end = ended_ns or time.time_ns()
    ids = []
    for index in range(spans):
        span = scope_spans.spans.add()
        span.trace_id = (number * 100_000 + index + 1).to_bytes(16, "big")
        span.span_id = (number * 100_000 + index + 1).to_bytes(8, "big")
        span.name = "chat"
        span.kind = 3
        span.start_time_unix_nano, span.end_time_unix_nano = end - 900_000_000, end
        span.attributes.extend(
            [
                text("gen_ai.operation.name", "chat"),
                text("gen_ai.provider.name", "openai"),
                text("gen_ai.request.model", MODEL),
                text("gen_ai.response.model", MODEL),
                whole("gen_ai.usage.input_tokens", INPUT_TOKENS),
                whole("gen_ai.usage.output_tokens", OUTPUT_TOKENS),
                text("tenant.id", tenant or TENANTS[index % 3]),
                text("feature", "support"),
            ]
        )
        ids.append((span.trace_id, span.span_id))
    return Payload(request.SerializeToString(), tuple(ids))


def text(key: str, value: str) -> KeyValue:
    """A text attribute."""
    return KeyValue(key=key, value=AnyValue(string_value=value))


def whole(key: str, value: int) -> KeyValue:
    """An integer attribute."""
    return KeyValue(key=key, value=AnyValue(int_value=value))
