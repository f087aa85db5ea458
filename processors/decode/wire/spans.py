"""The walk over spans: ids, times and names into rows, and of every field the best attribute into cells.

A span that holds anything which only Python can read is marked ``left``: ``processors.decode.walk`` reads that span
from its bytes. A message that protobuf might refuse, or read in another way, is marked *odd*: the protobuf library
reads it from the beginning. So this walk is right by being modest: what it takes, it takes as protobuf does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from processors.decode.wire.attributes import keep_structures, read_attribute
from processors.decode.wire.cells import fill_cells
from processors.decode.wire.compiled import compiled, inlined
from processors.decode.wire.events import read_event
from processors.decode.wire.messages import FIELDS, ROW, is_sound, read_tag, skip_field
from processors.decode.wire.scratch import (
    AT_ROW,
    BEGIN,
    CODE,
    END,
    ENDED,
    GROUP,
    IS_FOR_PYTHON,
    IS_LEFT,
    IS_ODD,
    KIND,
    LAST_KEY,
    LOGGED,
    MESSAGE,
    MOST_PENDING,
    NAME,
    NAME_SIZE,
    PARENT,
    PENDING,
    POSITION,
    SIDE,
    SIDE_END,
    SPAN,
    STARTED,
    TEXT,
    TEXT_SIZE,
    TRACE,
)
from processors.decode.wire.values import cut_text
from processors.decode.wire.words import is_utf8, load64, read_length, read_varint

_LINK = ROW["Link"]


@inlined
def _is_id(buffer: Any, at: int, size: int) -> bool:
    """Whether an id is not all zero; ``size`` is 8 or 16."""
    word = load64(buffer, at)
    if size == 16:
        word |= load64(buffer, at + 8)
    return word != np.uint64(0)


@compiled
def _read_status(buffer: Any, at: int, end: int, row: Any, keys: Any, state: Any) -> None:
    seen = 0
    while at < end:
        field, wire, at = read_tag(buffer, at, end)
        if at < 0 or (field < 8 and seen >> field & 1):
            state[IS_ODD] = 1
            return
        if field < 8:
            seen |= 1 << field
        if field == 2 and wire == 2:
            stop, begin = read_length(buffer, at, end)
            if stop < 0 or not is_utf8(buffer, begin, stop):
                state[IS_ODD] = 1
                return
            row[TEXT], row[TEXT_SIZE] = begin, stop - begin
            at = stop
        elif field == 3 and wire == 0:
            code, at = read_varint(buffer, at, end)
            if at < 0 or code > np.uint64(0x7FFFFFFF):
                state[IS_ODD] = 1
                return
            row[CODE] = np.int64(code) if code <= np.uint64(2) else 0
        else:
            at = -1 if field in (2, 3) else skip_field(buffer, at, end, wire)
            if at < 0:
                state[IS_ODD] = 1
                return
    if row[CODE] != 2 or row[TEXT_SIZE] == 0:  # only errors have a message that says something
        row[TEXT] = -1
        row[TEXT_SIZE] = 0
    else:
        row[TEXT_SIZE] = cut_text(buffer, row[TEXT], row[TEXT_SIZE], keys.message_bytes)


@inlined
def _read_span(
    buffer: Any, spans: Any, one: int, base_alias: Any, keys: Any, base: int, row: Any, log: Any, scratch: Any
) -> bool:
    """Fill a row; -> whether the span has no valid ids. ``state`` says whether it is odd, or left to Python."""
    state = scratch.state
    at, end = spans[one, 2], spans[one, 3]
    row[MESSAGE], row[GROUP], row[BEGIN], row[END] = spans[one, 0], spans[one, 1], at, end
    row[TRACE] = row[SPAN] = row[PARENT] = row[TEXT] = -1
    row[NAME] = row[NAME_SIZE] = row[KIND] = row[STARTED] = row[ENDED] = row[CODE] = row[TEXT_SIZE] = 0
    state[LAST_KEY] = 0
    seen = 0
    while at < end:
        field, wire, at = read_tag(buffer, at, end)
        if at < 0:
            state[IS_ODD] = 1
            return True
        if wire == 2 and field <= 15:
            stop, begin = read_length(buffer, at, end)
            if stop < 0:
                state[IS_ODD] = 1
                return True
            at = stop
            if field == 9:
                read_attribute(buffer, begin, stop, -1, base_alias, keys, base, log, scratch, one)
            elif field == 11:
                read_event(buffer, begin, stop, base_alias, keys, base, log, scratch, one)
            elif field == 13:
                if not is_sound(buffer, begin, stop, _LINK, FIELDS, scratch.stack):
                    state[IS_ODD] = 1
            else:
                if seen >> field & 1:
                    state[IS_ODD] = 1
                    return True
                seen |= 1 << field
                size = stop - begin
                if field == 1:
                    row[TRACE] = begin if size == 16 and _is_id(buffer, begin, 16) else -1
                elif field == 2:
                    row[SPAN] = begin if size == 8 and _is_id(buffer, begin, 8) else -1
                elif field == 4:
                    row[PARENT] = begin if size == 8 and _is_id(buffer, begin, 8) else -1
                elif field == 3:
                    state[IS_ODD] = 0 if is_utf8(buffer, begin, stop) else 1
                elif field == 5:
                    row[NAME], row[NAME_SIZE] = begin, size
                    state[IS_ODD] = 0 if is_utf8(buffer, begin, stop) else 1
                elif field == 15:
                    _read_status(buffer, begin, stop, row, keys, state)
                else:
                    state[IS_ODD] = 1  # a number with the wire type of text
            if state[IS_ODD]:
                return True
            continue
        if field in (6, 7, 8, 10, 12, 14, 16):
            expected = 1 if field in (7, 8) else (5 if field == 16 else 0)
            if wire != expected or seen >> field & 1:
                state[IS_ODD] = 1
                return True
            seen |= 1 << field
            if field in (7, 8):
                if at + 8 > end:
                    state[IS_ODD] = 1
                    return True
                row[STARTED if field == 7 else ENDED] = np.int64(load64(buffer, at))
            elif field == 6:
                kind, after = read_varint(buffer, at, end)
                if after < 0 or kind > np.uint64(0x7FFFFFFF):
                    state[IS_ODD] = 1
                    return True
                row[KIND] = np.int64(kind) if kind <= np.uint64(5) else 0
        elif field <= 15:
            state[IS_ODD] = 1
            return True
        at = skip_field(buffer, at, end, wire)
        if at < 0:
            state[IS_ODD] = 1
            return True
    return row[TRACE] < 0 or row[SPAN] < 0


@inlined
def _keep_ids(buffer: Any, row: Any, ids: Any) -> None:
    """Copy the ids of a row while they are at hand."""
    ids[0], ids[1] = load64(buffer, row[TRACE]), load64(buffer, row[TRACE] + 8)
    ids[2] = load64(buffer, row[SPAN])
    ids[3] = np.uint64(0)
    if row[PARENT] >= 0:
        ids[3] = load64(buffer, row[PARENT])


@compiled
def walk(
    buffer: Any, groups: Any, spans: Any, template_of: Any, base_alias: Any, odd: Any, keys: Any, base: int, side: int,
    side_end: int, found: Any, scratch: Any, bad: Any, begin_at: Any,
) -> Any:  # fmt: skip
    """Rows, cells and structures of the spans from ``begin_at`` on: (span, rows, structures, side).

    ``template_of``: group -> row of ``base_alias`` (the aliases that resource and scope have filled), -1: odd;
    ``side``: free bytes of the buffer; ``bad``: message -> spans without valid ids, counted here. -> the same tuple
    where it stopped: at the end, or where room ran out, which is always at the beginning of a message.
    """
    span, rows, inner, side = begin_at
    state = scratch.state
    state[SIDE], state[SIDE_END] = side, side_end
    while span < len(spans):
        message = spans[span, 0]
        last = span
        while last < len(spans) and spans[last, 0] == message:
            last += 1
        more, size = last - span, spans[last - 1, 3] - spans[span, 2]
        entries = min(more * keys.fields, size)
        if entries > len(found.log) or inner + min(more * MOST_PENDING, size) > len(found.inner):
            return span, rows, inner, state[SIDE]
        before = (rows, inner)
        logged = 0
        for one in range(span, last):
            is_bad = False
            template = template_of[spans[one, 1]]
            state[IS_ODD] = template < 0
            if template >= 0:
                state[IS_FOR_PYTHON] = 0
                state[LOGGED] = logged
                state[AT_ROW] = rows
                state[PENDING] = 0
                is_bad = _read_span(
                    buffer, spans, one, base_alias[template], keys, base, found.rows[rows], found.log, scratch
                )
            if state[IS_ODD]:
                odd[message] = 1
                break
            if is_bad:
                bad[message] += 1
                continue
            found.rows[rows, POSITION] = one - span
            found.rows[rows, IS_LEFT] = state[IS_FOR_PYTHON]
            _keep_ids(buffer, found.rows[rows], found.ids[rows])
            if not state[IS_FOR_PYTHON]:
                logged = state[LOGGED]
                inner = keep_structures(
                    buffer, base_alias[template], keys, base, found.inner, inner, scratch, rows, one
                )
            rows += 1
        if odd[message]:
            rows, inner = before
            bad[message] = 0
        elif not fill_cells(buffer, found.rows, before[0], rows, found.log, logged, found.cells):
            bad[message] = 0
            return span, before[0], before[1], state[SIDE]
        span = last
    return span, rows, inner, state[SIDE]
