"""The cells of one message, from its rows, its log and its runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from processors.decode.wire.cells import GIVEN, OWN, add_text, begin_field
from processors.decode.wire.compiled import compiled, inlined
from processors.decode.wire.follow import SIZE_BITS, SIZES
from processors.decode.wire.plans import OTHER, REFUSED, STRUCTURE, TARGET, TEXT_OP, WHAT
from processors.decode.wire.scratch import PLAN
from processors.decode.wire.shapes import END_OP, FIRST_OP
from processors.decode.wire.words import PADDING


@inlined
def _end_of_run(rows: Any, begin: int, end: int) -> int:
    """Behind the rows that have the plan of the first one."""
    last = begin + 1
    while last < end and rows[last, PLAN] == rows[begin, PLAN]:
        last += 1
    return last


@compiled
def _room_of_run(begin: int, end: int, plan: int, cells: Any, shapes: Any) -> int:
    """Bytes of the heap that the texts of a run may need."""
    need = 0
    for number in range(shapes.plans[plan, FIRST_OP], shapes.plans[plan, END_OP]):
        what, target = shapes.ops[number, WHAT], shapes.ops[number, TARGET]
        if what in (TEXT_OP, OTHER) and cells.is_text[target]:
            for row in range(begin, end):
                need += (cells.word[target, row] & SIZES) + 8
    return need


@compiled
def _fill_run(buffer: Any, begin: int, end: int, plan: int, cells: Any, shapes: Any) -> None:
    """Number the texts of a run; the heap must have room for them."""
    for number in range(shapes.plans[plan, FIRST_OP], shapes.plans[plan, END_OP]):
        what, field = shapes.ops[number, WHAT], shapes.ops[number, TARGET]
        if what in (REFUSED, STRUCTURE):
            continue
        if cells.state[field, GIVEN] == 0:
            begin_field(field, cells)
        if not cells.is_text[field]:
            cells.state[field, GIVEN] += end - begin
            continue
        for row in range(begin, end):
            cells.state[field, GIVEN] += 1
            word = cells.word[field, row]
            cells.word[field, row] = add_text(buffer, word >> SIZE_BITS, word & SIZES, field, cells)


@inlined
def _fill(buffer: Any, field: int, row: int, alias: int, first: int, second: int, cells: Any) -> None:
    if cells.state[field, GIVEN] == 0:
        begin_field(field, cells)
    cells.state[field, GIVEN] += 1
    cells.alias[field, row] = alias
    cells.word[field, row] = add_text(buffer, first, second, field, cells) if cells.is_text[field] else first


@compiled
def fill_cells(buffer: Any, rows: Any, begin: int, end: int, log: Any, logged: int, cells: Any, shapes: Any) -> bool:
    """The cells of one message: the texts of its rows, its runs and its log; False: the heap may have no room."""
    own = len(cells.is_text) - len(OWN)
    need = np.int64(PADDING)
    for column in OWN:
        for row in range(begin, end):
            need += rows[row, column + 1] + 8
    for i in range(logged):
        need += log[i, 4] + 8
    first = begin
    while first < end:
        last = _end_of_run(rows, first, end)
        if rows[first, PLAN] >= 0:
            need += _room_of_run(first, last, rows[first, PLAN], cells, shapes)
        first = last
    if cells.used[0] + need > len(cells.heap):
        return False
    for number, column in enumerate(OWN):
        for row in range(begin, end):
            if rows[row, column] >= 0:
                _fill(buffer, own + number, row, 0, rows[row, column], rows[row, column + 1], cells)
    first = begin
    while first < end:
        last = _end_of_run(rows, first, end)
        if rows[first, PLAN] >= 0:
            _fill_run(buffer, first, last, rows[first, PLAN], cells, shapes)
        first = last
    for i in range(logged):
        _fill(buffer, log[i, 1], log[i, 0], log[i, 2], log[i, 3], log[i, 4], cells)
    return True
