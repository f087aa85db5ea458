"""The kernel with what it works on: rooms that are grown, resources that are read, shapes that are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from processors.conventions.table import AliasTable
from processors.decode.decoded import KINDS
from processors.decode.payload import is_json
from processors.decode.wire.cells import OWN, Cells, Found, make_cells, widen, with_heap
from processors.decode.wire.columns import Walked
from processors.decode.wire.frames import GROUP_COLUMNS, NO_ROOM, SPAN_COLUMNS, count_spans
from processors.decode.wire.kernel import (
    FEW_HEAP,
    FEW_INNER,
    FEW_LOGGED,
    FEW_ROWS,
    FEW_WORDS,
    STRANGE,
    Given,
    find_strange,
    walk,
)
from processors.decode.wire.keys import keys_of
from processors.decode.wire.resources import REFUSED, Resources, grow, make_resources
from processors.decode.wire.room import Room
from processors.decode.wire.scratch import (
    INNER_COLUMNS,
    LOG_COLUMNS,
    PLAN,
    ROW_COLUMNS,
    TEMPLATE,
    Scratch,
    make_scratch,
)
from processors.decode.wire.shapes import forget, is_full, make_shapes
from processors.decode.wire.templates import Template, Templates
from processors.decode.wire.words import PADDING
from processors.messages import Message

_SIDE_BYTES = 1 << 16
_LOG_ROWS = 1 << 14
_HEAP_WORDS_PER_SPAN = 32
_MOST_BASES = 1 << 10
"""Of what resources and scopes fill, by field, before shapes are learnt anew."""
_SAMPLE = 16
"""Messages whose spans are counted to guess how many there are in all."""
_SPARE = 1.25
_MOST_AHEAD = 1 << 12
_SHORT = {
    NO_ROOM: ("groups", "spans"),
    FEW_LOGGED: ("log",),
    FEW_INNER: ("inner",),
    FEW_WORDS: ("words",),
    FEW_HEAP: ("heap",),
}
"""Rooms that grow, by why a walk stopped: they are kept for ever, so none may grow that has room."""


def _give(messages: Sequence[Message]) -> tuple[Given, list[Any]]:
    """Messages for the kernel; second, what keeps their memory."""
    json = [is_json(message.value, message.content_type) for message in messages]
    held = [pa.py_buffer(message.value) for message in messages]
    count = len(messages)
    given = Given(
        address=np.array([one.address for one in held], np.int64),
        size=np.array([one.size for one in held], np.int64),
        odd=np.array(json, np.uint8),
        seen=np.zeros(count, np.int64),
        bad=np.zeros(count, np.int64),
    )
    return given, held


def _guess_spans(messages: Sequence[Message], given: Given) -> int:
    """About how many spans there are, rather more."""
    spans, size = 1, 0
    fit = np.flatnonzero(given.odd == 0)
    for number in fit[:: len(fit) // _SAMPLE + 1].tolist():
        counted = count_spans(np.frombuffer(messages[number].value, np.uint8), len(messages[number].value))
        if counted > 0:
            spans, size = spans + counted, size + len(messages[number].value)
    return int(spans / max(size, 1) * given.size[fit].sum() * _SPARE) + _SAMPLE if size else _SAMPLE


@dataclass(slots=True, kw_only=True)
class _Range:
    """One range of messages on its way."""

    messages: Sequence[Message]
    given: Given
    known: Resources
    cells: Cells
    templates: list[Template | None] = field(default_factory=list)
    ahead: int = 1


class Walker:
    """Walks over ranges of messages for one alias table."""

    def __init__(self, table: AliasTable) -> None:
        self._keys, self._texts = keys_of(table)
        text = {field.name for field in table.fields if KINDS[field.kind] == pa.string()}
        self._is_text = np.array([*(field.name in text for field in table.fields), *(True for _ in OWN)])
        self._room = Room()
        self._templates = Templates(table)
        self._shapes = make_shapes(self._keys.fields)
        self._bases: dict[bytes, int] = {}

    def walk(self, messages: Sequence[Message]) -> tuple[Walked, NDArray[np.int64], Given]:
        """Rows, cells and structures; what became of the messages."""
        given, held = _give(messages)
        spans = _guess_spans(messages, given)
        if is_full(self._shapes) or len(self._bases) > _MOST_BASES:
            forget(self._shapes)
            self._bases.clear()
        self._take_room(spans)
        buffer, base = self._buffer(int(given.size.max(initial=0)))
        one = _Range(
            messages=messages,
            given=given,
            known=make_resources(64, 1 << 14, self._keys.fields),
            cells=make_cells(self._room, self._is_text, spans),
        )
        rows, inner = self._walk(one, buffer, base, make_scratch(self._keys.fields))
        del held
        return self._walked(one, rows), self._room.all_of("inner")[:inner], given

    def _take_room(self, spans: int) -> None:
        room = self._room
        room.take("groups", 64, np.int64, GROUP_COLUMNS)
        room.take("spans", 1024, np.int64, SPAN_COLUMNS)
        room.take("log", _LOG_ROWS, np.int64, LOG_COLUMNS)
        room.take("inner", spans + 64, np.int64, INNER_COLUMNS)
        room.take("heap", spans * _HEAP_WORDS_PER_SPAN + PADDING, np.uint64)
        room.take("words", _LOG_ROWS, np.int64)
        room.take("rows", spans, np.int64, ROW_COLUMNS)
        room.take("ids", spans, np.uint64, 4)

    def _buffer(self, most: int) -> tuple[NDArray[np.uint8], int]:
        """For one message, the known texts behind it, and what the kernel writes; second: where the texts stand."""
        base = most + PADDING
        buffer = self._room.take("buffer", base + len(self._texts) + _SIDE_BYTES + PADDING, np.uint8)
        buffer[base : base + len(self._texts)] = np.frombuffer(self._texts, np.uint8)
        return buffer, base

    def _walk(self, one: _Range, buffer: NDArray[np.uint8], base: int, scratch: Scratch) -> tuple[int, int]:
        """-> how many rows and structures there are."""
        room, side = self._room, base + len(self._texts)
        at = (0, 0, 0, 0)
        while True:
            one.cells = with_heap(one.cells, room.all_of("heap"))
            found = Found(
                rows=room.all_of("rows")[: one.cells.alias.shape[1]], ids=room.all_of("ids"), log=room.all_of("log"),
                inner=room.all_of("inner"), words=room.all_of("words"), cells=one.cells,
            )  # fmt: skip
            at = walk(
                one.given, at, len(one.messages), buffer, room.all_of("groups"), room.all_of("spans"), one.known,
                self._keys, base, side, side + _SIDE_BYTES, found, scratch, self._shapes,
            )  # fmt: skip
            if at[3] == 0:
                return at[1], at[2]
            if at[3] == STRANGE:
                self._read_resources(one, at[0], buffer)
            elif at[3] == FEW_ROWS:
                value = one.messages[at[0]].value
                self._widen(one, at[1], at[1] + at[1] // 2 + count_spans(np.frombuffer(value, np.uint8), len(value)))
            else:
                for name in _SHORT[at[3]]:
                    self._room.grow(name)

    def _widen(self, one: _Range, used: int, rows: int) -> None:
        one.cells = widen(one.cells, self._room, rows, used)
        for name in ("rows", "ids"):
            while len(self._room.all_of(name)) < rows:
                self._room.grow(name)

    def _read_resources(self, one: _Range, message: int, buffer: NDArray[np.uint8]) -> None:
        """Read what stands there and is not known, of twice as many messages as the time before."""
        end = min(message + one.ahead, len(one.messages))
        one.ahead = min(2 * one.ahead, _MOST_AHEAD)
        while message < end:
            asked = np.zeros((len(one.known.pairs), 5), np.int64)
            groups, spans = self._room.all_of("groups"), self._room.all_of("spans")
            message, why = find_strange(one.given, message, end, buffer, groups, spans, one.known, asked)
            for number in range(len(one.templates), int(one.known.used[0])):
                self._read_resource(one, number, *asked[number].tolist())
            if why == STRANGE:
                one.known = grow(one.known)
            elif why == NO_ROOM:
                self._room.grow("groups")
                self._room.grow("spans")

    def _read_resource(self, one: _Range, number: int, message: int, a: int, b: int, c: int, d: int) -> None:
        value = one.messages[message].value
        template = self._templates.read(value[a:b], value[c:d])
        one.templates.append(template)
        if template is not None:
            one.known.alias[number] = template.alias
            one.known.base[number] = self._bases.setdefault(template.alias.tobytes(), len(self._bases))

    def _walked(self, one: _Range, count: int) -> Walked:
        templates: list[Template] = []
        numbers = np.full(max(len(one.templates), 1), REFUSED, np.int64)
        for number, template in enumerate(one.templates):
            if template is not None:
                numbers[number] = len(templates)
                templates.append(template)
        placed = self._templates.place(templates)
        if count + len(templates) > one.cells.alias.shape[1]:
            self._widen(one, count, count + len(templates))
        while one.cells.used[0] + 8 * len(placed.texts) + PADDING > len(one.cells.heap):
            one.cells = with_heap(one.cells, self._room.grow("heap"))
        rows = self._room.all_of("rows")[:count]
        return Walked(
            rows=rows,
            ids=self._room.all_of("ids")[:count],
            cells=one.cells,
            template=numbers[rows[:, TEMPLATE]],
            plan=rows[:, PLAN].astype(np.int16),
            templates=templates,
            placed=placed,
            plan_alias=self._shapes.alias,
        )
