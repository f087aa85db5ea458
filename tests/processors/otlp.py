"""OTLP requests for tests: spans from plain values, and the same bytes in another field order."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message as ProtoMessage
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from processors.messages import Message

START_NS = 1_795_300_000_000_000_000
SECOND_NS = 1_000_000_000
RECEIVED_US = START_NS // 1000 + 60_000_000
TOPIC = "otlp_spans"
IDS = ("traceId", "spanId", "parentSpanId")


_SCALARS: Mapping[type, str] = {
    bool: "bool_value",
    int: "int_value",
    float: "double_value",
    str: "string_value",
    bytes: "bytes_value",
}


def any_value(value: Any) -> AnyValue:
    """A Python value as OTLP writes it; None is an empty value."""
    if value is None:
        return AnyValue()
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))
    if isinstance(value, dict):
        return AnyValue(kvlist_value=KeyValueList(values=attributes(value)))
    return AnyValue(**{_SCALARS[type(value)]: value})


def attributes(given: Mapping[str, Any]) -> list[KeyValue]:
    """A dict as OTLP attributes."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in given.items()]


def event(name: str, *, after_ms: float, **given: Any) -> Span.Event:
    """A span event some time after the usual start; dots of keys are written ``__``."""
    named = {key.replace("__", "."): value for key, value in given.items()}
    return Span.Event(name=name, time_unix_nano=START_NS + int(after_ms * 1e6), attributes=attributes(named))


def span(given: Mapping[str, Any] | None = None, **fields: Any) -> Span:
    """A span of one second with these attributes; ``status`` is its code, ``message`` the status message."""
    status = Status(code=fields.pop("status", 0), message=fields.pop("message", ""))
    fields = {
        "trace_id": b"\x01" * 16,
        "span_id": b"\x02" * 8,
        "name": "a span",
        "start_time_unix_nano": START_NS,
        "end_time_unix_nano": START_NS + SECOND_NS,
        **fields,
    }
    return Span(status=status, attributes=attributes(given or {}), **fields)


def request(
    *spans: Span, resource: Mapping[str, Any] | None = None, scope: str = "", version: str = ""
) -> ExportTraceServiceRequest:
    """One request with one resource and one scope."""
    scope_spans = ScopeSpans(scope=InstrumentationScope(name=scope, version=version), spans=spans)
    resource_spans = ResourceSpans(resource=Resource(attributes=attributes(resource or {})), scope_spans=[scope_spans])
    return ExportTraceServiceRequest(resource_spans=[resource_spans])


def message(value: bytes | ExportTraceServiceRequest, **fields: Any) -> Message:
    """A Kafka record that holds these bytes."""
    content = value if isinstance(value, bytes) else value.SerializeToString()
    given = {"topic": TOPIC, "partition": 0, "offset": 0, "received_at_us": RECEIVED_US, **fields}
    return Message(value=content, **given)


def in_json(proto: ProtoMessage) -> Any:
    """The message as OTLP/JSON has it: protobuf's mapping with ids in hex."""
    return _with_hex_ids(MessageToDict(proto))


def _with_hex_ids(item: Any) -> Any:
    if isinstance(item, dict):
        return {k: base64.b64decode(v).hex() if k in IDS else _with_hex_ids(v) for k, v in item.items()}
    return [_with_hex_ids(one) for one in item] if isinstance(item, list) else item


def shuffled(proto: ProtoMessage, order: random.Random) -> bytes:
    """The message with its fields in random order at every level; repeated fields keep theirs among themselves."""
    return _arranged(proto, order.shuffle)


def collected(proto: ProtoMessage) -> bytes:
    """The message as a Collector writes it: fields in descending order at every level."""
    return _arranged(proto, lambda numbers: numbers.sort(reverse=True))


def _arranged(proto: ProtoMessage, arrange: Callable[[list[int]], None]) -> bytes:
    waiting = {field.number: _parts(proto, field, value, arrange) for field, value in proto.ListFields()}
    numbers = [number for number, parts in waiting.items() for _ in parts]
    arrange(numbers)
    left = {number: iter(parts) for number, parts in waiting.items()}
    return b"".join(next(left[number]) for number in numbers)


def _parts(proto: ProtoMessage, field: Any, value: Any, arrange: Callable[[list[int]], None]) -> list[bytes]:
    items = list(value) if field.is_repeated else [value]
    if field.message_type is None:
        alone = type(proto)(**{field.name: value})
        return [alone.SerializeToString()]
    return [_tagged(field.number, _arranged(item, arrange)) for item in items]


def _tagged(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
