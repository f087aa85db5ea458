"""Events of spans: those that the alias table names are read like attributes, the others are only checked.

Events of which Python must read something (evaluations) are checked and set apart, so that Python reads nothing else.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from processors.decode.wire.attributes import best, put, read_attribute, set_apart
from processors.decode.wire.compiled import compiled
from processors.decode.wire.keys import ALIAS, AT, FIELD, IS_APART, IS_OPEN, SIZE, TIMES
from processors.decode.wire.messages import FIELDS, ROW, is_sound, read_tag, skip_field
from processors.decode.wire.scratch import IS_ODD, VALUE
from processors.decode.wire.values import EVENT
from processors.decode.wire.words import is_same, is_utf8, load64, read_length

_KEY_VALUE = ROW["KeyValue"]


@compiled
def _find_event(buffer: Any, at: int, size: int, keys: Any, base: int) -> int:
    """The event that is read under this name, else under the beginning of it; -1: one that is not read."""
    for event in range(len(keys.events) - 1):
        if (
            not keys.events[event, IS_OPEN]
            and keys.events[event, SIZE] == size
            and is_same(buffer, at, base + keys.events[event, AT], size)
        ):
            return event
    dot = size
    while dot > 0 and buffer[at + dot - 1] != ord("."):
        dot -= 1
    for event in range(len(keys.events) - 1):
        if (
            keys.events[event, IS_OPEN]
            and keys.events[event, SIZE] == dot
            and is_same(buffer, at, base + keys.events[event, AT], dot)
        ):
            return event
    return -1


@compiled
def read_event(
    buffer: Any, at: int, end: int, base_alias: Any, keys: Any, base: int, log: Any, scratch: Any, number: int
) -> None:
    """An event: its name first, wherever it stands; then its attributes. Of equal ones the earliest has the time."""
    state = scratch.state
    time, name_begin, name_end = np.int64(0), np.int64(0), np.int64(0)
    seen = 0
    again = at
    while at < end:
        field, wire, at = read_tag(buffer, at, end)
        if at < 0 or (field in (1, 2, 4) and seen >> field & 1):
            state[IS_ODD] = 1
            return
        if field in (1, 2, 4):
            seen |= 1 << field
        expected = 1 if field == 1 else (0 if field == 4 else 2)
        if field <= 4 and wire != expected:
            state[IS_ODD] = 1
            return
        begin = at
        at = skip_field(buffer, at, end, wire)
        if at < 0:
            state[IS_ODD] = 1
            return
        if field == 1:
            time = np.int64(load64(buffer, begin))
        elif field == 2:
            name_end, name_begin = read_length(buffer, begin, end)
            if not is_utf8(buffer, name_begin, name_end):
                state[IS_ODD] = 1
                return
    event = _find_event(buffer, name_begin, name_end - name_begin, keys, base)
    at = again
    while at < end:
        field, wire, at = read_tag(buffer, at, end)
        begin = at
        at = skip_field(buffer, at, end, wire)
        if field != 3:
            continue
        stop, inside = read_length(buffer, begin, end)
        if event >= 0 and not keys.events[event, IS_APART]:
            read_attribute(buffer, inside, stop, event, base_alias, keys, base, log, scratch, number)
        elif not is_sound(buffer, inside, stop, _KEY_VALUE, FIELDS, scratch.stack):
            state[IS_ODD] = 1
        if state[IS_ODD]:
            return
    if event < 0:
        return
    if keys.events[event, IS_APART]:
        set_apart(event, again, end - again, EVENT, scratch)
    if time == 0:
        return
    for i in range(keys.events[event, TIMES], keys.events[event + 1, TIMES]):
        alias, field = keys.times[i, ALIAS], keys.times[i, FIELD]
        known = best(field, base_alias, scratch, number)
        if alias < known or (alias == known and np.uint64(time) < np.uint64(log[scratch.best[field, 2], VALUE])):
            put(field, alias, time, 0, log, scratch, number)
