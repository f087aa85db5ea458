"""A span along the tree of shapes: its keys are foretold, so one comparison each tells that they are what they were.

What is not as foretold is left to ``spans``, which knows all forms and says what is odd: here a span is followed to its
end or not at all. It is checked just as there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from processors.decode.wire.compiled import inlined
from processors.decode.wire.messages import FIELDS, ROW, is_sound
from processors.decode.wire.scratch import (
    BEGIN,
    CODE,
    END,
    ENDED,
    IS_ODD,
    KIND,
    NAME,
    NAME_SIZE,
    PARENT,
    SPAN,
    STARTED,
    TEXT,
    TEXT_SIZE,
    TRACE,
)
from processors.decode.wire.shapes import BESIDE, KEY_AT, NEXT, ODD, RUN, TAG, UNKNOWN
from processors.decode.wire.status import read_status
from processors.decode.wire.values import ARRAY
from processors.decode.wire.words import is_id, is_run, is_utf8, load64, read_length, read_varint

_ARRAY, _MAP, _LINK = ROW["ArrayValue"], ROW["KeyValueList"], ROW["Link"]
_SEVEN = np.uint64(0x7F7F7F7F7F7F7F7F)
_MORE = np.uint64(0x8080808080808080)
SIZE_BITS = np.int64(32)
SIZES = np.int64(0xFFFFFFFF)
"""A text as one word: where it begins,  its size."""


@inlined
def _read_number(buffer: Any, at: int, end: int) -> Any:
    """A varint that ends at ``end``, and whether it does."""
    size = end - at
    if size == 1:
        return np.int64(buffer[at]), buffer[at] < 0x80
    if size < 1 or size > 8:
        number, after = read_varint(buffer, at, end)
        return np.int64(number), after == end
    unused = np.uint64(64 - 8 * size)
    word = load64(buffer, at) << unused >> unused
    goes_on = _MORE >> (unused + np.uint64(8))
    word, is_whole = word & _SEVEN, word & _MORE == goes_on
    word = (word & np.uint64(0x007F007F007F007F)) | (word & np.uint64(0x7F007F007F007F00)) >> np.uint64(1)
    word = (word & np.uint64(0x00003FFF00003FFF)) | (word & np.uint64(0x3FFF00003FFF0000)) >> np.uint64(2)
    word = (word & np.uint64(0x000000000FFFFFFF)) | (word & np.uint64(0x0FFFFFFF00000000)) >> np.uint64(4)
    return np.int64(word), is_whole


@inlined
def _is_list(buffer: Any, at: int, end: int, kind: int, stack: Any) -> bool:
    """Whether a list or map is sound; of a list of one text that is quickly told."""
    size = end - at
    if (
        (kind == ARRAY and 4 <= size < 128)
        and (buffer[at] == 0x0A and np.int64(buffer[at + 1]) == size - 2)
        and (buffer[at + 2] == 0x0A and np.int64(buffer[at + 3]) == size - 4)
    ):
        return is_utf8(buffer, at + 4, end)
    return is_sound(buffer, at, end, _ARRAY if kind == ARRAY else _MAP, FIELDS, stack)


@inlined
def _read_value(buffer: Any, at: int, end: int, stack: Any) -> Any:
    """The word of a value, and whether the value is sound; ``at`` is where its tag stands."""
    tag = buffer[at]
    if tag == 0x0A:
        stop, begin = read_length(buffer, at + 1, end)
        is_text = stop == end and is_utf8(buffer, begin, end)
        return np.int64(begin) << SIZE_BITS | (end - begin), is_text
    if tag in (0x18, 0x10):
        return _read_number(buffer, at + 1, end)
    if tag == 0x21:
        return np.int64(load64(buffer, at + 1)), end - at == 9
    stop, begin = read_length(buffer, at + 1, end)
    is_whole = stop == end and tag in (0x2A, 0x32, 0x3A)
    if is_whole and tag != 0x3A:
        is_whole = _is_list(buffer, begin, end, np.int64(tag) >> 3, stack)
    return np.int64(begin) << SIZE_BITS | (end - begin), is_whole


@inlined
def _follow_attribute(
    buffer: Any, at: int, end: int, node: int, nodes: Any, text: Any, words: Any, word: int, stack: Any
) -> int:
    """The node of an attribute behind ``node``; its value comes to ``words``. ``UNKNOWN``, ``ODD``: see ``follow``."""
    if at + 4 > end:
        return UNKNOWN
    if buffer[at] == 0x0A:
        key, run = at, np.int64(buffer[at + 1]) + 3
        size = run
        if at + run >= end:
            return UNKNOWN
        stop, value = read_length(buffer, at + run, end)
        if stop != end or value == end:
            return UNKNOWN
    elif buffer[at] == 0x12:
        key, value = read_length(buffer, at + 1, end)
        if key < 0 or value == key or key + 2 > end:
            return UNKNOWN
        stop, run = key, np.int64(buffer[key + 1]) + 3
        size = run - 1
        if key + size != end:
            return UNKNOWN
    else:
        return UNKNOWN
    tag = buffer[value]
    child = np.int64(nodes[node, NEXT])
    while child > 0:
        if (nodes[child, RUN] == run and nodes[child, TAG] == tag) and is_run(
            buffer, key, text, np.int64(nodes[child, KEY_AT]), size
        ):
            break
        child = np.int64(nodes[child, BESIDE])
    if child == 0:
        return UNKNOWN
    words[word], is_whole = _read_value(buffer, value, stop, stack)
    return child if is_whole else ODD


@inlined
def follow(
    buffer: Any, at: int, end: int, row: Any, keys: Any, shapes: Any, words: Any, word: int, scratch: Any
) -> int:
    """The node where a span's shape ends; the row and, from ``word`` on, a word a attribute are filled.

    ``UNKNOWN``: the shape is not known yet; ``ODD``: the span is to be read one by one.
    """
    nodes, text, state = shapes.nodes, shapes.text, scratch.state
    row[BEGIN], row[END] = at, end
    row[TRACE] = row[SPAN] = row[PARENT] = row[TEXT] = -1
    row[NAME] = row[NAME_SIZE] = row[KIND] = row[STARTED] = row[ENDED] = row[CODE] = row[TEXT_SIZE] = 0
    node, seen = 0, np.int64(0)
    while at < end:
        tag = buffer[at]
        if tag == 0x4A:
            stop, begin = read_length(buffer, at + 1, end)
            if stop < 0:
                return ODD
            node = _follow_attribute(buffer, begin, stop, node, nodes, text, words, word, scratch.stack)
            if node < 0:
                return node
            word += 1
            at = stop
            continue
        if tag >= 0x80:  # flags, or what nobody knows
            if at + 6 > end or buffer[at + 1] != 1 or tag != 0x85 or seen >> 16 & 1:
                return ODD
            seen |= np.int64(1) << 16
            at += 6
            continue
        field = np.int64(tag) >> 3
        if seen >> field & 1 and field != 13:
            return ODD
        seen |= np.int64(1) << field
        if tag in (0x39, 0x41):
            if at + 9 > end:
                return ODD
            row[STARTED if tag == 0x39 else ENDED] = np.int64(load64(buffer, at + 1))
            at += 9
            continue
        if tag & 7 == 2:
            stop, begin = read_length(buffer, at + 1, end)
            if stop < 0:
                return ODD
            if field == 1:
                row[TRACE] = begin if is_id(buffer, begin, stop - begin, 16) else -1
            elif field == 2:
                row[SPAN] = begin if is_id(buffer, begin, stop - begin, 8) else -1
            elif field == 4:
                row[PARENT] = begin if is_id(buffer, begin, stop - begin, 8) else -1
            elif field in (3, 5):
                if not is_utf8(buffer, begin, stop):
                    return ODD
                if field == 5:
                    row[NAME], row[NAME_SIZE] = begin, stop - begin
            elif field == 15:
                state[IS_ODD] = 0
                read_status(buffer, begin, stop, row, keys, state)
                if state[IS_ODD]:
                    return ODD
            elif field != 13 or not is_sound(buffer, begin, stop, _LINK, FIELDS, scratch.stack):
                return ODD
            at = stop
            continue
        if tag & 7 != 0 or field not in (6, 10, 12, 14):
            return ODD
        number, at = read_varint(buffer, at + 1, end)
        if at < 0 or (field == 6 and number > np.uint64(0x7FFFFFFF)):
            return ODD
        if field == 6:
            row[KIND] = np.int64(number) if number <= np.uint64(5) else 0
    return node if row[TRACE] >= 0 and row[SPAN] >= 0 else ODD
