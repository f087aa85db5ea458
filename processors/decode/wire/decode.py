"""The five steps, and the way back to the walk for what they leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from processors.conventions.table import AliasTable
from processors.decode.decoded import KINDS, STRUCTURE, Decoded, encode_texts
from processors.decode.payload import BadPayload, is_json
from processors.decode.walk import Walk, message_table, parse
from processors.decode.wire import columns, frames
from processors.decode.wire.cells import OWN, Found, make_cells, with_heap
from processors.decode.wire.columns import Walked
from processors.decode.wire.frames import GROUP_COLUMNS, SPAN_COLUMNS, find_spans
from processors.decode.wire.kernel import walk
from processors.decode.wire.keys import keys_of
from processors.decode.wire.room import Room
from processors.decode.wire.scratch import (
    BEGIN,
    END,
    GROUP,
    INNER_COLUMNS,
    IS_LEFT,
    LOG_COLUMNS,
    MESSAGE,
    POSITION,
    ROW_COLUMNS,
    make_scratch,
)
from processors.decode.wire.shapes import forget, is_full, make_shapes
from processors.decode.wire.structures import Structures
from processors.decode.wire.templates import Resources, Template, Templates
from processors.decode.wire.words import PADDING
from processors.messages import DeadLetter, Drop, Message

_SIDE_BYTES = 1 << 16
_SPARE_BYTES = 4 * _SIDE_BYTES
_LOG_ROWS = 1 << 14
_HEAP_WORDS_PER_SPAN = 32
_MOST_BASES = 1 << 10
"""Of what resources and scopes fill, by field, before shapes are learnt anew."""


class Reader:
    """A decoder for one alias table, with what it keeps between ranges."""

    def __init__(self, table: AliasTable) -> None:
        if len(table.aliases) > np.iinfo(np.int16).max:
            raise ValueError(f"{len(table.aliases)} aliases are more than a column of winners can number")
        self._table = table
        self._keys, self._texts = keys_of(table)
        text = {field.name for field in table.fields if KINDS[field.kind] == pa.string()}
        self._is_text = np.array([*(field.name in text for field in table.fields), *(True for _ in OWN)])
        self._room = Room()
        self._templates = Templates(table)
        self._structures = Structures(table)
        self._shapes = make_shapes(self._keys.fields)
        self._bases: dict[bytes, int] = {}

    def decode(self, messages: Sequence[Message]) -> Decoded:
        """Columns of all spans of a range of messages; ``DeadLetter.index`` counts within ``messages``."""
        wire = _Wire.of(messages, self._room, len(self._texts) + _SPARE_BYTES)
        groups, spans = _find(wire, self._room)
        templates, template_of = self._read_templates(wire, groups)
        walked, found, bad = self._walk(wire, spans, templates, template_of)
        told, verdicts = self._structures.read(memoryview(wire.buffer), found)
        slow = _Slow(Walk(self._table))
        left = set(np.flatnonzero(walked.rows[:, IS_LEFT]).tolist()) | verdicts
        for row in sorted(left):
            slow.span(wire.buffer, walked.rows[row], templates[walked.template[row]])
        seen = np.bincount(spans[:, 0], minlength=len(messages))
        for index in np.flatnonzero(wire.odd).tolist():
            seen[index] = slow.message(index, messages[index])
        return _join(walked, self._table, told, slow, left, messages, seen, bad)

    def _read_templates(self, wire: _Wire, groups: NDArray[np.int64]) -> tuple[list[Template], NDArray[np.int64]]:
        """The distinct templates of the groups, and the number of each group's; -1 where protobuf refuses it."""
        view = memoryview(wire.buffer)
        pairs = [(view[a:b].tobytes(), view[c:d].tobytes()) for a, b, c, d in groups[:, 1:].tolist()]
        distinct = {pair: self._templates.read(*pair) for pair in dict.fromkeys(pairs)}
        numbers: dict[Any, int] = {}
        templates: list[Template] = []
        for pair, template in distinct.items():
            numbers[pair] = -1 if template is None else len(templates)
            templates += [] if template is None else [template]
        return templates, np.array([numbers[pair] for pair in pairs], np.int64)

    def _walk(
        self, wire: _Wire, spans: NDArray[np.int64], templates: list[Template], template_of: NDArray[np.int64]
    ) -> tuple[Walked, NDArray[np.int64], NDArray[np.int64]]:  # fmt: skip
        keys, room = self._keys, self._room
        if is_full(self._shapes) or len(self._bases) > _MOST_BASES:
            forget(self._shapes)
            self._bases.clear()
        placed, texts = self._templates.place(templates, wire.end + len(self._texts))
        side = wire.put(self._texts + texts)
        room.take("log", _LOG_ROWS, np.int64, LOG_COLUMNS)
        room.take("inner", len(spans) + 64, np.int64, INNER_COLUMNS)
        room.take("heap", len(spans) * _HEAP_WORDS_PER_SPAN + len(texts) + PADDING, np.uint64)
        room.take("words", _LOG_ROWS, np.int64)
        rows = room.take("rows", max(len(spans), 1), np.int64, ROW_COLUMNS)
        ids = room.take("ids", max(len(spans), 1), np.uint64, 4)
        cells = make_cells(room, self._is_text, len(spans) + len(templates))
        at = (0, 0, 0, side)
        bases = [self._bases.setdefault(one.tobytes(), len(self._bases)) for one in placed.alias]
        resources = Resources(of_group=template_of, alias=placed.alias, base=np.array(bases, np.int64))
        bad = np.zeros(len(wire.starts), np.int64)
        scratch = make_scratch(keys.fields)
        while True:
            cells = with_heap(cells, room.all_of("heap"))
            scratch.best[:] = -1  # what a message has left that is walked again
            found = Found(
                rows=rows, ids=ids, log=room.all_of("log"), inner=room.all_of("inner"), words=room.all_of("words"),
                cells=cells,
            )  # fmt: skip
            at = walk(
                wire.buffer, spans, resources, wire.odd, keys, wire.end, at[3], side + _SIDE_BYTES, found, scratch,
                self._shapes, bad, at,
            )  # fmt: skip
            if at[0] == len(spans):
                break
            for name in ("log", "inner", "words", "heap"):
                room.grow(name)
        while cells.used[0] + 8 * len(texts) + PADDING > len(cells.heap):
            cells = with_heap(cells, room.grow("heap"))
        rows = rows[: at[1]]
        walked = Walked(
            buffer=wire.buffer,
            rows=rows,
            ids=ids[: at[1]],
            cells=cells,
            template=template_of[rows[:, GROUP]] if len(rows) else np.zeros(0, np.int64),
            templates=templates,
            placed=placed,
            plan_alias=self._shapes.alias,
        )
        return walked, found.inner[: at[2]], bad


@dataclass(slots=True, kw_only=True)
class _Wire:
    """All payloads, one behind the other; behind ``end`` stands what does not come from them."""

    buffer: NDArray[np.uint8]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    odd: NDArray[np.uint8]  # messages that the protobuf library or the JSON reader takes
    end: int

    @classmethod
    def of(cls, messages: Sequence[Message], room: Room, more: int) -> _Wire:
        """``more``: bytes that ``put`` will want."""
        json = [is_json(message.value, message.content_type) for message in messages]
        values = [b"" if is_odd else message.value for message, is_odd in zip(messages, json, strict=True)]
        ends = np.cumsum([0, *map(len, values)], dtype=np.int64)
        size = int(ends[-1])
        buffer = room.take("buffer", size + PADDING + more, np.uint8)
        view = memoryview(buffer)
        at = 0
        for value in values:
            view[at : at + len(value)] = value
            at += len(value)
        return cls(buffer=buffer, starts=ends[:-1], ends=ends[1:], odd=np.array(json, np.uint8), end=size + PADDING)

    def put(self, more: bytes) -> int:
        """Place bytes at ``end``; -> where they end. ``_SIDE_BYTES`` are free behind them, and the padding."""
        stop = self.end + len(more)
        if stop + _SIDE_BYTES + PADDING > len(self.buffer):
            self.buffer = np.concatenate(
                [self.buffer[: self.end], np.empty(len(more) + _SIDE_BYTES + PADDING, np.uint8)]
            )
        self.buffer[self.end : stop] = np.frombuffer(more, np.uint8)
        return stop


def _find(wire: _Wire, room: Room) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    room.take("groups", len(wire.starts) * 2 + 8, np.int64, GROUP_COLUMNS)
    room.take("spans", wire.end // 256 + len(wire.starts) + 64, np.int64, SPAN_COLUMNS)
    while True:
        odd, groups, spans = wire.odd.copy(), room.all_of("groups"), room.all_of("spans")
        group_count, span_count, taken = find_spans(wire.buffer, wire.starts, wire.ends, groups, spans, odd)
        if taken == len(wire.starts):
            wire.odd = odd
            return groups[:group_count], spans[:span_count]
        room.grow("groups")
        room.grow("spans")


class _Slow:
    """What the kernel left, taken by the walk."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.dead: dict[int, DeadLetter] = {}

    def span(self, buffer: NDArray[np.uint8], row: NDArray[np.int64], template: Template) -> None:
        span = Span.FromString(buffer[row[BEGIN] : row[END]].tobytes())
        self.walk.span(int(row[MESSAGE]), int(row[POSITION]), span, template.scope_spans, dict(template.found))

    def message(self, index: int, message: Message) -> int:
        """-> how many spans were seen."""
        try:
            return self.walk.message(index, parse(message))
        except BadPayload as error:
            self.dead[index] = DeadLetter(index=index, reason=Drop.BAD_PAYLOAD, detail=str(error))
            return 0


def _join(
    walked: Walked, table: AliasTable, told: dict[int, list[columns.Offer]], slow: _Slow, left: set[int],
    messages: Sequence[Message], seen: NDArray[np.int64], bad: NDArray[np.int64],
) -> Decoded:  # fmt: skip
    """Both kinds of rows in the order of the wire."""
    values, winners = columns.fields(walked, table, told)
    fast = pa.table([*columns.structure(walked), *values.columns], names=[*STRUCTURE.names, *values.column_names])
    rest = slow.walk.columns.finish(messages=message_table(messages), dead=(), dropped={})
    spans, evaluations = fast, rest.evaluations
    if len(left) or rest.spans.num_rows:
        kept = np.setdiff1d(np.arange(fast.num_rows), np.fromiter(left, np.int64, len(left)))
        spans = pa.concat_tables([fast.take(pa.array(kept)), encode_texts(rest.spans, fast.schema)])
        spans = spans.unify_dictionaries().combine_chunks()
        winners = pa.concat_tables([winners.take(pa.array(kept)), rest.winners])
        order = pc.sort_indices(spans, sort_keys=[("message_index", "ascending"), ("span_index", "ascending")])
        spans, winners = spans.take(order).combine_chunks(), winners.take(order).combine_chunks()
        place = np.empty(len(order), np.int64)
        place[order.to_numpy()] = np.arange(len(order))
        moved = pa.array(place[evaluations["row"].to_numpy() + len(kept)])
        evaluations = evaluations.set_column(0, evaluations.schema.field(0), moved).sort_by("row")
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
        messages=rest.messages,
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
