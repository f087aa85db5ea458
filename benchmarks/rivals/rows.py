"""Rival (a): the protobuf library's objects, a dict for every span, Parquet at the end: what most write first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from benchmarks.rivals.wanted import ATTRIBUTES, FINISH_REASONS, RESOURCE, SCHEMA, write

_FIELDS = {
    pa.string(): "string_value",
    pa.int64(): "int_value",
    pa.float64(): "double_value",
    pa.bool_(): "bool_value",
}
_WANTED = {key: (column, _FIELDS[kind]) for key, (column, kind) in ATTRIBUTES.items()}


def to_parquet(payloads: Sequence[bytes], path: str) -> int:
    """One flush as one file; gives the number of its spans."""
    rows = [row for payload in payloads for row in _rows(ExportTraceServiceRequest.FromString(payload))]
    write(pa.Table.from_pylist(rows, schema=SCHEMA), path)
    return len(rows)


def _rows(request: ExportTraceServiceRequest) -> Iterable[dict[str, Any]]:
    for resource_spans in request.resource_spans:
        shared = _resource(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            scope = {**shared, "scope_name": scope_spans.scope.name}
            for span in scope_spans.spans:
                yield _row(span, scope)


def _resource(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    return {RESOURCE[pair.key]: pair.value.string_value for pair in attributes if pair.key in RESOURCE}


def _row(span: Span, shared: dict[str, Any]) -> dict[str, Any]:
    row = {
        **shared,
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_span_id": span.parent_span_id or None,
        "started_at": span.start_time_unix_nano,
        "ended_at": span.end_time_unix_nano,
        "kind": span.kind,
        "status_code": span.status.code,
    }
    for pair in span.attributes:
        wanted = _WANTED.get(pair.key)
        if wanted is not None:
            column, field = wanted
            value: AnyValue = pair.value
            if value.HasField(field):
                row[column] = getattr(value, field)
        elif pair.key == FINISH_REASONS:
            reasons = pair.value.array_value.values
            row["finish_reason"] = reasons[0].string_value if reasons else None
    return row
