"""The walk over messages: spans of a known shape by its plan, the others attribute by attribute.

The cells of a message are filled when all of it has been found sound, so an odd one leaves nothing behind.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from processors.decode.wire.compiled import compiled, inlined
from processors.decode.wire.fill import fill_cells
from processors.decode.wire.follow import follow
from processors.decode.wire.frames import NO_ROOM, ODD, find_spans
from processors.decode.wire.plans import plan_of
from processors.decode.wire.resources import REFUSED, UNREAD, add_pair, find_template
from processors.decode.wire.runs import take_run
from processors.decode.wire.scratch import (
    IS_LEFT,
    IS_ODD,
    MESSAGE,
    MOST_PENDING,
    PARENT,
    PLAN,
    POSITION,
    SIDE,
    SIDE_END,
    SPAN,
    TEMPLATE,
    TRACE,
    WORDS,
)
from processors.decode.wire.shapes import DEPTH, MOST_ATTRIBUTES, NEVER, UNKNOWN, learn
from processors.decode.wire.spans import read_one
from processors.decode.wire.words import load64, take_in

STRANGE = -3
"""Why a walk stops: there is a resource and a scope that nobody has read yet."""
FEW_ROWS, FEW_LOGGED, FEW_INNER, FEW_WORDS, FEW_HEAP = -4, -5, -6, -7, -8
"""Likewise: what has no room for the next message. Rooms are kept, so only what is short may grow."""


class Given(NamedTuple):
    """Messages, by their number."""

    address: NDArray[np.int64]  # where the bytes stand in memory
    size: NDArray[np.int64]
    odd: NDArray[np.uint8]  # for the protobuf library or the JSON reader
    seen: NDArray[np.int64]  # spans, bad ones too
    bad: NDArray[np.int64]  # spans without valid ids


@inlined
def _keep_ids(buffer: Any, row: Any, ids: Any) -> None:
    """Copy the ids of a row while they are at hand."""
    ids[0], ids[1] = load64(buffer, row[TRACE]), load64(buffer, row[TRACE] + 8)
    ids[2] = load64(buffer, row[SPAN])
    ids[3] = np.uint64(0)
    if row[PARENT] >= 0:
        ids[3] = load64(buffer, row[PARENT])


@inlined
def _take_planned(row: Any, plan: int, word: int) -> None:
    row[IS_LEFT], row[PLAN], row[WORDS] = 0, plan, word


@compiled
def _read_message(
    buffer: Any, groups: Any, spans: Any, count: int, known: Any, keys: Any, base: int, row: int, inner: int,
    found: Any, scratch: Any, shapes: Any, message: int,
) -> Any:  # fmt: skip
    """The spans of one message; -> rows, structures and attributes noted, spans without ids.

    ``state`` says whether it is odd.
    """
    state, rows = scratch.state, found.rows
    logged, word, bad = 0, np.int64(0), 0
    for one in range(count):
        template = groups[spans[one, 0], 4]
        base_alias, at, stop = known.alias[template], spans[one, 1], spans[one, 2]
        node = follow(buffer, at, stop, rows[row], keys, shapes, found.words, word, scratch)
        plan = NEVER
        if node >= 0:
            plan = plan_of(node, known.base[template], base_alias, keys, shapes)
        if plan >= 0:
            _take_planned(rows[row], plan, word)
            word += np.int64(shapes.nodes[node, DEPTH])
        else:
            is_bad, inner, logged = read_one(
                buffer, spans, one, base_alias, keys, base, found, row, inner, logged, scratch
            )
            if state[IS_ODD]:
                return row, inner, logged, bad
            if node == UNKNOWN:
                learn(buffer, at, stop, keys, base, shapes)
            if is_bad:
                bad += 1
                continue
        rows[row, MESSAGE], rows[row, POSITION], rows[row, TEMPLATE] = message, one, template
        _keep_ids(buffer, rows[row], found.ids[row])
        row += 1
    return row, inner, logged, bad


@compiled
def _take_runs(
    buffer: Any, spans: Any, begin: int, end: int, known: Any, keys: Any, base: int, inner: int, logged: int,
    found: Any, scratch: Any, shapes: Any,
) -> Any:  # fmt: skip
    """What the plans of rows ``begin`` to ``end`` say, run by run; -> structures and attributes noted."""
    rows = found.rows
    first = begin
    while first < end:
        plan, last = rows[first, PLAN], first + 1
        while last < end and rows[last, PLAN] == plan:
            last += 1
        failed = 0
        if plan >= 0:
            failed, inner = take_run(buffer, first, last, found, inner, keys, base, shapes, scratch)
        for row in range(first, last if failed else first):
            if rows[row, PLAN] < 0:
                _, inner, logged = read_one(
                    buffer, spans, rows[row, POSITION], known.alias[rows[row, TEMPLATE]], keys, base, found, row,
                    inner, logged, scratch,
                )  # fmt: skip
        first = last
    return inner, logged


@inlined
def _lacks(spans: Any, count: int, rows: int, inner: int, fields: int, found: Any) -> int:
    """What has no room for all that a message's spans may bring; 0 = nothing."""
    size = spans[count - 1, 2] - spans[0, 1]
    if rows + count > len(found.rows):
        return FEW_ROWS
    if min(count * fields, size) > len(found.log):
        return FEW_LOGGED
    if inner + min(count * MOST_PENDING, size) > len(found.inner):
        return FEW_INNER
    return FEW_WORDS if min(count * MOST_ATTRIBUTES, size) > len(found.words) else 0


@compiled
def _find_groups(buffer: Any, size: int, groups: Any, spans: Any, known: Any) -> Any:
    """See ``find_spans``; groups have their templates. (``STRANGE``, 0): there is a pair that nobody has read."""
    group_count, span_count = find_spans(buffer, size, groups, spans)
    strange = False
    for group in range(group_count):
        template = find_template(buffer, groups[group], known)
        if template == REFUSED:
            return ODD, 0
        strange |= template < 0
        groups[group, 4] = template
    return (STRANGE, 0) if strange else (group_count, span_count)


@compiled
def walk(
    given: Any, begin_at: Any, end: int, buffer: Any, groups: Any, spans: Any, known: Any, keys: Any, base: int,
    side: int, side_end: int, found: Any, scratch: Any, shapes: Any,
) -> Any:  # fmt: skip
    """Rows, cells and structures of the messages from ``begin_at`` to ``end``; -> (message, rows, structures, why).

    ``side``: free bytes of the buffer. It stops at the end or at the beginning of a message: ``NO_ROOM``: groups and
    spans must be grown, ``FEW_…``: something else; ``STRANGE``: it has a resource and a scope that nobody has read.
    """
    message, rows, inner, _ = begin_at
    state = scratch.state
    state[SIDE_END] = side_end
    while message < end:
        size = given.size[message]
        if given.odd[message] or size == 0:
            message += 1
            continue
        take_in(given.address[message], size, buffer)
        group_count, count = _find_groups(buffer, size, groups, spans, known)
        if group_count in (NO_ROOM, STRANGE):
            return message, rows, inner, group_count
        lacking = _lacks(spans, count, rows, inner, keys.fields, found) if count > 0 else 0
        if lacking:
            return message, rows, inner, lacking
        state[IS_ODD], state[SIDE] = group_count < 0, side
        stop, noted, logged, bad = rows, inner, 0, 0
        if count > 0:
            stop, noted, logged, bad = _read_message(
                buffer, groups, spans, count, known, keys, base, rows, inner, found, scratch, shapes, message
            )
        if not state[IS_ODD]:
            noted, logged = _take_runs(
                buffer, spans, rows, stop, known, keys, base, noted, logged, found, scratch, shapes
            )
        if state[IS_ODD]:
            given.odd[message] = 1
        elif not fill_cells(buffer, found.rows, rows, stop, found.log, logged, found.cells, shapes):
            return message, rows, inner, FEW_HEAP
        else:
            rows, inner = stop, noted
            given.seen[message], given.bad[message] = count, bad
        message += 1
    return message, rows, inner, 0


@compiled
def find_strange(
    given: Any, message: int, end: int, buffer: Any, groups: Any, spans: Any, known: Any, asked: Any
) -> Any:  # fmt: skip
    """Note in ``known`` what resources and scopes stand in messages, and where, in ``asked``: message, begins and ends.

    -> how many messages were looked at, and why no more, as above.
    """
    while message < end:
        if not given.odd[message] and given.size[message] > 0:
            take_in(given.address[message], given.size[message], buffer)
            count, _ = find_spans(buffer, given.size[message], groups, spans)
            if count == NO_ROOM:
                return message, NO_ROOM
            for group in range(count):
                if find_template(buffer, groups[group], known) == UNREAD:
                    pair = add_pair(buffer, groups[group], known)
                    if pair < 0:
                        return message, STRANGE
                    known.base[pair] = REFUSED
                    asked[pair, 0] = message
                    for i in range(4):
                        asked[pair, 1 + i] = groups[group, i]
        message += 1
    return message, 0
