"""The walk over messages: spans of a known shape by its plan, the others attribute by attribute.

The cells of a message are filled when all of it has been found sound, so an odd one leaves nothing behind.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from processors.decode.wire.compiled import compiled, inlined
from processors.decode.wire.fill import fill_cells
from processors.decode.wire.follow import follow
from processors.decode.wire.plans import plan_of
from processors.decode.wire.runs import take_run
from processors.decode.wire.scratch import (
    GROUP,
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
    TRACE,
    WORDS,
)
from processors.decode.wire.shapes import DEPTH, MOST_ATTRIBUTES, NEVER, UNKNOWN, learn
from processors.decode.wire.spans import read_one
from processors.decode.wire.words import load64


@inlined
def _keep_ids(buffer: Any, row: Any, ids: Any) -> None:
    """Copy the ids of a row while they are at hand."""
    ids[0], ids[1] = load64(buffer, row[TRACE]), load64(buffer, row[TRACE] + 8)
    ids[2] = load64(buffer, row[SPAN])
    ids[3] = np.uint64(0)
    if row[PARENT] >= 0:
        ids[3] = load64(buffer, row[PARENT])


@compiled
def _read_message(
    buffer: Any, spans: Any, begin: int, end: int, templates: Any, keys: Any, base: int, row: int, inner: int,
    found: Any, scratch: Any, shapes: Any, bad: Any,
) -> Any:  # fmt: skip
    """The spans of one message; -> rows, structures and attributes noted. ``state`` says whether it is odd."""
    state, rows, origin = scratch.state, found.rows, spans[begin, 2]
    logged, word = 0, np.int64(0)
    for one in range(begin, end):
        template = templates.of_group[spans[one, 1]]
        if template < 0:
            state[IS_ODD] = 1
            return row, inner, logged
        base_alias, at, stop = templates.alias[template], spans[one, 2], spans[one, 3]
        node = follow(buffer, at, stop, origin, rows[row], keys, shapes, found.words, word, scratch)
        plan = NEVER
        if node >= 0:
            plan = plan_of(node, templates.base[template], base_alias, keys, shapes)
        if plan >= 0:
            rows[row, MESSAGE], rows[row, GROUP], rows[row, IS_LEFT] = spans[one, 0], spans[one, 1], 0
            rows[row, PLAN], rows[row, WORDS] = plan, word
            word += np.int64(shapes.nodes[node, DEPTH])
        else:
            is_bad, inner, logged = read_one(
                buffer, spans, one, base_alias, keys, base, found, row, inner, logged, scratch
            )
            if state[IS_ODD]:
                return row, inner, logged
            if node == UNKNOWN:
                learn(buffer, at, stop, keys, base, shapes)
            if is_bad:
                bad[spans[one, 0]] += 1
                continue
        rows[row, POSITION] = one - begin
        _keep_ids(buffer, rows[row], found.ids[row])
        row += 1
    return row, inner, logged


@compiled
def _take_runs(
    buffer: Any, spans: Any, span: int, begin: int, end: int, templates: Any, keys: Any, base: int, inner: int,
    logged: int, found: Any, scratch: Any, shapes: Any,
) -> Any:  # fmt: skip
    """What the plans of rows ``begin`` to ``end`` say, run by run; -> structures and attributes noted."""
    rows, origin = found.rows, spans[span, 2]
    first = begin
    while first < end:
        plan, last = rows[first, PLAN], first + 1
        while last < end and rows[last, PLAN] == plan:
            last += 1
        failed = 0
        if plan >= 0:
            failed, inner = take_run(buffer, origin, first, last, found, inner, keys, base, shapes, scratch)
        for row in range(first, last if failed else first):
            if rows[row, PLAN] < 0:
                one = span + rows[row, POSITION]
                base_alias = templates.alias[templates.of_group[spans[one, 1]]]
                _, inner, logged = read_one(
                    buffer, spans, one, base_alias, keys, base, found, row, inner, logged, scratch
                )
        first = last
    return inner, logged


@compiled
def walk(
    buffer: Any, spans: Any, templates: Any, odd: Any, keys: Any, base: int, side: int, side_end: int, found: Any,
    scratch: Any, shapes: Any, bad: Any, begin_at: Any,
) -> Any:  # fmt: skip
    """Rows, cells and structures of the spans from ``begin_at`` on: (span, rows, structures, side).

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
        if (
            min(more * keys.fields, size) > len(found.log)
            or inner + min(more * MOST_PENDING, size) > len(found.inner)
            or min(more * MOST_ATTRIBUTES, size) > len(found.words)
        ):
            return span, rows, inner, state[SIDE]
        state[IS_ODD] = 0
        stop, noted, logged = _read_message(
            buffer, spans, span, last, templates, keys, base, rows, inner, found, scratch, shapes, bad
        )
        if not state[IS_ODD]:
            noted, logged = _take_runs(
                buffer, spans, span, rows, stop, templates, keys, base, noted, logged, found, scratch, shapes
            )
        if state[IS_ODD]:
            odd[message] = 1
            bad[message] = 0
        elif not fill_cells(buffer, spans[span, 2], found.rows, rows, stop, found.log, logged, found.cells, shapes):
            bad[message] = 0
            return span, rows, inner, state[SIDE]
        else:
            rows, inner = stop, noted
        span = last
    return span, rows, inner, state[SIDE]
