"""OTLP/JSON to protobuf messages, more tolerant than the specification.

Accepted: ids in hex (the specification) or base64 (protobuf's own JSON), 64-bit integers as text or number, enums by
name or number, lowerCamel or snake_case names, and a bare array of resource spans (rotel) or of whole requests.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from ingest import ids
from processors.decode.payload import BadPayload, Payload
from processors.decode.values import to_count, to_integer

_KINDS = {"UNSPECIFIED": 0, "INTERNAL": 1, "SERVER": 2, "CLIENT": 3, "PRODUCER": 4, "CONSUMER": 5}
Made = TypeVar("Made")
UNREADABLE = (TypeError, ValueError, KeyError, AttributeError, RecursionError, OverflowError)
"""What reading a JSON value of the wrong form may raise."""
_CODES = {"UNSET": 0, "OK": 1, "ERROR": 2}


def parse_json(value: bytes) -> Payload:
    """The resource spans of one JSON payload; raises BadPayload."""
    return read_json(value, ("resourceSpans", "resource_spans"), _payload)


def read_json(value: bytes, names: tuple[str, str], make: Callable[[Iterator[Mapping[str, Any]]], Made]) -> Made:
    """What ``make`` makes of the resources of a payload, which stand under one of ``names``; raises BadPayload."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise BadPayload(f"not JSON: {type(error).__name__}") from error
    try:
        return make(_resources(found, names))
    except UNREADABLE as error:
        raise BadPayload(f"not OTLP/JSON: {type(error).__name__}") from error


def _resources(found: Any, names: tuple[str, str]) -> Iterator[Mapping[str, Any]]:
    """All resources of the payload: of one request, of a list of requests, or a bare list of resources."""
    for item in found if isinstance(found, list) else [found]:
        nested = member(item, *names)
        if nested is not None:
            yield from nested
        elif isinstance(found, list):
            yield item


def _payload(items: Iterator[Mapping[str, Any]]) -> Payload:
    parsed: list[ResourceSpans] = []
    bad_spans = 0
    for item in items:
        resource_spans = ResourceSpans()
        resource_spans.resource.attributes.extend(read_attributes(item.get("resource") or {}))
        for group in member(item, "scopeSpans", "scope_spans", "instrumentationLibrarySpans") or ():
            scope_spans, bad = _scope_spans(group)
            resource_spans.scope_spans.append(scope_spans)
            bad_spans += bad
        parsed.append(resource_spans)
    return Payload(resource_spans=parsed, bad_spans=bad_spans)


def _scope_spans(group: Mapping[str, Any]) -> tuple[ScopeSpans, int]:
    scope = member(group, "scope", "instrumentationLibrary") or {}
    name, version = read_text(scope.get("name")), read_text(scope.get("version"))
    found = ScopeSpans(scope=InstrumentationScope(name=name, version=version, attributes=read_attributes(scope)))
    bad = 0
    for item in group.get("spans") or ():
        try:
            found.spans.append(_span(item))
        except UNREADABLE:
            bad += 1
    return found, bad


def _span(item: Mapping[str, Any]) -> Span:
    status = item.get("status") or {}
    span = Span(
        trace_id=read_id(member(item, "traceId", "trace_id"), 16),
        span_id=read_id(member(item, "spanId", "span_id"), 8),
        parent_span_id=read_id(member(item, "parentSpanId", "parent_span_id"), 8),
        name=read_text(item.get("name")),
        kind=_enum(item.get("kind"), _KINDS, "SPAN_KIND_"),  # type: ignore[arg-type]  # protobuf takes the number
        start_time_unix_nano=read_whole(member(item, "startTimeUnixNano", "start_time_unix_nano")),
        end_time_unix_nano=read_whole(member(item, "endTimeUnixNano", "end_time_unix_nano")),
        status=Status(
            message=read_text(status.get("message")),
            code=_enum(status.get("code"), _CODES, "STATUS_CODE_"),  # type: ignore[arg-type]  # likewise
        ),
        attributes=read_attributes(item),
    )
    for event in item.get("events") or ():
        time_ns = read_whole(member(event, "timeUnixNano", "time_unix_nano"))
        name = read_text(event.get("name"))
        span.events.append(Span.Event(name=name, time_unix_nano=time_ns, attributes=read_attributes(event)))
    return span


def read_attributes(item: Mapping[str, Any]) -> list[KeyValue]:
    """The attributes of a resource, scope, span, event or log record."""
    pairs = item.get("attributes") or ()
    return [KeyValue(key=read_text(pair.get("key")), value=_value(pair.get("value"))) for pair in pairs]


def _value(item: Any) -> AnyValue:
    """The value; empty where its type and its content do not agree."""
    if not isinstance(item, Mapping) or not item:
        return AnyValue()
    try:
        return _filled(item)
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
        return AnyValue()


def _filled(item: Mapping[str, Any]) -> AnyValue:
    value = AnyValue()
    for name, inner in item.items():
        match name.replace("_", "").lower():
            case "stringvalue":
                value.string_value = read_text(inner)
            case "boolvalue":
                value.bool_value = inner if isinstance(inner, bool) else {"true": True, "false": False}[str(inner)]
            case "intvalue":
                _fill_whole(value, inner)
            case "doublevalue":
                value.double_value = float(inner)
            case "bytesvalue":
                value.bytes_value = base64.b64decode(inner)
            case "arrayvalue":
                value.array_value.values.extend(_value(one) for one in inner.get("values") or ())
            case "kvlistvalue":
                value.kvlist_value.values.extend(read_attributes({"attributes": inner.get("values")}))
    return value


def _fill_whole(value: AnyValue, told: Any) -> None:
    """As protobuf's own JSON writes it: 12, "12", "1e2". Another number goes on as text, to be refused and counted."""
    whole = to_integer(told)
    if whole is not None:
        value.int_value = whole
    elif to_count(told) is not None:
        value.string_value = str(told)


def member(item: Mapping[str, Any], *names: str) -> Any:
    """The first of the names that is there; None where none is."""
    return next((item[name] for name in names if name in item), None)


def read_text(value: Any) -> str:
    """Text without lone surrogates, which protobuf does not take."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError("must be text")
    return value.encode("utf-8", "replace").decode("utf-8")


def read_whole(value: Any) -> int:
    """A whole number, also as text; 0 where nothing is told. Raises TypeError or ValueError."""
    if value is None or value == "":
        return 0
    if isinstance(value, bool):
        raise TypeError("must be a number")
    if isinstance(value, float) and not value.is_integer():
        raise ValueError("must be a whole number")
    return int(value)


def _enum(value: Any, names: Mapping[str, int], prefix: str) -> int:
    """A name that nobody knows is unspecified, as the gateway's reader has it: the span stands."""
    if isinstance(value, str) and not value.lstrip("-").isdigit():
        return names.get(value.upper().removeprefix(prefix), 0)
    return read_whole(value)


def read_id(value: Any, size: int) -> bytes:
    """The raw id; other text comes back as bytes of a wrong length, which decode counts as a bad span."""
    return ids.read_id(read_text(value), size)
