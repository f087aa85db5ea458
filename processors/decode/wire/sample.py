"""One small request that takes every function of the kernel once."""

from __future__ import annotations

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status


def sample() -> bytes:
    """A request of one span with attributes, an event, a link and a status."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "sample"
    span = group.scope_spans.add().spans.add(trace_id=bytes([1] * 16), span_id=bytes([1] * 8))
    for key in ("gen_ai.request.model", "gen_ai.output.messages", "not.read"):
        span.attributes.add(key=key).value.string_value = "sämple"
    span.attributes.add(key="gen_ai.usage.input_tokens").value.int_value = 1
    span.attributes.add(key="gen_ai.response.finish_reasons").value.array_value.values.add().string_value = "stop"
    span.events.add(name="exception", time_unix_nano=1).attributes.add(key="exception.type").value.string_value = "E"
    span.links.add(trace_id=bytes([1] * 16), span_id=bytes([2] * 8))
    span.status.code, span.status.message = Status.STATUS_CODE_ERROR, "sample"
    return request.SerializeToString()
