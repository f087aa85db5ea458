"""Attributes of spans and events: which field one may fill, and whether it is better than what has filled it."""

from __future__ import annotations

from typing import Any

import numpy as np

from processors.decode.wire.compiled import compiled, inlined
from processors.decode.wire.keys import (
    ABOUT,
    ALIAS,
    AS_TOLD,
    AT,
    FIELD,
    INNER,
    NO_SLOT,
    PLAIN,
    QUOTED,
    SIZE,
    SLOTS,
    WANTED,
    find_slot,
)
from processors.decode.wire.mentions import mentions
from processors.decode.wire.scratch import (
    AT_ROW,
    IS_FOR_PYTHON,
    IS_ODD,
    LOGGED,
    MOST_PENDING,
    PENDING,
    SIDE,
    SIDE_END,
)
from processors.decode.wire.values import ARRAY, EVENT, LEFT, MAP, STRING, TAKEN, convert, read_any
from processors.decode.wire.words import is_same, is_utf8, read_length

_SIDE_BYTES = 24
NAME_BYTES = 64
"""As ``decode.reprs`` has it; written here because compiled code is kept by the sources of this package."""


@inlined
def read_pair(buffer: Any, at: int, end: int) -> Any:
    """Key and value of a ``KeyValue`` in either order: begin and end of both; -1: odd. A value may be missing."""
    key_begin, key_end = np.int64(0), np.int64(-1)
    value_begin, value_end = np.int64(0), np.int64(-1)
    while at < end:
        tag = buffer[at]
        stop, begin = read_length(buffer, at + 1, end)
        if stop < 0 or (tag == 0x0A and key_end >= 0) or (tag == 0x12 and value_end >= 0):
            return np.int64(-1), key_end, value_begin, value_end
        if tag == 0x0A:
            key_begin, key_end = begin, stop
        elif tag == 0x12:
            value_begin, value_end = begin, stop
        else:
            return np.int64(-1), key_end, value_begin, value_end
        at = stop
    return key_begin, max(key_end, key_begin), value_begin, max(value_end, value_begin)


@inlined
def best(field: int, base_alias: Any, scratch: Any, number: int) -> int:
    """The best alias of a field so far; ``NO_ALIAS`` where it has none."""
    return scratch.best[field, 1] if scratch.best[field, 0] == number else base_alias[field]


@inlined
def put(field: int, alias: int, first: int, second: int, log: Any, scratch: Any, number: int) -> None:
    """Set a field in the log: in the place that the span has for it already, else in a new one."""
    held = scratch.best
    if held[field, 0] != number:
        held[field, 0] = number
        held[field, 2] = scratch.state[LOGGED]
        scratch.state[LOGGED] += 1
    entry = held[field, 2]
    held[field, 1] = alias
    log[entry, 0] = scratch.state[AT_ROW]
    log[entry, 1] = field
    log[entry, 2] = alias
    log[entry, 3] = first
    log[entry, 4] = second


@inlined
def _offer(
    buffer: Any, alias: int, field: int, wanted: int, quoted: bool, kind: int, first: int, second: int,
    base_alias: Any, keys: Any, base: int, log: Any, scratch: Any, number: int,
) -> None:  # fmt: skip
    """Take a value into a field if its alias is as good as the one that has filled it."""
    state = scratch.state
    if alias > best(field, base_alias, scratch, number):
        return
    if quoted and kind == STRING and second > 0 and buffer[first] == ord('"'):
        state[IS_FOR_PYTHON] = 1
        return
    side = state[SIDE] if state[SIDE] + _SIDE_BYTES <= state[SIDE_END] else np.int64(-1)
    verdict, one, two = convert(buffer, wanted, kind, first, second, side, keys, base, scratch.stack)
    if verdict != TAKEN:
        if verdict == LEFT:
            state[IS_FOR_PYTHON] = 1
        return
    if one == side and two > 0:
        state[SIDE] += _SIDE_BYTES
    put(field, alias, one, two, log, scratch, number)


@compiled
def _opens_object(buffer: Any, at: int, size: int) -> bool:
    """Whether a text begins like the repr of an object, see ``decode.reprs``: a name, then ``(``, ``=`` or ``[``."""
    for i in range(at, at + min(size, NAME_BYTES + 1)):
        byte = buffer[i]
        if 97 <= (byte | 0x20) <= 122 or byte == 95 or (i > at and (48 <= byte <= 57 or byte == 46)):
            continue
        return i > at and byte in (ord("("), ord("="), ord("["))
    return False


@inlined
def cannot_open(buffer: Any, at: int, size: int) -> bool:
    """Whether a text is no list, dict or object, not even behind blanks."""
    if size == 0:
        return True
    lead = buffer[at]
    return lead not in (ord("{"), ord("[")) and 32 < lead < 0x80 and not _opens_object(buffer, at, size)


@inlined
def read_attribute(
    buffer: Any,
    at: int,
    end: int,
    event: int,
    base_alias: Any,
    keys: Any,
    base: int,
    log: Any,
    scratch: Any,
    number: int,
) -> None:
    """One attribute of a span, or of an event that is read."""
    state = scratch.state
    key_begin, key_end, value_begin, value_end = read_pair(buffer, at, end)
    if key_begin < 0:
        state[IS_ODD] = 1
        return
    kind, first, second = read_any(buffer, value_begin, value_end, scratch.stack)
    if kind < 0:
        state[IS_ODD] = 1
        return
    size = key_end - key_begin
    slot = NO_SLOT
    if event < 0:
        slot = find_slot(buffer, key_begin, size, keys, base)
        if slot == NO_SLOT and not is_utf8(buffer, key_begin, key_end):
            state[IS_ODD] = 1
            return
    else:
        if not is_utf8(buffer, key_begin, key_end):
            state[IS_ODD] = 1
            return
        if size == 0:
            state[IS_FOR_PYTHON] = 1
        for candidate in range(keys.events[event, SLOTS], keys.events[event + 1, SLOTS]):
            if keys.slots[candidate, SIZE] == size and is_same(
                buffer, key_begin, base + keys.slots[candidate, AT], size
            ):
                slot = candidate
    if slot < 0:
        return
    for i in range(keys.slots[slot, PLAIN], keys.slots[slot + 1, PLAIN]):
        _offer(
            buffer, keys.plain[i, ALIAS], keys.plain[i, FIELD], keys.plain[i, WANTED], keys.plain[i, QUOTED] != 0, kind,
            first, second, base_alias, keys, base, log, scratch, number,
        )  # fmt: skip
    if keys.slots[slot, INNER] < keys.slots[slot + 1, INNER] and kind in (STRING, ARRAY, MAP):
        is_words = keys.inner[keys.slots[slot, INNER], ABOUT] == AS_TOLD
        if is_words or kind != STRING or not cannot_open(buffer, first, second):
            set_apart(slot, first, second, kind, scratch)


@inlined
def set_apart(slot: int, begin: int, size: int, kind: int, scratch: Any) -> None:
    """Let Python read a value or an event, if it is worth it."""
    state = scratch.state
    count = state[PENDING]
    if count == MOST_PENDING:
        state[IS_FOR_PYTHON] = 1
        return
    scratch.pending[count, 0] = slot
    scratch.pending[count, 1] = begin
    scratch.pending[count, 2] = size
    scratch.pending[count, 3] = kind
    state[PENDING] = count + 1


@compiled
def keep_structures(
    buffer: Any, base_alias: Any, keys: Any, base: int, kept: Any, count: int, scratch: Any, row: int, number: int
) -> int:
    """Note events, and structures that may fill a field better than what has filled it; -> how many are noted."""
    for i in range(scratch.state[PENDING]):
        slot, begin, size, kind = scratch.pending[i]
        is_worth = kind == EVENT
        looked = -1
        for one in range(keys.slots[slot, INNER], keys.slots[slot + 1, INNER] if kind != EVENT else 0):
            about = keys.inner[one, ABOUT]
            if about < 0 or kind != STRING:
                is_worth = keys.inner[one, ALIAS] <= best(keys.inner[one, FIELD], base_alias, scratch, number)
            elif about != looked:
                is_worth = mentions(buffer, begin, size, 1 << about)
                looked = about
            if is_worth:
                break
        if is_worth:
            kept[count, 0] = row
            kept[count, 1] = slot
            kept[count, 2] = begin
            kept[count, 3] = size
            kept[count, 4] = kind
            count += 1
    return count
