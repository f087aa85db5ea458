"""What decode gives: columns that a single walk over the wire can fill, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from processors.conventions.table import AliasTable
from processors.messages import DeadLetter, Tally

KINDS: Mapping[str, pa.DataType] = {
    "text": pa.string(),
    "first": pa.string(),
    "who": pa.string(),
    "integer": pa.int64(),
    "count": pa.int64(),
    "real": pa.float64(),
    "elapsed": pa.float64(),
    "bool": pa.bool_(),
    "time": pa.uint64(),
}
"""Arrow type of a field's kind; times are UTC nanoseconds."""

REALS = frozenset(kind for kind, stored in KINDS.items() if stored == pa.float64())

STRUCTURE = pa.schema(
    [
        pa.field("message_index", pa.int32()),
        pa.field("span_index", pa.int32()),  # position in the message, bad spans counted
        pa.field("trace_id", pa.binary()),
        pa.field("span_id", pa.binary()),
        pa.field("parent_span_id", pa.binary()),  # NULL: a root
        pa.field("name", pa.string()),
        pa.field("kind", pa.int8()),
        pa.field("started_ns", pa.uint64()),  # 0: missing
        pa.field("ended_ns", pa.uint64()),  # 0: missing
        pa.field("status_code", pa.int8()),
        pa.field("status_message", pa.string()),  # of errors only; content, for classification
        pa.field("scope_name", pa.string()),
        pa.field("scope_version", pa.string()),
    ]
)

EVALUATIONS = pa.schema(
    [
        pa.field("row", pa.int64()),  # row of the span
        pa.field("observed_ns", pa.uint64()),  # time of the event; NULL: an attribute of the span
        pa.field("evaluation_name", pa.string()),
        pa.field("evaluation_score", pa.float64()),
        pa.field("evaluation_label", pa.string()),
        pa.field("evaluation_source", pa.string()),
        pa.field("evaluation_id", pa.string()),
        pa.field("evaluation_minutes", pa.float64()),
        pa.field("evaluation_task_id", pa.string()),
        pa.field("evaluation_session_id", pa.string()),
    ]
)

MESSAGES = pa.schema(
    [
        pa.field("topic", pa.string()),
        pa.field("partition", pa.int32()),
        pa.field("offset", pa.int64()),
        pa.field("received_at_us", pa.int64()),
        pa.field("header_tenant", pa.string()),
        pa.field("header_tenants", pa.list_(pa.string())),
        pa.field("header_principal", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Spans of a range of messages.

    ``spans``: ``STRUCTURE`` and one column per field of the alias table; one row per span, in the order of the wire.
    A column of texts may be a dictionary column of them (``spread_texts``).
    ``winners``: per field, the index of the alias that gave the value (int16; NULL: none); row by row like ``spans``.
    ``messages``: one row per message, by ``message_index``. ``dropped``: bad spans, without dead letters.
    """

    table: AliasTable
    spans: pa.Table
    winners: pa.Table
    evaluations: pa.Table
    messages: pa.Table
    dead: tuple[DeadLetter, ...]
    dropped: Tally


def spread_texts(table: pa.Table) -> pa.Table:
    """The table with a text in each row where it has the number of a text."""
    plain = [pa.field(f.name, f.type.value_type) if pa.types.is_dictionary(f.type) else f for f in table.schema]
    return table.cast(pa.schema(plain))


def encode_texts(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The other way round, for the columns that are dictionary columns in ``schema``."""
    columns = [
        table[f.name].dictionary_encode() if pa.types.is_dictionary(f.type) else table[f.name].cast(f.type)
        for f in schema
    ]
    return pa.table(columns, schema.names)
