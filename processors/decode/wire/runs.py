"""Rows of one shape that follow one another: their words become cells, one field after the other."""

from __future__ import annotations

from typing import Any

import numpy as np

from processors.decode.wire.attributes import cannot_open
from processors.decode.wire.compiled import compiled, inlined
from processors.decode.wire.follow import SIZE_BITS, SIZES
from processors.decode.wire.keys import ELAPSED, NOBODY_LEAD, NOBODY_NEXT, ODD_LEAD, QUOTE_LEAD, WHO
from processors.decode.wire.mentions import REFUSALS, mentions
from processors.decode.wire.plans import (
    ANYHOW,
    AS_IT_IS,
    FINITE,
    KIND,
    NOTED,
    OTHER,
    PLACE,
    QUOTED_TOO,
    REFUSED,
    STRUCTURE,
    TARGET,
    TEXT_OP,
    WANT,
    WHAT,
    WORDS_TOO,
)
from processors.decode.wire.scratch import PLAN, WORDS
from processors.decode.wire.shapes import END_OP, FIRST_OP
from processors.decode.wire.values import (
    ARRAY,
    MAP,
    RAW,
    STRING,
    TAKEN,
    convert,
    judge_name,
    judge_text,
)

_FINITE = np.uint64(0x7FF0000000000000)
_IS_MENTIONED = np.int64(1) << 62
"""Set in the word of a text that mentions a verdict."""


@inlined
def _is_fit(buffer: Any, begin: int, size: int, want: int, leads: int, keys: Any, base: int) -> bool:
    """Whether a text stands as a name as it is."""
    lead = keys.leads[buffer[begin]]
    if 0 < size <= keys.text_bytes:
        if lead & leads == 0:
            return True
        if lead & leads == NOBODY_LEAD and not keys.leads[buffer[begin + 1]] & NOBODY_NEXT:
            return True
    if size > 0 and lead & leads & QUOTE_LEAD:
        return False
    if want == WHO:
        return judge_name(buffer, begin, size, keys, base) == TAKEN
    return judge_text(buffer, begin, size, keys.text_bytes) == TAKEN


@compiled
def _take_texts(
    buffer: Any, rows: Any, begin: int, end: int, words: Any, at: int, step: int, want: int, cells: Any,
    keys: Any, base: int,
) -> int:  # fmt: skip
    """Texts into ``cells``, still as they stand in the message; -> how many rows fail."""
    leads = ODD_LEAD | (QUOTE_LEAD if want >= QUOTED_TOO else 0) | (NOBODY_LEAD if want % QUOTED_TOO == WHO else 0)
    failed = 0
    for row in range(begin, end):
        word = words[at]
        at += step
        if not _is_fit(buffer, word >> SIZE_BITS, word & SIZES, want % QUOTED_TOO, leads, keys, base):
            rows[row, PLAN] = -1
            failed += 1
        cells[row] = word
    return failed


@compiled
def _convert(
    buffer: Any, rows: Any, begin: int, end: int, words: Any, at: int, step: int, want: int, kind: int,
    is_text: bool, cells: Any, keys: Any, base: int, stack: Any,
) -> int:  # fmt: skip
    """Likewise of any value that a field may want."""
    failed = 0
    for row in range(begin, end):
        first, second = words[at], np.int64(0)
        at += step
        if kind in (STRING, ARRAY, MAP, RAW):
            first, second = first >> SIZE_BITS, first & SIZES
        is_quoted = want >= QUOTED_TOO and kind == STRING and second > 0 and buffer[first] == ord('"')
        verdict, one, two = convert(buffer, want % QUOTED_TOO, kind, first, second, -1, keys, base, stack)
        if is_quoted or verdict != TAKEN:
            rows[row, PLAN] = -1
            failed += 1
        cells[row] = one << SIZE_BITS | two if is_text else one
    return failed


@compiled
def _look_for_refusals(buffer: Any, rows: Any, begin: int, end: int, words: Any, at: int, step: int, about: int) -> int:
    """Rows whose text mentions a refusal fail; -> how many. Another mention is noted in the word."""
    failed = 0
    for row in range(begin, end):
        place, size = words[at] >> SIZE_BITS, words[at] & SIZES
        if mentions(buffer, place, size, about):
            if mentions(buffer, place, size, 1 << REFUSALS):
                rows[row, PLAN] = -1
                failed += 1
            words[at] |= _IS_MENTIONED
        at += step
    return failed


@compiled
def _note_structures(
    buffer: Any, rows: Any, begin: int, end: int, words: Any, at: int, step: int, op: Any, noted: Any, inner: int
) -> int:
    """Structures that may tell more, into ``noted``; -> how many there are."""
    kind, about = op[KIND], op[WANT]
    for row in range(begin, end):
        word = words[at]
        place, size = (word & ~_IS_MENTIONED) >> SIZE_BITS, word & SIZES
        at += step
        if rows[row, PLAN] < 0 or (about != WORDS_TOO and kind == STRING and cannot_open(buffer, place, size)):
            continue
        if (
            about in (ANYHOW, WORDS_TOO)
            or (about == NOTED and word & _IS_MENTIONED)
            or (about > 0 and mentions(buffer, place, size, about))
        ):
            noted[inner, 0], noted[inner, 1], noted[inner, 2], noted[inner, 3] = row, op[TARGET], place, size
            noted[inner, 4] = kind
            inner += 1
    return inner


@compiled
def take_run(
    buffer: Any, begin: int, end: int, found: Any, inner: int, keys: Any, base: int, shapes: Any,
    scratch: Any,
) -> Any:  # fmt: skip
    """The cells of rows ``begin`` to ``end``, which have one plan; texts still as they stand in the message.

    -> how many rows fail, and how many structures are noted. A row that fails has no plan any more.
    """
    rows, words, cells = found.rows, found.words, found.cells
    plan, first = rows[begin, PLAN], rows[begin, WORDS]
    step = rows[begin + 1, WORDS] - first if end - begin > 1 else 0
    failed = 0
    for number in range(shapes.plans[plan, FIRST_OP], shapes.plans[plan, END_OP]):
        op = shapes.ops[number]
        what, target, at, want, kind = op[WHAT], op[TARGET], first + op[PLACE], op[WANT], op[KIND]
        if what == AS_IT_IS:
            for row in range(begin, end):
                cells.word[target, row] = words[at]
                at += step
        elif what == FINITE:
            for row in range(begin, end):
                word = words[at]
                at += step
                cells.word[target, row] = word
                if (np.uint64(word) & _FINITE) == _FINITE or (want == ELAPSED and word < 0):
                    rows[row, PLAN] = -1
                    failed += 1
        elif what == TEXT_OP:
            failed += _take_texts(buffer, rows, begin, end, words, at, step, want, cells.word[target], keys, base)
        elif what == OTHER:
            failed += _convert(
                buffer, rows, begin, end, words, at, step, want, kind, cells.is_text[target],
                cells.word[target], keys, base, scratch.stack,
            )  # fmt: skip
        elif what == REFUSED:
            failed += _look_for_refusals(buffer, rows, begin, end, words, at, step, want)
        elif what == STRUCTURE:
            inner = _note_structures(buffer, rows, begin, end, words, at, step, op, found.inner, inner)
    return failed, inner
