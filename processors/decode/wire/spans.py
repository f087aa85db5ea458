"""A span attribute by attribute: ids, times and names into its row, and of every field the best attribute into the log.

A span that holds anything which only Python can read is marked ``left``: ``processors.decode.walk`` reads that span
from its bytes. A message that protobuf might refuse, or read in another way, is marked *odd*: the protobuf library
reads it from the beginning. So this walk is right by being modest: what it takes, it takes as protobuf does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from processors.decode.wire.attributes import keep_structures, read_attribute
from processors.decode.wire.compiled import compiled
from processors.decode.wire.events import read_event
from processors.decode.wire.messages import FIELDS, ROW, is_sound, read_tag, skip_field
from processors.decode.wire.scratch import (
    AT_ROW,
    BEGIN,
    CODE,
    END,
    ENDED,
    IS_FOR_PYTHON,
    IS_LEFT,
    IS_ODD,
    KIND,
    LOGGED,
    NAME,
    NAME_SIZE,
    NUMBER,
    PARENT,
    PENDING,
    PLAN,
    SPAN,
    STARTED,
    TEXT,
    TEXT_SIZE,
    TRACE,
)
from processors.decode.wire.status import read_status
from processors.decode.wire.words import is_id, is_utf8, load64, read_length, read_varint

_LINK = ROW["Link"]


@compiled
def _read_span(
    buffer: Any, spans: Any, one: int, base_alias: Any, keys: Any, base: int, row: Any, log: Any, scratch: Any,
    number: int,
) -> bool:  # fmt: skip
    """Fill a row; -> whether the span has no valid ids. ``state`` says whether it is odd, or left to Python."""
    state = scratch.state
    at, end = spans[one, 1], spans[one, 2]
    row[BEGIN], row[END] = at, end
    row[TRACE] = row[SPAN] = row[PARENT] = row[TEXT] = -1
    row[NAME] = row[NAME_SIZE] = row[KIND] = row[STARTED] = row[ENDED] = row[CODE] = row[TEXT_SIZE] = 0
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
                read_attribute(buffer, begin, stop, -1, base_alias, keys, base, log, scratch, number)
            elif field == 11:
                read_event(buffer, begin, stop, base_alias, keys, base, log, scratch, number)
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
                    row[TRACE] = begin if is_id(buffer, begin, size, 16) else -1
                elif field == 2:
                    row[SPAN] = begin if is_id(buffer, begin, size, 8) else -1
                elif field == 4:
                    row[PARENT] = begin if is_id(buffer, begin, size, 8) else -1
                elif field == 3:
                    state[IS_ODD] = 0 if is_utf8(buffer, begin, stop) else 1
                elif field == 5:
                    row[NAME], row[NAME_SIZE] = begin, size
                    state[IS_ODD] = 0 if is_utf8(buffer, begin, stop) else 1
                elif field == 15:
                    read_status(buffer, begin, stop, row, keys, state)
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


@compiled
def read_one(
    buffer: Any, spans: Any, one: int, base_alias: Any, keys: Any, base: int, found: Any, row: int, inner: int,
    logged: int, scratch: Any,
) -> Any:  # fmt: skip
    """A span attribute by attribute; -> whether it has no valid ids, structures and attributes noted.

    ``state`` says whether it is odd; else it has its row.
    """
    state = scratch.state
    state[IS_ODD] = state[IS_FOR_PYTHON] = state[PENDING] = 0
    state[LOGGED], state[AT_ROW] = logged, row
    state[NUMBER] += 1
    number = state[NUMBER]
    is_bad = _read_span(buffer, spans, one, base_alias, keys, base, found.rows[row], found.log, scratch, number)
    if is_bad or state[IS_ODD]:
        return is_bad, inner, logged
    found.rows[row, IS_LEFT] = state[IS_FOR_PYTHON]
    found.rows[row, PLAN] = -1
    if state[IS_FOR_PYTHON]:
        return False, inner, logged
    inner = keep_structures(buffer, base_alias, keys, base, found.inner, inner, scratch, row, number)
    return False, inner, state[LOGGED]
