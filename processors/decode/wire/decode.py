"""The five steps, and the way back to the walk for what they leave."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from processors.conventions.table import AliasTable
from processors.decode.columns import to_table
from processors.decode.decoded import EVALUATIONS, STRUCTURE, Decoded, encode_texts
from processors.decode.payload import BadPayload
from processors.decode.walk import Walk, message_table, parse
from processors.decode.wire import columns, frames
from processors.decode.wire.columns import Walked
from processors.decode.wire.scratch import (
    BEGIN,
    END,
    IS_LEFT,
    MESSAGE,
    POSITION,
)
from processors.decode.wire.structures import Read, Structures
from processors.decode.wire.templates import Template
from processors.decode.wire.walker import Walker
from processors.messages import DeadLetter, Drop, Message


class Reader:
    """A decoder for one alias table, with what it keeps between ranges."""

    def __init__(self, table: AliasTable) -> None:
        if len(table.aliases) > np.iinfo(np.int16).max:
            raise ValueError(f"{len(table.aliases)} aliases are more than a column of winners can number")
        self._table = table
        self._walker = Walker(table)
        self._structures = Structures(table)

    def decode(self, messages: Sequence[Message]) -> Decoded:
        """Columns of all spans of a range of messages; ``DeadLetter.index`` counts within ``messages``."""
        walked, found, given = self._walker.walk(messages)
        told = self._structures.read(messages, walked.rows[:, MESSAGE], found)
        slow = _Slow(Walk(self._table))
        left = set(np.flatnonzero(walked.rows[:, IS_LEFT]).tolist()) | told.left
        for row in sorted(left):
            message, begin, end = walked.rows[row, (MESSAGE, BEGIN, END)].tolist()
            span = Span.FromString(messages[message].value[begin:end])
            slow.span(message, int(walked.rows[row, POSITION]), span, walked.templates[walked.template[row]])
        for index in np.flatnonzero(given.odd).tolist():
            given.seen[index] = slow.message(index, messages[index])
        return _join(walked, self._table, told, slow, left, messages, given.seen, given.bad)


class _Slow:
    """What the kernel left, taken by the walk."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.dead: dict[int, DeadLetter] = {}

    def span(self, message: int, position: int, span: Span, template: Template) -> None:
        self.walk.span(message, position, span, template.scope_spans, dict(template.found))

    def message(self, index: int, message: Message) -> int:
        """-> how many spans were seen."""
        try:
            return self.walk.message(index, parse(message))
        except BadPayload as error:
            self.dead[index] = DeadLetter(index=index, reason=Drop.BAD_PAYLOAD, detail=str(error))
            return 0


def _join(
    walked: Walked, table: AliasTable, told: Read, slow: _Slow, left: set[int],
    messages: Sequence[Message], seen: NDArray[np.int64], bad: NDArray[np.int64],
) -> Decoded:  # fmt: skip
    """Both kinds of rows in the order of the wire."""
    values, winners = columns.fields(walked, table, told.offers)
    fast = pa.table([*columns.structure(walked), *values.columns], names=[*STRUCTURE.names, *values.column_names])
    spans, evaluations = fast, to_table(told.evaluations, EVALUATIONS)
    if left or not slow.walk.columns.is_empty:
        rest = slow.walk.columns.finish(messages=message_table([]), dead=(), dropped={})
        spans = pa.concat_tables([fast, encode_texts(rest.spans, fast.schema)]).unify_dictionaries().combine_chunks()
        winners = pa.concat_tables([winners, rest.winners]).combine_chunks()
        is_read = np.ones(spans.num_rows, np.bool_)
        is_read[list(left)] = False
        order = np.lexsort((spans["span_index"].to_numpy(), spans["message_index"].to_numpy()))
        order = order[is_read[order]]
        place = np.empty(spans.num_rows, np.int64)
        place[order] = np.arange(len(order))
        spans, winners = spans.take(pa.array(order)), winners.take(pa.array(order))
        row = np.append(evaluations["row"].to_numpy(), rest.evaluations["row"].to_numpy() + fast.num_rows)
        evaluations = pa.concat_tables([evaluations, rest.evaluations])
        evaluations = evaluations.set_column(0, EVALUATIONS.field(0), pa.array(place[row])).sort_by("row")
    dead = dict(slow.dead)
    for index in np.flatnonzero(seen == 0).tolist():
        dead.setdefault(index, DeadLetter(index=index, reason=Drop.EMPTY, detail="no spans"))
    dropped = slow.walk.dropped
    dropped.update({(index, Drop.BAD_SPAN.value): int(bad[index]) for index in np.flatnonzero(bad).tolist()})
    return Decoded(
        table=table,
        spans=spans,
        winners=winners,
        evaluations=evaluations,
        messages=message_table(messages),
        dead=tuple(dead[index] for index in sorted(dead)),
        dropped=dropped,
    )


_reader = cache(Reader)


def decode(messages: Sequence[Message], table: AliasTable) -> Decoded:
    """See ``processors.decode``."""
    return _reader(table).decode(messages)


def count_spans(value: bytes) -> int | None:
    """See ``processors.decode``."""
    count = frames.count_spans(np.frombuffer(value, np.uint8), len(value))
    return None if count < 0 else int(count)
