"""The walk over spans: ids, times and names into rows, and of every field the best attribute into a log.

A span that holds anything which only Python can read is marked ``left``: ``processors.decode.walk`` reads that span
from its bytes. A message that protobuf might refuse, or read in another way, is marked *odd*: the protobuf library
reads it from the beginning. So this walk is right by being modest: what it takes, it takes as protobuf does.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from processors.decode.wire.compiled import compiled, inlined
from processors.decode.wire.keys import (
    ABOUT,
    ALIAS,
    AT,
    FIELD,
    INNER,
    IS_OPEN,
    NO_SLOT,
    PLAIN,
    QUOTED,
    SIZE,
    SLOTS,
    TIMES,
    WANTED,
    Keys,
    find_slot,
)
from processors.decode.wire.messages import FIELDS, MOST_DEEP, ROW, is_sound, read_tag, skip_field
from processors.decode.wire.values import (
    ARRAY,
    LEFT,
    MAP,
    STRING,
    TAKEN,
    convert,
    cut_text,
    mentions,
    read_any,
)
from processors.decode.wire.words import is_same, is_utf8, load64, read_length, read_varint

(
    MESSAGE,
    POSITION,
    GROUP,
    TRACE,
    SPAN,
    PARENT,
    NAME,
    NAME_SIZE,
    KIND,
    STARTED,
    ENDED,
    CODE,
    TEXT,
    TEXT_SIZE,
    BEGIN,
    END,
    IS_LEFT,
) = range(17)
"""Columns of a row; ids and texts by where they stand, -1 where there is none."""
ROW_COLUMNS = 17

INNER_COLUMNS = 5  # row, slot, begin, size, kind: structures that may hold what no attribute told
LOG_COLUMNS = 2  # what and where (see ``pack``), and the first word of the value
_MOST_PENDING = 64
_SIDE_BYTES = 24
NO_ALIAS = 1 << 30
_LINK = ROW["Link"]
_PREDICTIONS = 1 << 10


ROW_BITS, FIELD_BITS, ALIAS_BITS, SIZE_BITS = 27, 9, 14, 13
MOST_ROWS = 1 << ROW_BITS


@inlined
def pack(row: int, field: int, alias: int, size: int) -> int:
    """The place of a value in one word; what does not fit is refused before (``check_room``)."""
    return ((row << FIELD_BITS | field) << ALIAS_BITS | alias) << SIZE_BITS | size


@inlined
def unpack(packed: int) -> Any:
    """Row, field, alias and size."""
    size = packed & ((1 << SIZE_BITS) - 1)
    alias = packed >> SIZE_BITS & ((1 << ALIAS_BITS) - 1)
    field = packed >> (SIZE_BITS + ALIAS_BITS) & ((1 << FIELD_BITS) - 1)
    return packed >> (SIZE_BITS + ALIAS_BITS + FIELD_BITS), field, alias, size


def check_room(aliases: int, keys: Keys) -> None:
    """Raises ValueError where a table has more than a packed word can tell."""
    if aliases >> ALIAS_BITS or keys.fields >> FIELD_BITS or max(keys.text_bytes, keys.message_bytes) >> SIZE_BITS:
        raise ValueError("the alias table is larger than the kernel's log can tell")


class Found(NamedTuple):
    """What the walk fills; each is grown by its caller where it may run out."""

    rows: NDArray[np.int64]  # (spans, ROW_COLUMNS)
    log: NDArray[np.int64]  # (room, LOG_COLUMNS)
    inner: NDArray[np.int64]  # (room, INNER_COLUMNS)


class Scratch(NamedTuple):
    """What the best alias of each field is in the span at hand."""

    best: NDArray[np.int64]  # (fields, 3): number of the span that has set it, alias, entry in the log
    pending: NDArray[np.int64]  # (_MOST_PENDING, 4): slot, begin, size, kind
    after: NDArray[np.int64]  # prediction: key place -> (begin, size, slot, next place)
    state: NDArray[np.int64]  # by the numbers below
    stack: NDArray[np.int64]  # of ``is_sound``


LOGGED, PENDING, SIDE, SIDE_END, IS_FOR_PYTHON, IS_ODD, LAST_KEY, AT_ROW = range(8)


def make_scratch(fields: int) -> Scratch:
    """Scratch for a walk over spans with so many fields."""
    return Scratch(
        best=np.full((fields, 3), -1, np.int64),
        pending=np.zeros((_MOST_PENDING, 4), np.int64),
        after=np.zeros((_PREDICTIONS, 4), np.int64),
        state=np.zeros(8, np.int64),
        stack=np.zeros((MOST_DEEP, 3), np.int64),
    )


@compiled
def walk(
    buffer: Any, groups: Any, spans: Any, template_of: Any, base_alias: Any, odd: Any, keys: Any, base: int, side: int,
    side_end: int, found: Any, scratch: Any, begin_at: Any,
) -> Any:  # fmt: skip
    """Rows, log and structures of the spans from ``begin_at`` on: (span, rows, log entries, structures, side, bad).

    ``template_of``: group -> row of ``base_alias`` (the aliases that resource and scope have filled), -1: odd;
    ``side``: free bytes of the buffer. -> the same tuple where it stopped: at the end, or where room ran out, which is
    always at the beginning of a message.
    """
    span, rows, logged, inner, side, bad = begin_at
    state = scratch.state
    state[SIDE], state[SIDE_END] = side, side_end
    while span < len(spans):
        message = spans[span, 0]
        last = span
        while last < len(spans) and spans[last, 0] == message:
            last += 1
        more, size = last - span, spans[last - 1, 3] - spans[span, 2]
        if (
            rows + more > len(found.rows)
            or logged + min(more * keys.fields, size) > len(found.log)
            or inner + min(more * _MOST_PENDING, size) > len(found.inner)
        ):
            return span, rows, logged, inner, state[SIDE], bad
        before = (rows, logged, inner, bad)
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
                bad += 1
                continue
            found.rows[rows, POSITION] = one - span
            found.rows[rows, IS_LEFT] = state[IS_FOR_PYTHON]
            if not state[IS_FOR_PYTHON]:
                logged = state[LOGGED]
                inner = _keep_structures(
                    buffer, base_alias[template], keys, base, found.inner, inner, scratch, rows, one
                )
            rows += 1
        if odd[message]:
            rows, logged, inner, bad = before
        span = last
    return span, rows, logged, inner, state[SIDE], bad


@inlined
def _is_id(buffer: Any, at: int, size: int) -> bool:
    """Whether an id is not all zero; ``size`` is 8 or 16."""
    word = load64(buffer, at)
    if size == 16:
        word |= load64(buffer, at + 8)
    return word != np.uint64(0)


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
                _read_attribute(buffer, begin, stop, -1, base_alias, keys, base, log, scratch, one)
            elif field == 11:
                _read_event(buffer, begin, stop, base_alias, keys, base, log, scratch, one)
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
def _read_pair(buffer: Any, at: int, end: int) -> Any:
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
def _read_attribute(
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
    key_begin, key_end, value_begin, value_end = _read_pair(buffer, at, end)
    if key_begin < 0:
        state[IS_ODD] = 1
        return
    kind, first, second = read_any(buffer, value_begin, value_end, scratch.stack)
    if kind < 0:
        state[IS_ODD] = 1
        return
    size = key_end - key_begin
    slot = _predict(buffer, key_begin, size, keys, base, scratch) if event < 0 else NO_SLOT
    if event >= 0:
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
        count = state[PENDING]
        if count == _MOST_PENDING:
            state[IS_FOR_PYTHON] = 1
            return
        if kind == STRING and (second == 0 or (buffer[first] < 0x80 and _cannot_open(buffer[first]))):
            return
        scratch.pending[count, 0] = slot
        scratch.pending[count, 1] = first
        scratch.pending[count, 2] = second
        scratch.pending[count, 3] = kind
        state[PENDING] = count + 1


@inlined
def _cannot_open(byte: int) -> bool:
    """Whether no list or dict begins so, not even behind blanks."""
    return byte not in (ord("{"), ord("[")) and byte > 32


@inlined
def _predict(buffer: Any, at: int, size: int, keys: Any, base: int, scratch: Any) -> int:
    """The slot of a span's key: instrumentations write keys in one order, so the last key foretells the next one.

    Keys seen before stand in ``scratch.after`` by a few bits of their hash; each points to the one that followed it.
    """
    state, after = scratch.state, scratch.after
    guess = after[state[LAST_KEY], 3]
    if guess > 0 and after[guess, 1] == size and is_same(buffer, at, after[guess, 0], size):
        state[LAST_KEY] = guess
        return after[guess, 2]
    slot = find_slot(buffer, at, size, keys, base)
    if slot == NO_SLOT and not is_utf8(buffer, at, at + size):
        state[IS_ODD] = 1
        return NO_SLOT
    place = _place(buffer, at, size)
    after[place, 0] = at
    after[place, 1] = size
    after[place, 2] = slot
    after[state[LAST_KEY], 3] = place
    state[LAST_KEY] = place
    return slot


@inlined
def _place(buffer: Any, at: int, size: int) -> int:
    """A place in ``scratch.after`` by the key's bytes; place 0 stands before the first key."""
    mixed = np.uint64(size) * np.uint64(0x9E3779B97F4A7C15)
    if size >= 8:
        mixed ^= load64(buffer, at) * np.uint64(0xC2B2AE3D27D4EB4F)
        mixed ^= load64(buffer, at + size - 8) * np.uint64(0x165667B19E3779F9)
    else:
        for i in range(size):
            mixed = (mixed ^ np.uint64(buffer[at + i])) * np.uint64(0x100000001B3)
    mixed ^= mixed >> np.uint64(32)
    return 1 + np.int64(mixed % np.uint64(_PREDICTIONS - 1))


@inlined
def _best(field: int, base_alias: Any, scratch: Any, number: int) -> int:
    """The best alias of a field so far; ``NO_ALIAS`` where it has none."""
    return scratch.best[field, 1] if scratch.best[field, 0] == number else base_alias[field]


@inlined
def _offer(
    buffer: Any, alias: int, field: int, wanted: int, quoted: bool, kind: int, first: int, second: int,
    base_alias: Any, keys: Any, base: int, log: Any, scratch: Any, number: int,
) -> None:  # fmt: skip
    """Take a value into a field if its alias is as good as the one that has filled it."""
    state = scratch.state
    if alias > _best(field, base_alias, scratch, number):
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
    _set(field, alias, one, two, log, scratch, number)


@inlined
def _set(field: int, alias: int, first: int, second: int, log: Any, scratch: Any, number: int) -> None:
    best = scratch.best
    if best[field, 0] != number:
        best[field, 0] = number
        best[field, 2] = scratch.state[LOGGED]
        scratch.state[LOGGED] += 1
    entry = best[field, 2]
    best[field, 1] = alias
    log[entry, 0] = pack(scratch.state[AT_ROW], field, alias, second)
    log[entry, 1] = first


@compiled
def _read_event(
    buffer: Any, at: int, end: int, base_alias: Any, keys: Any, base: int, log: Any, scratch: Any, number: int
) -> None:
    """An event: its name first, wherever it stands; then its attributes."""
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
        if event >= 0:
            _read_attribute(buffer, inside, stop, event, base_alias, keys, base, log, scratch, number)
        elif not is_sound(buffer, inside, stop, _KEY_VALUE, FIELDS, scratch.stack):
            state[IS_ODD] = 1
        if state[IS_ODD]:
            return
    if event < 0 or time == 0:
        return
    for i in range(keys.events[event, TIMES], keys.events[event + 1, TIMES]):
        alias, field = keys.times[i, ALIAS], keys.times[i, FIELD]
        best = _best(field, base_alias, scratch, number)
        if alias < best or (alias == best and np.uint64(time) < np.uint64(log[scratch.best[field, 2], 1])):
            _set(field, alias, time, 0, log, scratch, number)


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
def _keep_structures(
    buffer: Any, base_alias: Any, keys: Any, base: int, kept: Any, count: int, scratch: Any, row: int, number: int
) -> int:
    """Note the structures that may fill a field better than what has filled it; -> how many are noted."""
    for i in range(scratch.state[PENDING]):
        slot, begin, size, kind = scratch.pending[i]
        is_worth = False
        looked = -1
        for one in range(keys.slots[slot, INNER], keys.slots[slot + 1, INNER]):
            about = keys.inner[one, ABOUT]
            if about < 0 or kind != STRING:
                is_worth = keys.inner[one, ALIAS] <= _best(keys.inner[one, FIELD], base_alias, scratch, number)
            elif about != looked:
                is_worth = mentions(buffer, begin, size, about, keys, base)
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
