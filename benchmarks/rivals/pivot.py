"""Rival (b): ``ptars``, a Rust library that turns protobuf into nested Arrow, and a pivot of attributes to columns.

The pivot makes no Python value of any attribute: the wanted keys are found in one pass (``index_in``), and for each
column the places of its key are taken from the typed children. ptars gives what is recursive in OTLP (items of lists)
as bytes; the text of a list's first item starts after its tag and its length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.rivals.wanted import ATTRIBUTES, FINISH_REASONS, RESOURCE, SCHEMA, write

_FIELDS = {pa.string(): "string_value", pa.int64(): "int_value", pa.float64(): "double_value", pa.bool_(): "bool_value"}
_ITEM_HEADER, _ITEM_END = 2, 130  # tag and length stand before a text shorter than 128 bytes
_KEYS = pa.array([*ATTRIBUTES, FINISH_REASONS])
_RESOURCE_KEYS = pa.array(list(RESOURCE))

ToParquet = Callable[[Sequence[bytes], str], int]


def make() -> ToParquet:
    """The rival, as a function of payloads and a path. Raises ImportError where ptars is not installed."""
    from ptars import HandlerPool  # noqa: PLC0415  (an extra: only this rival needs it)

    descriptor = ExportTraceServiceRequest.DESCRIPTOR
    handler = HandlerPool([descriptor.file]).get_for_message(descriptor)

    def to_parquet(payloads: Sequence[bytes], path: str) -> int:
        """One flush as one file; gives the number of its spans."""
        rows = pivot(handler.list_to_record_batch(list(payloads)))
        write(rows, path)
        return rows.num_rows

    return to_parquet


def pivot(requests: pa.RecordBatch) -> pa.Table:
    """Nested requests -> one row a span in ``SCHEMA``."""
    resource_spans = requests["resource_spans"].flatten()
    scope_spans, in_resource = _flatten(_child(resource_spans, "scope_spans"))
    spans, in_scope = _flatten(_child(scope_spans, "spans"))
    count = len(spans)
    columns: dict[str, Any] = {
        "trace_id": _child(spans, "trace_id"),
        "span_id": _child(spans, "span_id"),
        "parent_span_id": _none_for_empty(_child(spans, "parent_span_id")),
        "started_at": _child(spans, "start_time_unix_nano").cast(pa.int64()).cast(SCHEMA.field("started_at").type),
        "ended_at": _child(spans, "end_time_unix_nano").cast(pa.int64()).cast(SCHEMA.field("ended_at").type),
        "kind": _child(spans, "kind"),
        "status_code": pc.fill_null(pc.struct_field(_child(spans, "status"), "code"), 0),
        "scope_name": pc.struct_field(_child(scope_spans, "scope"), "name").take(in_scope),
    }
    resource = pc.struct_field(_child(resource_spans, "resource"), "attributes")
    resource_of_span = in_resource.take(in_scope)
    for name, column in _columns(resource, len(resource_spans), _RESOURCE_KEYS, dict.fromkeys(RESOURCE, pa.string())):
        columns[RESOURCE[name]] = column.take(resource_of_span)
    kinds = {key: kind for key, (_, kind) in ATTRIBUTES.items()} | {FINISH_REASONS: None}
    for name, column in _columns(_child(spans, "attributes"), count, _KEYS, kinds):
        columns["finish_reason" if name == FINISH_REASONS else ATTRIBUTES[name][0]] = column
    return pa.table([columns[field.name] for field in SCHEMA], schema=SCHEMA)


def _columns(lists: pa.ListArray, rows: int, keys: pa.Array, kinds: dict[str, pa.DataType | None]) -> Any:
    """Attribute lists -> (key, column of ``rows``) for each wanted key; the last value of a repeated key counts."""
    pairs, owner = _flatten(lists)
    which = pc.index_in(_child(pairs, "key"), value_set=keys).fill_null(-1).to_numpy(zero_copy_only=False)
    owners = owner.to_numpy(zero_copy_only=False)
    values = _child(pairs, "value")
    for index, (key, kind) in enumerate(kinds.items()):
        places = np.flatnonzero(which == index)
        at = np.full(rows, -1, dtype=np.int64)
        at[owners[places]] = places
        taken = pa.array(at, mask=at < 0)
        yield key, _first_text(values, taken) if kind is None else _child(values, _FIELDS[kind]).take(taken)


def _first_text(values: pa.StructArray, taken: pa.Array) -> pa.Array:
    lists = pc.struct_field(_child(values, "array_value"), "values").take(taken)
    filled = pc.greater(pc.fill_null(pc.list_value_length(lists), 0), 0)
    first = pc.list_element(lists.filter(filled), 0)
    texts = pc.binary_slice(first, _ITEM_HEADER, _ITEM_END).cast(pa.string())
    place = pc.subtract(pc.cumulative_sum(filled.cast(pa.int64())), 1)
    return texts.take(pc.if_else(filled, place, None))


def _flatten(lists: pa.ListArray) -> tuple[pa.Array, pa.Array]:
    """The items of lists, and for each the list it stands in."""
    return lists.flatten(), pc.list_parent_indices(lists)


def _child(structs: pa.StructArray, name: str) -> pa.Array:
    return pc.struct_field(structs, name)


def _none_for_empty(ids: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(pc.binary_length(ids), 0), None, ids)
